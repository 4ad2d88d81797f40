//! Performs the effects of one request: sends, runs the model, keeps the timer, hands the verdict back.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::Tensor;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::AbortHandle;
use tokio::time::sleep_until;
use tracing::debug;

use crate::answer::{Outputs, Times};
use crate::core::endpoint::EndpointId;
use crate::core::event::{Effect, Effects, Event, Start};
use crate::core::outcome::{Place, Verdict};
use crate::core::request::Request;
use crate::http::infer::{self, Encoded};
use crate::http::reply::{self, Asked, Reply};
use crate::state::Shared;

/// Bounds on connecting, so that a node that drops packets leaves time for another place.
const CONNECT_MIN: Duration = Duration::from_millis(20);
const CONNECT_MAX: Duration = Duration::from_millis(250);

enum Message {
    Local(Result<(Vec<Tensor>, Times), String>),
    Remote(EndpointId, Result<Reply, String>),
}

/// One request on its way.
pub(crate) struct Run {
    shared: Arc<Shared>,
    request: Request,
    tensors: Arc<Vec<Tensor>>,
    encoded: Encoded,
    sender: UnboundedSender<Message>,
    inbox: UnboundedReceiver<Message>,
    out: HashMap<EndpointId, AbortHandle>,
    local: Option<Outputs>,
    edge: Option<Outputs>,
    /// The latest trouble, for people.
    trouble: Option<String>,
    verdict: Option<Verdict>,
    timer: Instant,
}

/// What a request came to.
pub(crate) struct Done {
    pub(crate) verdict: Verdict,
    pub(crate) outputs: Outputs,
    pub(crate) trouble: Option<String>,
}

impl Run {
    pub(crate) fn start(
        shared: Arc<Shared>,
        tensors: Vec<Tensor>,
        encoded: Encoded,
        deadline: Instant,
    ) -> Self {
        let (sender, inbox) = unbounded_channel();
        let (request, effects) = {
            let now_us = shared.now_us();
            let state = &mut *shared.lock();
            let start = Start {
                deadline_us: reply::micros(deadline.saturating_duration_since(shared.epoch)),
                bytes: encoded.length(),
                battery_percent: state.battery_percent,
            };
            let left = deadline.saturating_duration_since(Instant::now()).as_millis();
            state.asked = Some((start.bytes, u32::try_from(left).unwrap_or(u32::MAX)));
            Request::start(now_us, state.random.next_u32(), start, &mut state.model)
        };
        let mut run = Self {
            shared,
            request,
            tensors: Arc::new(tensors),
            encoded,
            sender,
            inbox,
            out: HashMap::new(),
            local: None,
            edge: None,
            trouble: None,
            verdict: None,
            timer: deadline,
        };
        run.perform(effects);
        run
    }

    /// Drives the request to its verdict.
    pub(crate) async fn finish(mut self) -> Done {
        let verdict = loop {
            if let Some(verdict) = self.verdict {
                break verdict;
            }
            let event = tokio::select! {
                Some(message) = self.inbox.recv() => self.event(message),
                () = sleep_until(self.timer.into()) => Event::Timer,
            };
            let effects = {
                let now_us = self.shared.now_us();
                let state = &mut *self.shared.lock();
                let random = state.random.next_u32();
                self.request.handle(now_us, random, event, &mut state.model)
            };
            self.perform(effects);
        };
        let outputs = match verdict.place {
            Some(Place::Device) => self.local.take(),
            Some(Place::Edge(_)) => self.edge.take(),
            // The last result, in no time.
            Some(Place::Cache) => {
                self.shared.lock().last.clone().map(|last| Outputs { times: Times::default(), ..last })
            }
            None => None,
        };
        Done { verdict, outputs: outputs.unwrap_or_default(), trouble: self.trouble.take() }
    }

    fn perform(&mut self, effects: Effects) {
        for effect in effects {
            match effect {
                Effect::RunLocal => self.run_local(),
                Effect::Send { endpoint, deadline_us } => self.send(endpoint, deadline_us),
                Effect::Cancel { endpoint } => self.cancel(endpoint),
                Effect::SetTimer { at_us } => self.timer = self.shared.epoch + Duration::from_micros(at_us),
                Effect::Answer(verdict) => self.verdict = Some(verdict),
            }
        }
    }

    fn event(&mut self, message: Message) -> Event {
        match message {
            Message::Local(Ok((tensors, times))) => {
                let mut outputs = self.shared.lock().read(tensors);
                outputs.times = times;
                outputs.digest = self.shared.local.as_ref().map(|model| model.digest().into());
                let confidence = outputs.confidence;
                self.local = Some(outputs);
                Event::LocalDone { confidence }
            }
            Message::Local(Err(error)) => {
                self.trouble = Some(error);
                Event::LocalFailed
            }
            Message::Remote(endpoint, Ok(reply)) => self.replied(endpoint, reply),
            Message::Remote(endpoint, Err(error)) => {
                debug!(error, "an endpoint failed");
                self.trouble = Some(error);
                Event::RemoteFailed { endpoint }
            }
        }
    }

    fn replied(&mut self, endpoint: EndpointId, reply: Reply) -> Event {
        let Reply { outcome, exchange, load, endpoint: name, digest, times, tensors } = reply;
        if outcome == wire::Outcome::Served {
            let mut outputs = self.shared.lock().read(tensors);
            outputs.times = times;
            outputs.endpoint = name.or_else(|| self.shared.lock().directory.display(endpoint));
            outputs.digest = digest;
            self.edge = Some(outputs);
        } else {
            let who = self.shared.lock().directory.display(endpoint).unwrap_or_default();
            self.trouble = Some(format!("{who} refused: {outcome}"));
        }
        Event::RemoteAnswered { endpoint, outcome, exchange, load }
    }

    fn run_local(&self) {
        let Some(model) = self.shared.local.clone() else {
            // The core was told that there is a model: only a bug leads here, and the caller still gets its answer.
            drop(self.sender.send(Message::Local(Err("there is no model on the device".into()))));
            return;
        };
        let (tensors, sender) = (Arc::clone(&self.tensors), self.sender.clone());
        let processor = Arc::clone(&self.shared.processor);
        let asked = Instant::now();
        tokio::spawn(async move {
            let turn = processor.acquire_owned().await;
            if sender.is_closed() {
                return;
            }
            tokio::task::spawn_blocking(move || {
                let _turn = turn;
                let begun = Instant::now();
                let ran = model.run(&tensors).map(|outputs| {
                    (outputs, Times { queue: Some(begun - asked), service: Some(begun.elapsed()) })
                });
                // Nobody listens once the request is over.
                drop(sender.send(Message::Local(ran)));
            });
        });
    }

    fn send(&mut self, id: EndpointId, deadline_us: u64) {
        let known = self.shared.lock().directory.get(id).map(|entry| {
            let asked = if entry.name.is_some() { Asked::Endpoint } else { Asked::Stranger };
            (Arc::clone(&entry.connections), asked)
        });
        let Some((connections, asked)) = known else {
            drop(self.sender.send(Message::Remote(id, Err("the endpoint left".into()))));
            return;
        };
        let left = Duration::from_micros(deadline_us.saturating_sub(self.shared.now_us()));
        let left_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
        let request = infer::request(&self.shared.model_name, &self.encoded, left_ms);
        let (model, bytes, sender) =
            (self.shared.model_name.clone(), self.encoded.length(), self.sender.clone());
        let task = tokio::spawn(async move {
            let received = connections.exchange(request, (left / 4).clamp(CONNECT_MIN, CONNECT_MAX)).await;
            let reply = match received {
                Ok(received) => reply::read(&received, &model, asked, bytes),
                Err(error) => {
                    connections.forget_idle();
                    Err(error.to_string())
                }
            };
            drop(sender.send(Message::Remote(id, reply)));
        });
        self.out.insert(id, task.abort_handle());
    }

    fn cancel(&mut self, id: EndpointId) {
        if let Some(task) = self.out.remove(&id) {
            task.abort();
        }
        if let Some(entry) = self.shared.lock().directory.get(id) {
            entry.connections.forget_idle();
            let who = entry.name.clone().unwrap_or_else(|| entry.connections.url().authority());
            self.trouble = Some(format!("{who} was silent"));
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        for task in self.out.values() {
            task.abort();
        }
        self.request.abandon(&mut self.shared.lock().model);
    }
}
