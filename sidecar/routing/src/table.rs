//! What is known of every endpoint. In: reports of pods, heard from themselves or from a peer that knows them. Out: one
//! standing for each endpoint, which is the sum of its pods. Nothing heard is forgotten at once: a table that is all that
//! is left is better than none.

mod endpoint;

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use wire::{LoadReport, routes::PeerRow};

use endpoint::Pod;
pub use endpoint::{Endpoint, Identity, Standing};

/// More endpoints than this are not listened to: what a peer says must not fill the memory.
pub const ENDPOINTS_MAX: usize = 1024;

/// No name and no address is longer, in bytes.
const WORD_BYTES_MAX: usize = 256;

/// Hearsay older than this is not worth repeating.
const HEARSAY_MAX: Duration = Duration::from_secs(30);

/// All endpoints of one model.
#[derive(Debug, Default)]
pub struct Table {
    endpoints: Vec<Endpoint>,
    by_id: HashMap<String, usize>,
    by_instance: HashMap<String, usize>,
}

/// Whose word a report is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The pod's own, and the next is due within this time.
    Itself(Duration),
    /// A peer's, and the next is due within this time.
    Hearsay(Duration),
}

impl Table {
    /// A row arrived. Hearsay never replaces what the pod itself told, nor anything newer, and cannot move an endpoint or a
    /// pod.
    pub fn learn(&mut self, now: Instant, row: &PeerRow, source: Source) {
        let age = Duration::from_millis(row.age_milliseconds.into());
        let (is_direct, next) = match source {
            Source::Itself(next) => (true, next),
            Source::Hearsay(next) => (false, next),
        };
        if !is_sound(row) || (!is_direct && age > HEARSAY_MAX) {
            return;
        }
        // An instant before the machine's start cannot be told.
        let heard = now.checked_sub(age).unwrap_or(now);
        let known = self.by_instance.get(&row.instance).copied();
        let moved_from = known.filter(|at| self.endpoints[*at].identity.id != row.endpoint_id);
        if moved_from.is_some() && !is_direct {
            return;
        }
        let Some(index) = self.place(now, row, source) else { return };
        if let Some(before) = moved_from {
            self.endpoints[before].forget(&row.instance);
        }
        if self.endpoints[index].learn(row, source, heard, next) {
            self.by_instance.insert(row.instance.clone(), index);
        }
    }

    /// A pod that is known told its load, and the next is due within `next`.
    pub fn told(&mut self, now: Instant, instance: &str, load: LoadReport, next: Duration) {
        if let Some(pod) = self.endpoint_of(instance).and_then(|endpoint| endpoint.pod(instance)) {
            (pod.load, pod.heard, pod.due) = (load, now, now + next * 5 / 2);
            (pod.is_direct, pod.cut) = (true, None);
        }
        self.sum(instance);
    }

    /// The link to a pod broke.
    pub fn cut(&mut self, now: Instant, instance: &str) {
        if let Some(pod) = self.endpoint_of(instance).and_then(|endpoint| endpoint.pod(instance)) {
            pod.cut = Some(now);
        }
        self.sum(instance);
    }

    /// Grows older: pods whose report is overdue are silent, those of whom nothing was heard for two minutes are gone, and
    /// an endpoint with its last pod, unless `listed` names it: of those the last pod stays, as a sign that it is silent.
    pub fn age(&mut self, now: Instant, listed: &[Identity]) {
        let ids: HashSet<&str> = listed.iter().map(|identity| identity.id.as_str()).collect();
        for endpoint in &mut self.endpoints {
            endpoint.is_listed = ids.contains(endpoint.identity.id.as_str());
            endpoint.age(now);
        }
        self.endpoints.retain(|endpoint| !endpoint.pods.is_empty() || endpoint.is_listed);
        self.index();
        for identity in listed {
            if let Some(index) = self.endpoint(now, identity, 2 * ENDPOINTS_MAX) {
                let endpoint = &mut self.endpoints[index];
                endpoint.is_listed = true;
                endpoint.identity.url.clone_from(&identity.url);
                endpoint.identity.zone.clone_from(&identity.zone);
            }
        }
    }

    /// Pods that are heard.
    #[must_use]
    pub fn heard(&self) -> usize {
        self.endpoints.iter().flat_map(|endpoint| &endpoint.pods).filter(|pod| pod.cut.is_none()).count()
    }

    /// All endpoints.
    #[must_use]
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// The place of an endpoint.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    /// What to tell peers, oldest last and at most `rows`: own rows are for the caller to put before it.
    #[must_use]
    pub fn rows(&self, now: Instant, rows: usize) -> Vec<PeerRow> {
        let fresh = |pod: &&Pod| pod.cut.is_none() && now.saturating_duration_since(pod.heard) <= HEARSAY_MAX;
        let of = |endpoint: &'_ Endpoint| {
            let pods = endpoint.pods.iter().filter(fresh);
            pods.map(|pod| pod.row(now, &endpoint.identity)).collect::<Vec<_>>()
        };
        let mut all: Vec<PeerRow> = self.endpoints.iter().flat_map(of).collect();
        all.sort_by_key(|row| row.age_milliseconds);
        all.truncate(rows);
        all
    }

    /// Addresses of pods that were heard of, with their zones.
    pub fn addresses(&self) -> impl Iterator<Item = (&str, &str)> {
        self.endpoints.iter().flat_map(|endpoint| {
            let zone = endpoint.identity.zone.as_str();
            let known = endpoint.pods.iter().filter(|pod| !pod.address.is_empty());
            known.map(move |pod| (pod.address.as_str(), zone))
        })
    }

    /// A device is led to an endpoint: its request is on the way.
    pub(crate) fn lead_to(&mut self, now: Instant, index: usize) {
        let endpoint = &mut self.endpoints[index];
        endpoint.unseen = endpoint.unseen(now) + 1.0;
        endpoint.unseen_at = Some(now);
    }

    /// The endpoint of a row: the known one, or a new one. Where it is, a list has the last word, then the endpoint itself.
    fn place(&mut self, now: Instant, row: &PeerRow, source: Source) -> Option<usize> {
        let is_direct = matches!(source, Source::Itself(_));
        let identity = Identity {
            id: row.endpoint_id.clone(),
            url: row.url.clone(),
            zone: row.zone.clone(),
            digest: None,
        };
        let index = self.endpoint(now, &identity, if is_direct { 2 } else { 1 } * ENDPOINTS_MAX)?;
        let endpoint = &mut self.endpoints[index];
        if !endpoint.is_listed && (is_direct || endpoint.identity.url.is_empty()) {
            (endpoint.identity.url, endpoint.identity.zone) = (identity.url, identity.zone);
        }
        Some(index)
    }

    /// The place of an endpoint, made where there is none yet and room for it: hearsay leaves some to what is certain.
    fn endpoint(&mut self, now: Instant, identity: &Identity, endpoints_max: usize) -> Option<usize> {
        if let Some(index) = self.by_id.get(&identity.id) {
            return Some(*index);
        }
        if self.endpoints.len() >= endpoints_max {
            return None;
        }
        self.endpoints.push(Endpoint::new(now, identity.clone()));
        self.by_id.insert(identity.id.clone(), self.endpoints.len() - 1);
        Some(self.endpoints.len() - 1)
    }

    fn endpoint_of(&mut self, instance: &str) -> Option<&mut Endpoint> {
        self.endpoints.get_mut(*self.by_instance.get(instance)?)
    }

    fn sum(&mut self, instance: &str) {
        if let Some(endpoint) = self.endpoint_of(instance) {
            endpoint.sum();
        }
    }

    fn index(&mut self) {
        let all = || self.endpoints.iter().enumerate();
        self.by_id = all().map(|(index, endpoint)| (endpoint.identity.id.clone(), index)).collect();
        let pods =
            all().flat_map(|(index, endpoint)| endpoint.pods.iter().map(move |pod| (&pod.instance, index)));
        self.by_instance = pods.map(|(instance, index)| (instance.clone(), index)).collect();
    }
}

/// Whether a row can be one.
fn is_sound(row: &PeerRow) -> bool {
    let words = [&row.instance, &row.address, &row.endpoint_id, &row.url, &row.zone];
    !row.instance.is_empty()
        && !row.endpoint_id.is_empty()
        && words.iter().all(|word| word.len() <= WORD_BYTES_MAX)
}

#[cfg(test)]
mod tests;
