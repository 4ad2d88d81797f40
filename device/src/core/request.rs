//! The life of one request: events enter, effects leave, and whatever happens there is exactly one
//! [`Effect::Answer`], at the deadline at the latest.
//!
//! The driver performs effects in order, keeps one timer (the latest [`Effect::SetTimer`] counts) and may drop the
//! request after the answer.

use wire::{Advice, Outcome};

use super::clock;
use super::decide::{self, Choice, Decision, Inputs};
use super::endpoint::EndpointId;
use super::event::{Effect, Effects, Event, Start};
use super::learn;
use super::model::Model;
use super::outcome::{Ending, Place, Reason, Verdict};
use super::route::{self, Route, Set, Tried};

/// An endpoint is silent after this many times the 95th percentile of its expected time: one that is merely slow and is left
/// has worked in vain, and counts as failed ...
const PATIENCE_FACTOR: f32 = 3.0;

/// ... and this much, in microseconds.
const PATIENCE_EXTRA_US: u64 = 10_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LocalRun {
    Idle,
    Running {
        since_us: u64,
    },
    /// Its answer is kept in reserve while the edge is asked for a better one.
    Done,
    Impossible,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) endpoint: EndpointId,
    pub(super) since_us: u64,
    /// When it counts as silent; `None` once that was acted upon.
    pub(super) patience_us: Option<u64>,
}

/// One request.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    pub(super) start: Start,
    pub(super) slack_us: u64,
    pub(super) local: LocalRun,
    pub(super) remote: Option<Sent>,
    pub(super) tried: Tried,
    pub(super) local_reason: Reason,
    edge_reason: Reason,
    pub(super) is_over: bool,
}

/// One event in the making: what every step needs.
pub(super) struct Step<'a> {
    pub(super) now_us: u64,
    random: u32,
    pub(super) model: &'a mut Model,
    pub(super) effects: Effects,
}

impl Request {
    /// Decides and starts.
    pub fn start(now_us: u64, random: u32, start: Start, model: &mut Model) -> (Self, Effects) {
        model.earn(now_us, start.battery_percent.is_some(), start.bytes);
        let route = route::first(model, now_us, random, &start);
        let inputs = Inputs::gather(model, now_us, &start, route);
        let Decision { choice, reason } = decide::decide(&inputs);
        let mut request = Self {
            start,
            slack_us: clock::slack_us(start.deadline_us.saturating_sub(now_us)),
            local: if inputs.local.is_ok() { LocalRun::Idle } else { LocalRun::Impossible },
            remote: None,
            tried: Tried::default(),
            local_reason: reason,
            edge_reason: reason,
            is_over: false,
        };
        let mut step = Step { now_us, random, model, effects: Effects::default() };
        step.model.account.moves.decided(reason);
        match reason {
            Reason::EdgeCheaper => step.model.stand(now_us, true),
            Reason::LocalCheaper => step.model.stand(now_us, false),
            Reason::Exploring => {
                step.model.budget.hedged();
                step.model.radio.pay(now_us, &step.model.profile);
            }
            _ => {}
        }
        match (choice, route) {
            (Choice::Edge, Ok(route)) => request.send(&mut step, route),
            (Choice::Both, Ok(route)) => {
                request.send(&mut step, route);
                request.run_local(&mut step, reason);
            }
            (Choice::Local | Choice::Edge | Choice::Both, _) => request.run_local(&mut step, reason),
            (Choice::Cached, _) => request.end(&mut step, Ending::Answered, Some(Place::Cache), reason),
            (Choice::Nothing, _) => request.end(&mut step, Ending::Failed, None, reason),
        }
        request.set_timer(&mut step);
        let effects = step.effects;
        (request, effects)
    }

    /// Takes one event in. After the answer every event is ignored.
    pub fn handle(&mut self, now_us: u64, random: u32, event: Event, model: &mut Model) -> Effects {
        let mut step = Step { now_us, random, model, effects: Effects::default() };
        if self.is_over {
            return step.effects;
        }
        match event {
            Event::LocalDone { confidence } => self.local_done(&mut step, confidence),
            Event::LocalFailed => self.local_failed(&mut step),
            Event::RemoteAnswered { endpoint, outcome, exchange, load } => {
                learn::from_answer(step.model, now_us, random, endpoint, outcome, exchange, load);
                if self.take_back(&mut step, endpoint) {
                    self.tried.refused(endpoint);
                    self.remote_answered(&mut step, endpoint, outcome);
                }
            }
            Event::RemoteFailed { endpoint } => {
                if self.take_back(&mut step, endpoint) {
                    learn::from_failure(step.model, now_us, random, endpoint);
                    self.elsewhere(&mut step, Reason::EdgeFailed);
                }
            }
            Event::Timer => {}
        }
        if !self.is_over {
            self.look_at_the_clock(&mut step);
        }
        self.set_timer(&mut step);
        step.effects
    }

    /// The caller left without waiting for the answer.
    pub fn abandon(&mut self, model: &mut Model) {
        self.is_over = true;
        if let Some(endpoint) = self.remote.take().and_then(|sent| model.endpoint_mut(sent.endpoint)) {
            endpoint.returned();
        }
    }

    fn local_done(&mut self, step: &mut Step, confidence: Option<f32>) {
        if let LocalRun::Running { since_us } = self.local {
            step.model.ran(step.now_us, since_us);
        }
        self.local = LocalRun::Done;
        let doubtful = confidence.is_some_and(|confidence| {
            confidence * 100.0 < f32::from(step.model.policy.escalate_below_confidence_percent)
        });
        if doubtful && self.remote.is_some() {
            // The edge is at it already: its answer is waited for as one that was asked for after this.
            self.edge_reason = Reason::LowConfidence;
            return;
        }
        match self.next_route(step, self.tried.once).filter(|_| doubtful) {
            Some(route) => {
                self.edge_reason = Reason::LowConfidence;
                self.send(step, route);
            }
            None => self.end(step, Ending::Answered, Some(Place::Device), self.local_reason),
        }
    }

    fn local_failed(&mut self, step: &mut Step) {
        self.local = LocalRun::Impossible;
        if self.remote.is_some() {
            return;
        }
        match self.next_route(step, self.tried.once) {
            Some(route) => {
                self.edge_reason = Reason::LocalFailed;
                self.send(step, route);
            }
            None => self.end(step, Ending::Failed, None, Reason::LocalFailed),
        }
    }

    fn remote_answered(&mut self, step: &mut Step, endpoint: EndpointId, outcome: Outcome) {
        match outcome.row().advice {
            _ if outcome == Outcome::Served => {
                self.end(step, Ending::Answered, Some(Place::Edge(endpoint)), self.edge_reason);
            }
            Advice::Elsewhere => self.elsewhere(step, Reason::Refused(outcome)),
            // Another host than the one that was meant.
            _ if outcome == Outcome::NotFound => self.elsewhere(step, Reason::Refused(outcome)),
            // The device cannot: another endpoint still may.
            Advice::Local if self.local == LocalRun::Impossible => {
                self.elsewhere(step, Reason::Refused(outcome));
            }
            Advice::Local | Advice::Later | Advice::None => self.here(step, Reason::Refused(outcome)),
        }
    }

    /// Another endpoint while time remains, else once more one that was silent or broke, else the device.
    fn elsewhere(&mut self, step: &mut Step, reason: Reason) {
        let Tried { once, for_good } = self.tried;
        match self.next_route(step, once).or_else(|| self.next_route(step, for_good)) {
            Some(route) if step.model.budget.retry() => self.send(step, route),
            _ => self.here(step, reason),
        }
    }

    /// The device, if it can; its answer in reserve, if there is one.
    fn here(&mut self, step: &mut Step, reason: Reason) {
        match self.local {
            LocalRun::Done => self.end(step, Ending::Answered, Some(Place::Device), self.local_reason),
            LocalRun::Idle => self.run_local(step, reason),
            LocalRun::Running { .. } => {}
            LocalRun::Impossible => self.end(step, Ending::Failed, None, reason),
        }
    }

    pub(super) fn next_route(&self, step: &Step, but: Set) -> Option<Route> {
        // The owner may have changed that since the request began.
        let is_kept_here = step.model.kept_here(step.now_us).is_some();
        if is_kept_here || step.model.payload_bytes_max < u64::from(self.start.bytes) {
            return None;
        }
        let left_us = self.start.deadline_us.saturating_sub(step.now_us);
        let route = route::pick(step.model, step.now_us, self.start.bytes, but, step.random).ok()?;
        // With no answer in sight otherwise, an unlikely one is worth the try.
        let desperate = self.local == LocalRun::Impossible && 0 < left_us;
        (route.forecast.meets(left_us) || desperate).then_some(route)
    }

    pub(super) fn send(&mut self, step: &mut Step, route: Route) {
        let Route { endpoint, forecast } = route;
        let patience_us = (forecast.p95_us() * PATIENCE_FACTOR) as u64 + PATIENCE_EXTRA_US;
        self.tried.visit(endpoint);
        self.remote =
            Some(Sent { endpoint, since_us: step.now_us, patience_us: Some(step.now_us + patience_us) });
        if let Some(known) = step.model.endpoint_mut(endpoint) {
            known.sent();
        }
        step.model.credits.spend(step.now_us);
        step.effects.push(Effect::Send { endpoint, deadline_us: self.start.deadline_us });
    }

    pub(super) fn run_local(&mut self, step: &mut Step, reason: Reason) {
        self.local = LocalRun::Running { since_us: step.model.occupy(step.now_us) };
        self.local_reason = reason;
        step.effects.push(Effect::RunLocal);
    }

    /// Counts a request to `endpoint` as over; false when it is not the one that is out.
    fn take_back(&mut self, step: &mut Step, endpoint: EndpointId) -> bool {
        let out = self.remote.filter(|sent| sent.endpoint == endpoint);
        if let Some(sent) = out {
            self.remote = None;
            step.model.exchanged(step.now_us, sent.since_us, endpoint, self.start.bytes);
            if let Some(known) = step.model.endpoint_mut(endpoint) {
                known.returned();
            }
        }
        out.is_some()
    }

    /// Stops waiting for what was sent: how long it took is known to be more than this.
    pub(super) fn give_up(&mut self, step: &mut Step, sent: Sent, silent: bool) {
        let Sent { endpoint, since_us, .. } = sent;
        if !self.take_back(step, endpoint) {
            return;
        }
        learn::from_silence(step.model, step.now_us, endpoint, self.start.bytes, step.now_us - since_us);
        if silent {
            learn::from_failure(step.model, step.now_us, step.random, endpoint);
        }
        step.effects.push(Effect::Cancel { endpoint });
    }

    pub(super) fn end(&mut self, step: &mut Step, ending: Ending, place: Option<Place>, reason: Reason) {
        if ending == Ending::Answered && self.start.deadline_us < step.now_us {
            let too_slow =
                if place == Some(Place::Device) { Reason::LocalTooSlow } else { Reason::EdgeSilent };
            return self.end(step, Ending::Late, None, too_slow);
        }
        if let Some(sent) = self.remote {
            let silent = sent.patience_us.is_none_or(|at_us| at_us <= step.now_us)
                || self.is_due(step.now_us)
                || self.local_reason == Reason::EdgeSilent;
            self.give_up(step, sent, silent);
        }
        match (self.local, place) {
            (LocalRun::Running { .. }, _) => step.model.wasted(),
            (LocalRun::Idle, Some(Place::Edge(_))) => step.model.spared(),
            (_, Some(Place::Device)) if self.tried.once == Set::default() => {
                step.model.account.saved_bytes += u64::from(self.start.bytes);
            }
            _ => {}
        }
        self.is_over = true;
        step.effects.push(Effect::Answer(Verdict { ending, place, reason }));
    }
}
