//! How a request ends: a closed list. The same word is the response header, the metric label and the device's reason.
//! Only this file knows which status code an outcome has.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The model answered.
    Served,
    /// The model server refused the request itself: wrong tensor name, shape, datatype.
    Rejected,
    /// Predicted to miss its deadline; refused at arrival.
    TooLate,
    /// Every place in the queue is taken.
    QueueFull,
    /// The device has used its share.
    QuotaExceeded,
    /// The deadline passed while waiting, or in the server before its answer began.
    Expired,
    /// The model is not loaded yet, or no longer.
    ModelNotReady,
    /// This endpoint is leaving.
    Draining,
    /// The body is longer than the endpoint takes.
    PayloadTooLarge,
    /// Ambiguous or broken framing, or headers too slow or too large.
    Malformed,
    /// No credentials, or credentials that cannot be believed.
    Unauthenticated,
    /// Credentials that do not allow this.
    Forbidden,
    /// No such path or method here.
    NotFound,
    /// The model server broke the connection or answered with a server error.
    UpstreamFailed,
    /// The client went away before its answer.
    ClientLeft,
}

/// What a device should do after an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Advice {
    /// Nothing: the answer is final.
    None,
    /// Try another endpoint at once.
    Elsewhere,
    /// Try again after the time that the answer names.
    Later,
    /// Run the model on the device.
    Local,
}

/// One row of the table of outcomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The HTTP status; `None` where the model server's own status is passed on.
    pub status: Option<u16>,
    /// The gRPC status code.
    pub grpc: u8,
    /// The public word.
    pub word: &'static str,
    /// What the device should do.
    pub advice: Advice,
}

const fn row(status: Option<u16>, grpc: u8, word: &'static str, advice: Advice) -> Row {
    Row { status, grpc, word, advice }
}

impl Outcome {
    /// Every outcome, in the order of the documentation.
    pub const ALL: [Self; 15] = [
        Self::Served,
        Self::Rejected,
        Self::TooLate,
        Self::QueueFull,
        Self::QuotaExceeded,
        Self::Expired,
        Self::ModelNotReady,
        Self::Draining,
        Self::PayloadTooLarge,
        Self::Malformed,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::NotFound,
        Self::UpstreamFailed,
        Self::ClientLeft,
    ];

    /// Status codes, public word and advice. gRPC codes are those of google.rpc.Code.
    #[must_use]
    pub const fn row(self) -> Row {
        match self {
            Self::Served => row(None, 0, "served", Advice::None),
            Self::Rejected => row(None, 3, "rejected", Advice::None),
            Self::TooLate => row(Some(429), 8, "too_late", Advice::Local),
            Self::QueueFull => row(Some(429), 8, "queue_full", Advice::Elsewhere),
            Self::QuotaExceeded => row(Some(429), 8, "quota_exceeded", Advice::Later),
            Self::Expired => row(Some(504), 4, "expired", Advice::Local),
            Self::ModelNotReady => row(Some(503), 14, "model_not_ready", Advice::Local),
            Self::Draining => row(Some(503), 14, "draining", Advice::Elsewhere),
            Self::PayloadTooLarge => row(Some(413), 8, "payload_too_large", Advice::Local),
            Self::Malformed => row(Some(400), 3, "malformed", Advice::None),
            Self::Unauthenticated => row(Some(401), 16, "unauthenticated", Advice::None),
            Self::Forbidden => row(Some(403), 7, "forbidden", Advice::None),
            Self::NotFound => row(Some(404), 5, "not_found", Advice::None),
            Self::UpstreamFailed => row(Some(502), 14, "upstream_failed", Advice::Local),
            // Never sent: nobody is left to read it. 499 is what proxies log.
            Self::ClientLeft => row(Some(499), 1, "client_left", Advice::None),
        }
    }

    /// What a gRPC status of the model server means. google.rpc.Code names an HTTP status beside each code, and those of
    /// the client's making are rejections there too.
    #[must_use]
    pub const fn of_grpc(code: u8) -> Self {
        match code {
            0 => Self::Served,
            3 | 5..=11 | 16 => Self::Rejected,
            4 => Self::Expired,
            _ => Self::UpstreamFailed,
        }
    }

    /// The public word, as in the header `longshore-outcome`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        self.row().word
    }
}

/// The gRPC status of [`Outcome::NotFound`] where it is the method that is not found.
pub const GRPC_UNIMPLEMENTED: u8 = 12;

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A word that is not in the table.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is not an outcome")]
pub struct UnknownOutcome(String);

impl FromStr for Outcome {
    type Err = UnknownOutcome;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|outcome| outcome.word() == word)
            .ok_or_else(|| UnknownOutcome(word.chars().take(40).collect()))
    }
}

impl Advice {
    /// The public word, as in the header `longshore-advice`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Elsewhere => "elsewhere",
            Self::Later => "later",
            Self::Local => "local",
        }
    }
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
