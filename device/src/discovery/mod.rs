//! Finds the first endpoints: by a DNS SRV name, and by multicast DNS on the network that the device is in.
//!
//! Enters: names to ask for. Leaves: addresses in the directory, which leave again when answers miss them. What is found is
//! nobody's word but the network's: it is only dialled, and judged as any endpoint is.

mod finds;
#[cfg(test)]
mod finds_tests;
mod mdns;
mod message;
#[cfg(test)]
mod message_tests;
mod name;
mod resolver;

use std::net::SocketAddr;
use std::sync::Weak;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tracing::debug;

use crate::core::model::Bundle;
use crate::http::url::EdgeUrl;
use crate::learner;
use crate::state::{Shared, State};
use finds::{Finds, Target};
pub use name::{InvalidSrvName, SrvName};

/// Longest wait for the answers to one question.
const ANSWER_MAX: Duration = Duration::from_secs(1);

/// Between two questions while an endpoint answers, and at first while none does; doubled up to the other each time.
const ASK_EVERY: Duration = Duration::from_secs(30);
const ASK_AGAIN: Duration = Duration::from_secs(2);

/// Between two looks whether the targets of the next priority are needed.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Where to ask.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// A name, and the DNS server to ask for it; those of the system without one.
    Srv { name: SrvName, server: Option<SocketAddr> },
    /// The service on the network of this interface; of the one that multicast leaves by without one.
    Mdns { is_encrypted: bool, interface: Option<String> },
}

impl Source {
    /// Whether it leads to endpoints inside TLS, and to no others.
    pub(crate) const fn is_encrypted(&self) -> bool {
        match self {
            Self::Srv { name, .. } => name.is_encrypted(),
            Self::Mdns { is_encrypted, .. } => *is_encrypted,
        }
    }

    async fn ask(&self, id: u16) -> Result<Vec<Target>, String> {
        let answer = async {
            match self {
                Self::Srv { name, server } => resolver::targets(name, *server, id).await,
                Self::Mdns { is_encrypted, interface } => {
                    mdns::targets(*is_encrypted, interface.as_deref(), id).await
                }
            }
        };
        timeout(ANSWER_MAX, answer).await.unwrap_or_else(|_| Err("no answer in time".into()))
    }
}

/// The searches of one device.
pub(crate) struct Discovery {
    searches: Vec<(Source, Finds)>,
}

impl Discovery {
    pub(crate) fn new(sources: Vec<Source>) -> Self {
        Self { searches: sources.into_iter().map(|source| (source, Finds::default())).collect() }
    }

    /// Asks once, and puts those that are to be tried first into the directory.
    pub(crate) async fn search(&mut self, shared: &Shared) {
        self.ask(shared).await;
        self.hold(&mut shared.lock(), |_, _| true);
    }

    /// Searches until the device is dropped.
    pub(crate) async fn search_for_ever(mut self, shared: Weak<Shared>) {
        if self.searches.is_empty() {
            return;
        }
        let mut pause = ASK_AGAIN;
        let mut due = Instant::now() + pause;
        loop {
            sleep(LOOK_EVERY).await;
            let Some(shared) = shared.upgrade() else { return };
            if due <= Instant::now() && may_ask(&shared) {
                self.ask(&shared).await;
                let state = &mut *shared.lock();
                let finds_work = self.finds(|url| is_up(state, url)).iter().any(|url| is_up(state, url));
                pause = if finds_work { ASK_EVERY } else { (pause * 2).min(ASK_EVERY) };
                due = Instant::now() + pause.mul_f64(0.75 + state.random.fraction() / 2.0);
            }
            if self.hold(&mut shared.lock(), is_up) {
                learner::refresh(&shared).await;
            }
        }
    }

    async fn ask(&mut self, shared: &Shared) {
        let mut questions = JoinSet::new();
        for (index, (source, _)) in self.searches.iter().enumerate() {
            let (source, id) = (source.clone(), shared.lock().random.next_u32() as u16);
            questions.spawn(async move { (index, source.ask(id).await) });
        }
        while let Some(Ok((index, answer))) = questions.join_next().await {
            let now_us = shared.now_us();
            let state = &mut *shared.lock();
            match answer {
                Ok(targets) => {
                    self.searches[index].1.take(now_us, targets, &mut state.random);
                    state.search_trouble = None;
                }
                Err(error) => {
                    debug!(error, "nothing was found");
                    state.search_trouble = Some(error);
                }
            }
        }
    }

    /// Brings the directory up to what is found; tells whether that added an endpoint.
    fn hold(&self, state: &mut State, is_up: impl Fn(&State, &EdgeUrl) -> bool) -> bool {
        let found = self.finds(|url| is_up(state, url));
        let listed = state.bundle.as_ref().map_or(&[][..], |bundle| bundle.endpoints.as_slice());
        state.directory.hold(&found, listed, &mut state.model)
    }

    fn finds(&self, is_up: impl Fn(&EdgeUrl) -> bool) -> Vec<EdgeUrl> {
        self.searches.iter().flat_map(|(_, finds)| finds.wanted(&is_up)).collect()
    }
}

/// Whether a question is worth waking the radio for; to a device that can do nothing itself it always is.
fn may_ask(shared: &Shared) -> bool {
    let now_us = shared.now_us();
    let mut state = shared.lock();
    let may = shared.local.is_none() || state.model.may_wake_radio(now_us);
    if may {
        state.model.wake_radio(now_us);
    }
    may
}

/// Whether an endpoint answered at this address and did not fail since.
fn is_up(state: &State, url: &EdgeUrl) -> bool {
    let Some(entry) = state.directory.at(url) else { return false };
    let is_closed = state.model.endpoint(entry.id).is_some_and(|endpoint| endpoint.breaker.is_closed());
    is_closed && (entry.name.is_some() || state.model.bundle == Bundle::Waived)
}
