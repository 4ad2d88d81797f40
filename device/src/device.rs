//! The device: one call per input, exactly one answer by the deadline.

use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::Tensor;
use tokio::time::timeout_at;

use crate::answer::Outputs;
use crate::core::account::Account;
use crate::core::outcome::{Ending, Reason, Verdict};
use crate::http::infer::{self, Encoded};
use crate::input;
use crate::learner;
use crate::run::{Done, Run};
use crate::state::Shared;
use crate::{Answer, Builder, Input, Metadata};

/// One model, used from one device. Cheap to clone; the clones share what they learn.
#[derive(Clone)]
pub struct Device {
    pub(crate) shared: Arc<Shared>,
}

impl Device {
    /// Starts to describe a device that uses the model of this name.
    #[must_use]
    pub fn builder(model: &str) -> Builder {
        Builder::new(model)
    }

    /// Tells the battery level, in percent; `None` on mains power.
    pub fn set_battery_percent(&self, percent: Option<f32>) {
        self.shared.lock().battery_percent = percent.map(|percent| percent.clamp(0.0, 100.0));
    }

    /// Tells that the device is at another site now; empty when it does not know at which. Endpoints there are fetched and
    /// dialled before any request goes to them; until then those known so far serve on.
    pub fn set_zone(&self, zone: &str) {
        let now_us = self.shared.now_us();
        let mut state = self.shared.lock();
        if state.zone != zone {
            state.zone = zone.into();
            state.model.moved(now_us);
        }
    }

    /// What requests cost so far in energy and bytes, by place, as the profile counts it; and how often work moved.
    #[must_use]
    pub fn account(&self) -> Account {
        self.shared.lock().model.account
    }

    /// Names of the endpoints known so far; the address of one that did not tell its name.
    #[must_use]
    pub fn endpoints(&self) -> Vec<String> {
        let state = self.shared.lock();
        let entries = state.directory.entries().iter();
        entries.filter_map(|entry| state.directory.display(entry.id)).collect()
    }

    /// Answers for one input within `deadline`: from here or from the edge, or says that it could not and why.
    pub async fn infer(&self, input: Input, deadline: Duration) -> Answer {
        let started = Instant::now();
        let due = started + deadline;
        let done = match timeout_at(due.into(), self.prepare(input, due)).await {
            Ok(Ok((tensors, encoded))) => {
                Run::start(Arc::clone(&self.shared), tensors, encoded, due).finish().await
            }
            Ok(Err((reason, detail))) => unprepared(Ending::Failed, reason, Some(detail)),
            Err(_) => unprepared(
                Ending::Late,
                Reason::LocalTooSlow,
                Some("the input took too long to prepare".into()),
            ),
        };
        self.answer(done, started)
    }

    /// Decodes and encodes off the threads that keep the timers.
    async fn prepare(&self, input: Input, due: Instant) -> Result<(Vec<Tensor>, Encoded), (Reason, String)> {
        self.policy(due).await?;
        let metadata = match (self.metadata().await, &input) {
            (None, Input::Picture(_)) => {
                return Err((Reason::NoEndpoint, "no model here, and no endpoint described it".into()));
            }
            (metadata, _) => metadata,
        };
        let (labels, normalization) = (self.shared.lock().labels().len(), self.shared.normalization);
        let work = move || {
            let nothing = Metadata { inputs: Vec::new(), outputs: Vec::new() };
            let known = metadata.as_deref();
            let tensors = input::tensors(input, known.unwrap_or(&nothing), normalization)?;
            let encoded = infer::encode(&tensors, known, labels);
            Ok((tensors, encoded))
        };
        tokio::task::spawn_blocking(work)
            .await
            .unwrap_or_else(|_| Err("the decoder stopped at an assertion".into()))
            .map_err(|error: String| (Reason::InputUnreadable, error))
    }

    /// Asks for the policy where nothing can be done without: no model here, and no leave to send anything.
    async fn policy(&self, due: Instant) -> Result<(), (Reason, String)> {
        let bundle = self.shared.lock().model.bundle;
        if self.shared.local.is_none() && bundle.is_expired(self.shared.now_us()) {
            // The fallback of the one that is too old still holds, and needs time too.
            let half = Instant::now() + due.saturating_duration_since(Instant::now()) / 2;
            timeout_at(half.into(), learner::learn_policy(&self.shared)).await.ok();
            return Ok(());
        }
        if self.shared.local.is_some() || !bundle.is_unheard() {
            return Ok(());
        }
        let asked = timeout_at(due.into(), learner::learn_policy(&self.shared)).await;
        asked.unwrap_or_else(|_| Err("no endpoint answered in time".into())).map_err(|error| {
            let hint = "nothing is sent before a node has told its policy, or that it has none";
            let reason = self.shared.lock().model.kept_here(self.shared.now_us());
            (reason.unwrap_or(Reason::PolicyUnknown), format!("{hint}: {error}"))
        })
    }

    async fn metadata(&self) -> Option<Arc<Metadata>> {
        if let Some(local) = &self.shared.local {
            return Some(Arc::new(local.metadata().clone()));
        }
        let known = self.shared.lock().metadata.clone();
        if known.is_some() {
            return known;
        }
        learner::learn_metadata(&self.shared).await;
        self.shared.lock().metadata.clone()
    }

    fn answer(&self, done: Done, started: Instant) -> Answer {
        let Done { verdict, outputs, trouble } = done;
        let Verdict { mut ending, mut place, reason } = verdict;
        if place.is_some() && outputs.tensors.is_empty() {
            // The fallback repeats the last result, and there is none yet.
            (ending, place) = (Ending::Failed, None);
        }
        let unheard = {
            let mut state = self.shared.lock();
            if ending == Ending::Answered {
                state.last = Some(outputs.clone());
            }
            state.bundle_trouble.clone().filter(|_| state.model.bundle.is_unheard())
        };
        let Outputs { tensors, label, confidence, endpoint, digest, times, unlabelled } = outputs;
        Answer {
            ending,
            place: place.map(|place| place.word()),
            endpoint,
            label,
            confidence,
            latency: started.elapsed(),
            queue: times.queue,
            service: times.service,
            reason,
            model_digest: digest,
            outputs: tensors,
            detail: unlabelled.or(trouble.filter(|_| ending != Ending::Answered)).or(unheard),
        }
    }
}

fn unprepared(ending: Ending, reason: Reason, trouble: Option<String>) -> Done {
    Done { verdict: Verdict { ending, place: None, reason }, outputs: Outputs::default(), trouble }
}
