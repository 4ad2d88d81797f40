//! Asks endpoints in the background, as the core wants it: how loaded they are, whether a failed one is back, and for routes.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::sleep;
use tracing::debug;

use crate::core::endpoint::{EndpointId, LoadSeen};
use crate::core::probe::Question;
use crate::guide;
use crate::http::connection::{Connections, ExchangeError};
use crate::http::control;
use crate::http::reply::micros;
use crate::state::{Shared, State};

/// Between two looks at what is due.
const TICK: Duration = Duration::from_millis(100);

/// One probe.
struct Probe {
    id: EndpointId,
    connections: Arc<Connections>,
    question: Question,
}

/// Probes endpoints until the device is dropped.
pub(crate) async fn probe_for_ever(shared: Weak<Shared>) {
    while let Some(shared) = shared.upgrade() {
        let now_us = shared.now_us();
        loop {
            let Some(probe) = Probe::next(&mut shared.lock(), now_us) else { break };
            tokio::spawn(probe.run(Arc::downgrade(&shared), shared.model_name.clone()));
        }
        guide::ask_when_due(&shared);
        drop(shared);
        sleep(TICK).await;
    }
}

impl Probe {
    fn next(state: &mut State, now_us: u64) -> Option<Self> {
        let (id, question) = state.model.next_probe(now_us)?;
        Some(Self { id, connections: Arc::clone(&state.directory.get(id)?.connections), question })
    }

    async fn run(self, shared: Weak<Shared>, model: String) {
        let found = self.ask(&model).await;
        if let Err(error) = &found {
            debug!(%error, "probe failed");
            self.connections.forget_idle();
        }
        let Some(shared) = shared.upgrade() else { return };
        let now_us = shared.now_us();
        let mut state = shared.lock();
        let random = state.random.next_u32();
        let found = found.ok().map(|(took, load)| (micros(took), load));
        state.model.probed(now_us, random, (self.id, self.question), found);
    }

    async fn ask(&self, model: &str) -> Result<(Duration, LoadSeen), ExchangeError> {
        match self.question {
            Question::Load => {}
            Question::ReadyAndLoad => {
                control::model_ready(&self.connections, model).await?;
            }
            Question::Ready => {
                let took = control::model_ready(&self.connections, model).await?;
                return Ok((took, LoadSeen::default()));
            }
        }
        let (report, took) = control::load(&self.connections).await?;
        Ok((took, LoadSeen::from(&report)))
    }
}
