//! One endpoint: what its pods told, and their sum.

use std::time::{Duration, Instant};

use wire::{Digest, LoadReport, routes::PeerRow};

use super::{Source, glance::Glance};

/// Pods of one endpoint at most.
const PODS_MAX: usize = 16;

/// A pod that nothing was heard of for this long is gone.
const FORGET_AFTER: Duration = Duration::from_secs(120);

/// No wait and no service is believed to be longer than this, in microseconds.
const BELIEVED_US: f32 = 60_000_000.0;

/// One endpoint: in a cluster a node.
#[derive(Debug)]
pub struct Endpoint {
    /// Who it is.
    pub identity: Identity,
    /// The sum of its pods.
    pub standing: Standing,
    /// What a question reads of it.
    pub(crate) glance: Glance,
    pub(super) pods: Vec<Pod>,
    /// When the table began.
    epoch: Instant,
    /// Since when it is in the table.
    since: Instant,
    /// The operator says where it is, and nobody else may.
    pub(super) is_listed: bool,
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
    /// Pods of it that are heard.
    pub pods: u32,
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
pub(super) struct Pod {
    pub(super) instance: String,
    pub(super) address: String,
    digest: Option<Digest>,
    slots: u32,
    pub(super) load: LoadReport,
    pub(super) heard: Instant,
    /// When the next report is due, with some patience.
    pub(super) due: Instant,
    /// Whether it told this itself.
    pub(super) is_direct: bool,
    /// When it was no longer heard.
    pub(super) cut: Option<Instant>,
}

impl Endpoint {
    pub(super) fn new(now: Instant, epoch: Instant, identity: Identity) -> Self {
        let standing = Standing::default();
        let glance = Glance::of(&identity, &standing, epoch, now, 0.0);
        Self { identity, standing, glance, pods: Vec::new(), epoch, since: now, is_listed: false }
    }

    /// Devices dial it here, at this site.
    pub(super) fn stands_at(&mut self, url: &str, zone: &str) {
        if (self.identity.url.as_str(), self.identity.zone.as_str()) != (url, zone) {
            (self.identity.url, self.identity.zone) = (url.into(), zone.into());
            self.look();
        }
    }

    /// Takes a row for one of its pods; `false` where there is no place for it or something better is known.
    pub(super) fn learn(&mut self, row: &PeerRow, source: Source, heard: Instant, next: Duration) -> bool {
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

    pub(super) fn pod(&mut self, instance: &str) -> Option<&mut Pod> {
        self.pods.iter_mut().find(|pod| pod.instance == instance)
    }

    pub(super) fn forget(&mut self, instance: &str) {
        self.pods.retain(|pod| pod.instance != instance);
        self.sum();
    }

    pub(super) fn age(&mut self, now: Instant) {
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

    /// The sum of the pods that are heard, or of all where none is. Which pod of a node a connection leads to is chance, so
    /// waits are their mean.
    pub(super) fn sum(&mut self) {
        let is_silent = !self.pods.is_empty() && self.pods.iter().all(|pod| pod.cut.is_some());
        let counted = || self.pods.iter().filter(|pod| is_silent || pod.cut.is_none());
        let open = counted().filter(|pod| pod.takes_work()).count();
        let working = || counted().filter(|pod| open == 0 || pod.takes_work());
        let mut sum = Standing {
            pods: self.pods.iter().filter(|pod| pod.cut.is_none()).count() as u32,
            is_silent,
            is_closed: open == 0 && !self.pods.is_empty(),
            ..Standing::default()
        };
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
        self.look();
    }

    fn look(&mut self) {
        let unseen = self.glance.unseen;
        self.glance = Glance::of(&self.identity, &self.standing, self.epoch, self.since, unseen);
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

    pub(super) fn row(&self, now: Instant, identity: &Identity) -> PeerRow {
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

/// Whatever is no number counts as the longest; nothing counts as more than is believed.
fn microseconds(milliseconds: f64) -> f32 {
    let microseconds = (milliseconds * 1000.0) as f32;
    if microseconds.is_finite() { microseconds.clamp(0.0, BELIEVED_US) } else { BELIEVED_US }
}
