//! How a request ends, where, and why: closed lists with their public words.

use std::fmt;

use wire::Outcome;

use super::endpoint::EndpointId;

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ending {
    /// There is a result.
    Answered,
    /// The deadline came first.
    Late,
    /// No place could give a result.
    Failed,
}

impl Ending {
    /// The public word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Late => "late",
            Self::Failed => "failed",
        }
    }
}

/// Where a result comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// The model on the device.
    Device,
    /// An endpoint.
    Edge(EndpointId),
    /// The last result, repeated.
    Cache,
}

impl Place {
    /// The public word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Edge(_) => "edge",
            Self::Cache => "cache",
        }
    }
}

/// Why a request ran where it ran, or why it did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The policy's mode is `LocalOnly`.
    ModeLocalOnly,
    /// The policy's mode is `OffloadOnly`.
    ModeOffloadOnly,
    /// The data class forbids that the input leaves the device.
    DataRestricted,
    /// No endpoint told its policy yet: what the owner allows is not known.
    PolicyUnknown,
    /// The policy bundle is too old to act on.
    BundleExpired,
    /// No endpoint is known.
    NoEndpoint,
    /// Every known endpoint failed lately.
    EndpointsUnreachable,
    /// There is no model on the device.
    NoLocalModel,
    /// The model is larger than the device can hold.
    ModelTooLarge,
    /// The battery is below the policy's threshold.
    BatteryLow,
    /// The device is too slow for the deadline.
    LocalTooSlow,
    /// The edge is too slow for the deadline.
    EdgeTooSlow,
    /// No place meets the deadline: the policy's fallback.
    Fallback,
    /// The device costs less.
    LocalCheaper,
    /// The edge costs less.
    EdgeCheaper,
    /// The other place is better, by less than the policy's margin.
    WithinMargin,
    /// The other place is better, and work moved too short a time ago.
    Dwell,
    /// The other place is better, and work moved too often lately.
    FlapLimit,
    /// Time is too short to wait for one place and then turn to the other: both were begun.
    NoSlack,
    /// The edge was too slow a while ago: it was begun at both places to see whether it still is.
    Exploring,
    /// The edge may be late and the runs here in reserve are used up: the device.
    HedgeBudget,
    /// The device has sent as much as the site lets it: the device.
    CreditsSpent,
    /// The device's own answer was below the policy's confidence.
    LowConfidence,
    /// The edge did not answer in time.
    EdgeSilent,
    /// The connection to the edge failed.
    EdgeFailed,
    /// The edge refused, or would refuse, with this outcome.
    Refused(Outcome),
    /// The model on the device failed.
    LocalFailed,
    /// The input could not be read.
    InputUnreadable,
}

impl Reason {
    /// The public word. A refusal is told by the word of its outcome.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::ModeLocalOnly => "mode_local_only",
            Self::ModeOffloadOnly => "mode_offload_only",
            Self::DataRestricted => "data_restricted",
            Self::PolicyUnknown => "policy_unknown",
            Self::BundleExpired => "bundle_expired",
            Self::NoEndpoint => "no_endpoint",
            Self::EndpointsUnreachable => "endpoints_unreachable",
            Self::NoLocalModel => "no_local_model",
            Self::ModelTooLarge => "model_too_large",
            Self::BatteryLow => "battery_low",
            Self::LocalTooSlow => "local_too_slow",
            Self::EdgeTooSlow => "edge_too_slow",
            Self::Fallback => "fallback",
            Self::LocalCheaper => "local_cheaper",
            Self::EdgeCheaper => "edge_cheaper",
            Self::WithinMargin => "within_margin",
            Self::Dwell => "dwell",
            Self::FlapLimit => "flap_limit",
            Self::NoSlack => "no_slack",
            Self::Exploring => "exploring",
            Self::HedgeBudget => "hedge_budget",
            Self::CreditsSpent => "credits_spent",
            Self::LowConfidence => "low_confidence",
            Self::EdgeSilent => "edge_silent",
            Self::EdgeFailed => "edge_failed",
            Self::Refused(outcome) => outcome.word(),
            Self::LocalFailed => "local_failed",
            Self::InputUnreadable => "input_unreadable",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The one verdict on a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// How it ended.
    pub ending: Ending,
    /// Whose result to give; `None` unless it was answered.
    pub place: Option<Place>,
    /// Why.
    pub reason: Reason,
}
