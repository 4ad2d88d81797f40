//! What the operator counts. Labels are enums: no name of a user's object can become one.

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

/// Kinds that are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Kind {
    /// `apps/v1`.
    Deployment,
    /// `v1`.
    ConfigMap,
    /// `v1`.
    Service,
    /// `v1`.
    ServiceAccount,
    /// `networking.k8s.io/v1`.
    NetworkPolicy,
    /// `policy/v1`.
    PodDisruptionBudget,
    /// `longshore.dev/v1alpha1`; its status.
    InferenceOffload,
    /// `longshore.dev/v1alpha1`.
    OffloadClass,
    /// `events.k8s.io/v1`.
    Event,
}

/// What a write does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Server-side apply.
    Apply,
    /// Only where absent.
    Create,
    /// With preconditions.
    Delete,
}

/// How a reconcile ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The status says all.
    Ok,
    /// A child could not be read.
    ReadFailed,
    /// A child could not be written.
    ApplyFailed,
    /// A child could not be deleted.
    DeleteFailed,
    /// A child of an earlier offload is still there.
    ChildLeaving,
    /// The status could not be written.
    PublishFailed,
    /// A store lost its watcher.
    WatchEnded,
    /// The API server did not answer in time.
    TimedOut,
}

macro_rules! words {
    ($type:ty { $($variant:ident => $word:literal),* $(,)? }) => {
        impl EncodeLabelValue for $type {
            fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
                let word = match self { $(Self::$variant => $word),* };
                EncodeLabelValue::encode(&word, encoder)
            }
        }
    };
}

words!(Verb { Apply => "apply", Create => "create", Delete => "delete" });
words!(Outcome {
    Ok => "ok",
    ReadFailed => "read_failed",
    ApplyFailed => "apply_failed",
    DeleteFailed => "delete_failed",
    ChildLeaving => "child_leaving",
    PublishFailed => "publish_failed",
    WatchEnded => "watch_ended",
    TimedOut => "timed_out",
});

/// Labels of `longshore_operator_reconciles_total`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Reconciled {
    result: Outcome,
}

/// Labels of `longshore_operator_api_writes_total`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Write {
    kind: Kind,
    verb: Verb,
}

/// Labels of `longshore_operator_offloads`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Readiness {
    ready: bool,
}

/// Labels of `longshore_operator_handshakes_total`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Handshake {
    reached: bool,
}

/// What the operator counts.
pub struct Metrics {
    registry: Registry,
    reconciles: Family<Reconciled, Counter>,
    reconcile_seconds: Histogram,
    writes: Family<Write, Counter>,
    offloads: Family<Readiness, Gauge>,
    handshakes: Family<Handshake, Counter>,
    watch_errors: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut all = Self {
            registry: Registry::with_prefix("longshore_operator"),
            reconciles: Family::default(),
            reconcile_seconds: Histogram::new([0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0]),
            writes: Family::default(),
            offloads: Family::default(),
            handshakes: Family::default(),
            watch_errors: Counter::default(),
        };
        let registry = &mut all.registry;
        registry.register("reconciles", "Looks at an offload, by result", all.reconciles.clone());
        registry.register(
            "reconcile_seconds",
            "Time of one look at an offload, in seconds",
            all.reconcile_seconds.clone(),
        );
        registry.register("api_writes", "Writes to the API server, by kind and verb", all.writes.clone());
        registry.register("offloads", "Offloads, by whether they are ready", all.offloads.clone());
        registry.register(
            "handshakes",
            "Handshakes with endpoints, by whether the node that was meant answered",
            all.handshakes.clone(),
        );
        registry.register(
            "watch_errors",
            "Failures of watches, before they begin again",
            all.watch_errors.clone(),
        );
        all
    }
}

impl Metrics {
    /// A reconcile has ended.
    pub fn reconciled(&self, result: Outcome, seconds: f64) {
        self.reconciles.get_or_create(&Reconciled { result }).inc();
        self.reconcile_seconds.observe(seconds);
    }

    /// The API server took a write.
    pub fn wrote(&self, kind: Kind, verb: Verb) {
        self.writes.get_or_create(&Write { kind, verb }).inc();
    }

    /// A handshake has ended.
    pub fn handshake(&self, reached: bool) {
        self.handshakes.get_or_create(&Handshake { reached }).inc();
    }

    /// A watch failed.
    pub fn watch_failed(&self) {
        self.watch_errors.inc();
    }

    /// Everything as text, with the number of offloads that are and are not ready.
    #[must_use]
    pub fn text(&self, ready: usize, not_ready: usize) -> String {
        for (ready, count) in [(true, ready), (false, not_ready)] {
            self.offloads.get_or_create(&Readiness { ready }).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)
            .expect("writing to a string cannot fail");
        text
    }
}
