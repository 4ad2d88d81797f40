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
    /// The file that it serves, where it says so.
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
    slots: u32,
    load: LoadReport,
    heard: Instant,
    /// When the next report is due, with some patience.
    due: Instant,
    /// Whether it told this itself.
    is_direct: bool,
    /// What was heard is no longer heard.
    is_cut: bool,
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
    /// A row arrived. Hearsay never replaces what the pod itself told, nor anything newer, and cannot move an endpoint.
    pub fn learn(&mut self, now: Instant, row: &PeerRow, source: Source) {
        let age = Duration::from_millis(row.age_milliseconds.into());
        let (is_direct, next) = match source {
            Source::Itself(next) => (true, next),
            Source::Hearsay(next) => (false, next),
        };
        if row.instance.is_empty() || row.endpoint_id.is_empty() || (!is_direct && age > HEARSAY_MAX) {
            return;
        }
        // An instant before the machine's start cannot be told.
        let heard = now.checked_sub(age).unwrap_or(now);
        let Some(index) = self.place(row, is_direct) else { return };
        let endpoint = &mut self.endpoints[index];
        let known = endpoint.pods.iter().position(|pod| pod.instance == row.instance);
        let at = match known {
            Some(at) if is_direct || endpoint.pods[at].yields_to(heard) => at,
            Some(_) => return,
            None if endpoint.pods.len() >= PODS_MAX => return,
            None => {
                self.by_instance.insert(row.instance.clone(), index);
                endpoint.pods.push(Pod::new(row, heard));
                endpoint.pods.len() - 1
            }
        };
        let pod = &mut endpoint.pods[at];
        pod.load.clone_from(&row.load);
        pod.slots = row.max_concurrency;
        (pod.heard, pod.due) = (heard, heard + next * 5 / 2);
        (pod.is_direct, pod.is_cut) = (is_direct, false);
        if !row.address.is_empty() {
            pod.address.clone_from(&row.address);
        }
        endpoint.sum();
    }

    /// A pod that is known told its load, and the next is due within `next`.
    pub fn told(&mut self, now: Instant, instance: &str, load: LoadReport, next: Duration) {
        let Some(&index) = self.by_instance.get(instance) else { return };
        let endpoint = &mut self.endpoints[index];
        if let Some(pod) = endpoint.pods.iter_mut().find(|pod| pod.instance == instance) {
            (pod.load, pod.heard, pod.due) = (load, now, now + next * 5 / 2);
            (pod.is_direct, pod.is_cut) = (true, false);
        }
        endpoint.sum();
    }

    /// The link to a pod broke.
    pub fn cut(&mut self, instance: &str) {
        let Some(&index) = self.by_instance.get(instance) else { return };
        let endpoint = &mut self.endpoints[index];
        for pod in endpoint.pods.iter_mut().filter(|pod| pod.instance == instance) {
            pod.is_cut = true;
        }
        endpoint.sum();
    }

    /// Grows older: pods whose report is overdue are silent, those of whom nothing was heard for two minutes are gone, and
    /// an endpoint with its last pod, unless `listed` names it: of those the last pod stays, as a sign that it is silent.
    pub fn age(&mut self, now: Instant, listed: &[Identity]) {
        let ids: HashSet<&str> = listed.iter().map(|identity| identity.id.as_str()).collect();
        for endpoint in &mut self.endpoints {
            endpoint.age(now, ids.contains(endpoint.identity.id.as_str()));
        }
        self.endpoints
            .retain(|endpoint| !endpoint.pods.is_empty() || ids.contains(endpoint.identity.id.as_str()));
        self.index();
        for identity in listed {
            if let Some(index) = self.endpoint(identity) {
                let known = &mut self.endpoints[index].identity;
                known.url.clone_from(&identity.url);
                known.zone.clone_from(&identity.zone);
            }
        }
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
        let fresh = |pod: &&Pod| !pod.is_cut && now.saturating_duration_since(pod.heard) <= HEARSAY_MAX;
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

    /// The endpoint of a row: the known one, or a new one. Hearsay cannot move one.
    fn place(&mut self, row: &PeerRow, is_direct: bool) -> Option<usize> {
        let identity = Identity {
            id: row.endpoint_id.clone(),
            url: row.url.clone(),
            zone: row.zone.clone(),
            digest: row.model_digest.clone(),
        };
        let index = self.endpoint(&identity)?;
        let known = &mut self.endpoints[index].identity;
        if is_direct || known.url.is_empty() {
            *known = identity;
        }
        Some(index)
    }

    /// The place of an endpoint, made where there is none yet and room for it.
    fn endpoint(&mut self, identity: &Identity) -> Option<usize> {
        if let Some(index) = self.by_id.get(&identity.id) {
            return Some(*index);
        }
        if self.endpoints.len() >= ENDPOINTS_MAX {
            return None;
        }
        self.endpoints.push(Endpoint::new(identity.clone()));
        self.by_id.insert(identity.id.clone(), self.endpoints.len() - 1);
        Some(self.endpoints.len() - 1)
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
    fn new(identity: Identity) -> Self {
        let standing = Standing::default();
        Self { identity, standing, pods: Vec::new(), unseen: 0.0, unseen_at: None }
    }

    fn age(&mut self, now: Instant, is_listed: bool) {
        let newest = self.pods.iter().map(|pod| pod.heard).max().filter(|_| is_listed);
        let before = self.pods.len();
        self.pods.retain(|pod| now < pod.heard + FORGET_AFTER || Some(pod.heard) == newest);
        let mut is_changed = self.pods.len() != before;
        for pod in self.pods.iter_mut().filter(|pod| !pod.is_cut && pod.due < now) {
            (pod.is_cut, is_changed) = (true, true);
        }
        if is_changed {
            self.sum();
        }
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
        let is_silent = !self.pods.is_empty() && self.pods.iter().all(|pod| pod.is_cut);
        let counted = || self.pods.iter().filter(|pod| is_silent || !pod.is_cut);
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
        self.standing = sum;
    }
}

impl Pod {
    fn new(row: &PeerRow, heard: Instant) -> Self {
        Self {
            instance: row.instance.clone(),
            address: row.address.clone(),
            slots: row.max_concurrency,
            load: LoadReport::default(),
            heard,
            due: heard,
            is_direct: false,
            is_cut: false,
        }
    }

    /// Whether hearsay of that moment is better than what is known.
    fn yields_to(&self, heard: Instant) -> bool {
        (!self.is_direct || self.is_cut) && self.heard < heard
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
            model_digest: identity.digest.clone(),
            max_concurrency: self.slots,
            age_milliseconds: u32::try_from(age).unwrap_or(u32::MAX),
            load: self.load.clone(),
        }
    }
}

/// Whatever cannot be counts as nothing; nothing counts as more than is believed.
fn microseconds(milliseconds: f64) -> f32 {
    let microseconds = (milliseconds * 1000.0) as f32;
    if microseconds.is_finite() { microseconds.clamp(0.0, BELIEVED_US) } else { BELIEVED_US }
}

#[cfg(test)]
mod tests;
