//! What is known of every endpoint. In: reports of pods, heard from themselves or from a peer that knows them. Out: one
//! standing for each endpoint, which is the sum of its pods. Nothing heard is forgotten at once: a table that is all that
//! is left is better than none.

mod endpoint;
mod glance;
mod sums;

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use wire::{LoadReport, routes::PeerRow};

use endpoint::Pod;
pub use endpoint::{Endpoint, Identity, Standing};
pub(crate) use glance::{Glance, Rank, Tag, seconds};
pub(crate) use sums::Mean;
use sums::Sums;

/// More endpoints than this are not listened to: what a peer says must not fill the memory.
pub const ENDPOINTS_MAX: usize = 1024;

/// No name and no address is longer, in bytes.
const WORD_BYTES_MAX: usize = 256;

/// Hearsay older than this is not worth repeating.
const HEARSAY_MAX: Duration = Duration::from_secs(30);

/// Requests that devices were led to and that no report shows yet fade with this time constant, in seconds.
const UNSEEN_SECONDS: f64 = 1.0;

/// They are counted as of one moment for all endpoints, which is moved on when it is so old, in seconds: a question then
/// makes one exponential and not one for each endpoint.
const UNSEEN_AGE_MAX: f64 = 30.0;

/// All endpoints of one model.
#[derive(Debug, Default)]
pub struct Table {
    /// When it began: the first that it heard of anyone.
    epoch: Option<Instant>,
    /// The moment of which requests on their way are counted, in seconds since then.
    unseen_at: f64,
    endpoints: Vec<Endpoint>,
    sums: Sums,
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
            self.change(before, |endpoint| endpoint.forget(&row.instance));
        }
        if self.change(index, |endpoint| endpoint.learn(row, source, heard, next)) {
            self.by_instance.insert(row.instance.clone(), index);
        }
    }

    /// A pod that is known told its load, and the next is due within `next`.
    pub fn told(&mut self, now: Instant, instance: &str, load: LoadReport, next: Duration) {
        self.change_pod(instance, |pod| {
            (pod.load, pod.heard, pod.due) = (load, now, now + next * 5 / 2);
            (pod.is_direct, pod.cut) = (true, None);
        });
    }

    /// The link to a pod broke.
    pub fn cut(&mut self, now: Instant, instance: &str) {
        self.change_pod(instance, |pod| pod.cut = Some(now));
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
                endpoint.stands_at(&identity.url, &identity.zone);
            }
        }
        self.sums = Sums::default();
        self.endpoints.iter().for_each(|endpoint| self.sums.add(&endpoint.standing));
    }

    /// Pods that are heard.
    #[must_use]
    pub fn heard(&self) -> usize {
        self.sums.pods as usize
    }

    /// Requests that all endpoints can answer in a second, as far as that was measured.
    #[must_use]
    pub fn per_second(&self) -> f32 {
        self.sums.per_second as f32
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

    /// A moment as seconds since the table began.
    pub(crate) fn seconds(&self, at: Instant) -> f64 {
        self.epoch.map_or(0.0, |epoch| seconds(epoch, at))
    }

    /// What stands in where nothing is known of an endpoint.
    pub(crate) fn mean(&self) -> Mean {
        self.sums.mean()
    }

    /// How much of the requests on their way that endpoints count is left at a moment, in seconds.
    pub(crate) fn unseen_left(&self, now: f64) -> f32 {
        ((self.unseen_at - now) / UNSEEN_SECONDS).exp() as f32
    }

    /// A device is led to an endpoint: its request is on the way.
    pub(crate) fn lead_to(&mut self, now: Instant, index: usize) {
        let now = self.seconds(now);
        if now - self.unseen_at > UNSEEN_AGE_MAX {
            let left = self.unseen_left(now);
            self.endpoints.iter_mut().for_each(|endpoint| endpoint.glance.unseen *= left);
            self.unseen_at = now;
        }
        self.endpoints[index].glance.unseen += 1.0 / self.unseen_left(now);
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
            endpoint.stands_at(&row.url, &row.zone);
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
        let epoch = *self.epoch.get_or_insert(now);
        self.endpoints.push(Endpoint::new(now, epoch, identity.clone()));
        self.by_id.insert(identity.id.clone(), self.endpoints.len() - 1);
        Some(self.endpoints.len() - 1)
    }

    fn change_pod(&mut self, instance: &str, change: impl FnOnce(&mut Pod)) {
        let Some(index) = self.by_instance.get(instance).copied() else { return };
        self.change(index, |endpoint| {
            if let Some(pod) = endpoint.pod(instance) {
                change(pod);
            }
            endpoint.sum();
        });
    }

    /// Whatever moves an endpoint's standing moves the sums.
    fn change<R>(&mut self, index: usize, change: impl FnOnce(&mut Endpoint) -> R) -> R {
        let endpoint = &mut self.endpoints[index];
        self.sums.take(&endpoint.standing);
        let result = change(endpoint);
        self.sums.add(&endpoint.standing);
        result
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
