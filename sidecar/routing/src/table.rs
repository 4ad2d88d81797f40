//! What is known of every endpoint. In: reports of pods, heard from themselves or from a peer that knows them. Out: one
//! standing for each endpoint, which is the sum of its pods. Nothing heard is forgotten at once: a table that is all that
//! is left is better than none.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use wire::{Digest, LoadReport, routes::PeerRow};

/// More endpoints than this are not listened to: what a peer says must not fill the memory.
pub const ENDPOINTS_MAX: usize = 1024;

/// Pods of one endpoint at most.
const PODS_MAX: usize = 16;

/// No name and no address is longer, in bytes.
const WORD_BYTES_MAX: usize = 256;

/// An endpoint that is listed and was not heard of for this long is doubtful.
const UNHEARD_MAX: Duration = Duration::from_secs(30);

/// A pod that nothing was heard of for this long is gone.
const FORGET_AFTER: Duration = Duration::from_secs(120);

/// Hearsay older than this is not worth repeating.
const HEARSAY_MAX: Duration = Duration::from_secs(30);

/// No wait and no service is believed to be longer than this, in microseconds.
const BELIEVED_US: f32 = 60_000_000.0;

/// Requests that devices were led to and that no report shows yet fade with this time constant, in seconds.
const UNSEEN_SECONDS: f32 = 1.0;

/// After so many of it they are none.
const UNSEEN_AGE_MAX: f32 = 5.0;

/// All endpoints of one model.
#[derive(Debug, Default)]
pub struct Table {
    endpoints: Vec<Endpoint>,
    by_id: HashMap<String, usize>,
    by_instance: HashMap<String, usize>,
}

/// One endpoint: in a cluster a node.
#[derive(Debug)]
pub struct Endpoint {
    /// Who it is.
    pub identity: Identity,
    /// The sum of its pods.
    pub standing: Standing,
    pods: Vec<Pod>,
    /// Since when it is in the table.
    since: Option<Instant>,
    /// The operator says where it is, and nobody else may.
    is_listed: bool,
    unseen: f32,
    unseen_at: Option<Instant>,
}

/// Who an endpoint is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Its id; in a cluster the node's name.
    pub id: String,
    /// Where devices dial it.
    pub url: String,
    /// Its site.
    pub zone: String,
    /// The file that all of its pods serve, where they say so.
    pub digest: Option<Digest>,
}

/// How an endpoint stands, by its latest reports.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Standing {
    /// When the latest report was true; `None` before the first.
    pub heard: Option<Instant>,
    /// How long a request would wait, in microseconds.
    pub wait_us: f32,
    /// Median time in the model server, in microseconds; 0 before the first answer.
    pub p50_us: f32,
    /// 95th percentile of it, in microseconds; 0 before the first answer.
    pub p95_us: f32,
    /// Requests inside its model servers at once.
    pub slots: f32,
    /// Share of its requests that failed lately.
    pub failing: f32,
    /// No pod of it takes new work.
    pub is_closed: bool,
    /// Its link broke, or no report came when one was due.
    pub is_silent: bool,
}

impl Standing {
    /// Requests that it can answer in a second, as far as that was measured.
    #[must_use]
    pub fn per_second(&self) -> f32 {
        if self.p50_us > 0.0 && !self.is_closed && !self.is_silent {
            self.slots * 1e6 / self.p50_us
        } else {
            0.0
        }
    }
}

#[derive(Debug)]
struct Pod {
    instance: String,
    address: String,
    digest: Option<Digest>,
    slots: u32,
    load: LoadReport,
    heard: Instant,
    /// When the next report is due, with some patience.
    due: Instant,
    /// Whether it told this itself.
    is_direct: bool,
    /// When it was no longer heard.
    cut: Option<Instant>,
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
        let was_at = self.by_instance.get(&row.instance).copied();
        let Some(index) = self.place(now, row, source) else { return };
        match was_at.filter(|was| *was != index) {
            Some(_) if !is_direct => return,
            Some(was) => self.endpoints[was].forget(&row.instance),
            None => {}
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

impl Endpoint {
    fn new(now: Instant, identity: Identity) -> Self {
        let (standing, pods, since) = (Standing::default(), Vec::new(), Some(now));
        Self { identity, standing, pods, since, is_listed: false, unseen: 0.0, unseen_at: None }
    }

    /// Takes a row for one of its pods; `false` where there is no place for it or something better is known.
    fn learn(&mut self, row: &PeerRow, source: Source, heard: Instant, next: Duration) -> bool {
        let is_direct = matches!(source, Source::Itself(_));
        let known = self.pods.iter().position(|pod| pod.instance == row.instance);
        let at = match known {
            Some(at) if is_direct || self.pods[at].yields_to(heard) => at,
            Some(_) => return false,
            None if self.pods.len() < PODS_MAX => self.pods.len(),
            // What is certain takes the place of the oldest that is not.
            None if is_direct => {
                let doubtful =
                    self.pods.iter().enumerate().filter(|(_, pod)| !pod.is_direct || pod.cut.is_some());
                let Some((at, _)) = doubtful.min_by_key(|(_, pod)| pod.heard) else { return false };
                at
            }
            None => return false,
        };
        let pod = Pod::new(row, source, heard, heard + next * 5 / 2);
        if at == self.pods.len() {
            self.pods.push(pod);
        } else {
            self.pods[at] = pod;
        }
        self.sum();
        true
    }

    fn pod(&mut self, instance: &str) -> Option<&mut Pod> {
        self.pods.iter_mut().find(|pod| pod.instance == instance)
    }

    fn forget(&mut self, instance: &str) {
        self.pods.retain(|pod| pod.instance != instance);
        self.sum();
    }

    fn age(&mut self, now: Instant) {
        let newest = self.pods.iter().map(|pod| pod.heard).max().filter(|_| self.is_listed);
        let before = self.pods.len();
        self.pods.retain(|pod| now < pod.heard + FORGET_AFTER || Some(pod.heard) == newest);
        let mut is_changed = self.pods.len() != before;
        for pod in self.pods.iter_mut().filter(|pod| pod.cut.is_none() && pod.due < now) {
            (pod.cut, is_changed) = (Some(now), true);
        }
        if is_changed {
            self.sum();
        }
    }

    /// Whether it should have been heard of by now and never was.
    pub(crate) fn is_unheard(&self, now: Instant) -> bool {
        self.standing.heard.is_none() && self.since.is_none_or(|since| now > since + UNHEARD_MAX)
    }

    /// Requests that devices were led to here and that no report can show yet.
    pub(crate) fn unseen(&self, now: Instant) -> f32 {
        let Some(at) = self.unseen_at else { return 0.0 };
        let age = now.saturating_duration_since(at).as_secs_f32() / UNSEEN_SECONDS;
        if age > UNSEEN_AGE_MAX { 0.0 } else { self.unseen * (-age).exp() }
    }

    /// The sum of the pods that are heard, or of all where none is. Which pod of a node a connection leads to is chance, so
    /// waits are their mean.
    fn sum(&mut self) {
        let is_silent = !self.pods.is_empty() && self.pods.iter().all(|pod| pod.cut.is_some());
        let counted = || self.pods.iter().filter(|pod| is_silent || pod.cut.is_none());
        let open = counted().filter(|pod| pod.takes_work()).count();
        let working = || counted().filter(|pod| open == 0 || pod.takes_work());
        let mut sum =
            Standing { is_silent, is_closed: open == 0 && !self.pods.is_empty(), ..Standing::default() };
        for pod in working() {
            let metrics = &pod.load.named_metrics;
            sum.heard = sum.heard.max(Some(pod.heard));
            sum.wait_us += microseconds(metrics.estimated_wait_ms);
            sum.p50_us = sum.p50_us.max(microseconds(metrics.service_p50_ms));
            sum.p95_us = sum.p95_us.max(microseconds(metrics.service_p95_ms));
            sum.slots += pod.slots as f32;
            sum.failing = sum.failing.max(pod.failing());
        }
        sum.wait_us /= (working().count() as f32).max(1.0);
        let first = working().next().and_then(|pod| pod.digest.as_ref());
        self.identity.digest = first.filter(|_| working().all(|pod| pod.digest.as_ref() == first)).cloned();
        self.standing = sum;
    }
}

impl Pod {
    fn new(row: &PeerRow, source: Source, heard: Instant, due: Instant) -> Self {
        Self {
            instance: row.instance.clone(),
            address: row.address.clone(),
            digest: row.model_digest.clone(),
            slots: row.max_concurrency,
            load: row.load.clone(),
            heard,
            due,
            is_direct: matches!(source, Source::Itself(_)),
            cut: None,
        }
    }

    /// Whether hearsay of that moment is better than what is known. What was cut may be an echo of what was heard before.
    fn yields_to(&self, heard: Instant) -> bool {
        match self.cut {
            Some(cut) => cut < heard,
            None => !self.is_direct && self.heard < heard,
        }
    }

    fn takes_work(&self) -> bool {
        self.load.named_metrics.draining == 0.0 && self.load.named_metrics.not_ready == 0.0
    }

    /// Errors by requests, where there are enough of either to mean something.
    fn failing(&self) -> f32 {
        const SOME: f64 = 0.4;
        let (errors, requests) = (self.load.eps, self.load.rps_fractional);
        if errors < SOME { 0.0 } else { (errors / requests.max(errors)).clamp(0.0, 1.0) as f32 }
    }

    fn row(&self, now: Instant, identity: &Identity) -> PeerRow {
        let age = now.saturating_duration_since(self.heard).as_millis();
        PeerRow {
            instance: self.instance.clone(),
            address: self.address.clone(),
            endpoint_id: identity.id.clone(),
            url: identity.url.clone(),
            zone: identity.zone.clone(),
            model_digest: self.digest.clone(),
            max_concurrency: self.slots,
            age_milliseconds: u32::try_from(age).unwrap_or(u32::MAX),
            load: self.load.clone(),
        }
    }
}

/// Whether a row can be one.
fn is_sound(row: &PeerRow) -> bool {
    let words = [&row.instance, &row.address, &row.endpoint_id, &row.url, &row.zone];
    !row.instance.is_empty()
        && !row.endpoint_id.is_empty()
        && words.iter().all(|word| word.len() <= WORD_BYTES_MAX)
}

/// Whatever is no number counts as the longest; nothing counts as more than is believed.
fn microseconds(milliseconds: f64) -> f32 {
    let microseconds = (milliseconds * 1000.0) as f32;
    if microseconds.is_finite() { microseconds.clamp(0.0, BELIEVED_US) } else { BELIEVED_US }
}

#[cfg(test)]
mod tests;
