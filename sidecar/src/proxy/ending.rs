//! One outcome per request, exactly. In: a request that began. Out: its count, when it ended or when it was dropped.

use std::{sync::Arc, time::Instant};

use tokio::sync::watch;
use wire::Outcome;

use crate::{endpoint::Endpoint, listen::sniff::Protocol, quota::Place, trace::Trace};

/// Requests that have not ended.
#[derive(Debug)]
pub struct Running {
    count: watch::Sender<usize>,
}

impl Running {
    pub fn new() -> Self {
        Self { count: watch::Sender::new(0) }
    }

    pub fn count(&self) -> usize {
        *self.count.borrow()
    }

    /// Waits until there are none.
    pub async fn none(&self) {
        // Cannot fail: the sender is this one.
        let _ = self.count.subscribe().wait_for(|count| *count == 0).await;
    }
}

/// A request that has not ended. Dropped without an outcome, its client has left.
pub struct Ending {
    endpoint: Arc<Endpoint>,
    protocol: Protocol,
    outcome: Outcome,
    /// Of its device.
    place: Option<Place>,
    /// Its moments, where somebody follows it.
    pub trace: Trace,
}

impl Ending {
    pub fn begin(endpoint: &Arc<Endpoint>, protocol: Protocol) -> Self {
        endpoint.running.count.send_modify(|count| *count += 1);
        let trace = Trace::default();
        Self { endpoint: Arc::clone(endpoint), protocol, outcome: Outcome::ClientLeft, place: None, trace }
    }

    /// The request takes its device's place until it ends.
    pub fn takes(&mut self, place: Place) {
        self.place = Some(place);
    }

    /// Ends the request.
    pub fn finish(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.trace.end(&self.endpoint.traces, self.outcome);
        self.endpoint.metrics.count(self.outcome, self.protocol);
        self.endpoint.load.ended(Instant::now(), self.outcome);
        self.endpoint.running.count.send_modify(|count| *count -= 1);
    }
}
