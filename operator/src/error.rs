//! Why a reconcile failed. An error names the operation, keeps its cause and never decides what users see in status:
//! what they can change is a [`plan::Refusal`].

use std::time::Duration;

use crate::metrics::Kind;

/// Why a reconcile failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A child could not be read.
    #[error("failed to read {kind:?} {name}")]
    Read {
        /// Kind of the child.
        kind: Kind,
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: kube::Error,
    },
    /// A child could not be written.
    #[error("failed to apply {kind:?} {name}")]
    Apply {
        /// Kind of the child.
        kind: Kind,
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: kube::Error,
    },
    /// A child that nothing uses could not be deleted.
    #[error("failed to delete {kind:?} {name}")]
    Delete {
        /// Kind of the child.
        kind: Kind,
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: kube::Error,
    },
    /// A child of an earlier offload of the same name is still being collected.
    #[error("{kind:?} {name} of an earlier offload is still being deleted")]
    Leaving {
        /// Kind of the child.
        kind: Kind,
        /// Its name.
        name: String,
    },
    /// The status could not be written.
    #[error("failed to publish the status")]
    Publish(#[source] kube::Error),
    /// A store lost its watcher.
    #[error("a watch has ended")]
    WatchEnded,
    /// The API server did not answer in time.
    #[error("not done after {} s", .0.as_secs())]
    TimedOut(Duration),
}

impl Error {
    /// Metric label.
    #[must_use]
    pub const fn result(&self) -> crate::metrics::Outcome {
        use crate::metrics::Outcome;
        match self {
            Self::Read { .. } => Outcome::ReadFailed,
            Self::Apply { .. } => Outcome::ApplyFailed,
            Self::Delete { .. } => Outcome::DeleteFailed,
            Self::Leaving { .. } => Outcome::ChildLeaving,
            Self::Publish(_) => Outcome::PublishFailed,
            Self::WatchEnded => Outcome::WatchEnded,
            Self::TimedOut(_) => Outcome::TimedOut,
        }
    }
}

/// The error and its causes in one line.
#[must_use]
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut line = text(error);
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = text(error);
        // Kube repeats its cause in its own text.
        if !line.contains(&next) {
            line = line + ": " + &next;
        }
        cause = error.source();
    }
    line
}

/// Kube's text of an API error is the debug form of the whole answer.
fn text(error: &(dyn std::error::Error + 'static)) -> String {
    match error.downcast_ref::<kube::Error>() {
        Some(kube::Error::Api(status)) => status.message.clone(),
        _ => error.to_string(),
    }
}
