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
use super::sent::{OUT_MAX, Sent};

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

/// One request.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    pub(super) start: Start,
    pub(super) slack_us: u64,
    pub(super) local: LocalRun,
    pub(super) out: [Option<Sent>; OUT_MAX],
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
            out: [None; OUT_MAX],
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
        for sent in self.out.iter_mut().filter_map(Option::take) {
            if let Some(endpoint) = model.endpoint_mut(sent.endpoint) {
                endpoint.returned();
            }
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
        if doubtful && self.is_out() {
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
        if self.is_out() {
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
            Advice::Local | Advice::Later => self.here(step, Reason::Refused(outcome)),
            // No endpoint takes this input.
            Advice::None => {
                for sent in self.out.into_iter().flatten() {
                    self.leave(step, sent, false);
                }
                self.here(step, Reason::Refused(outcome));
            }
        }
    }

    /// Another endpoint while time remains, else once more one that was silent or broke, else the device.
    fn elsewhere(&mut self, step: &mut Step, reason: Reason) {
        let Tried { once, for_good } = self.tried;
        let is_out = self.is_out();
        match self.next_route(step, once).or_else(|| self.next_route(step, for_good).filter(|_| !is_out)) {
            Some(route) if step.model.budget.retry() => self.send(step, route),
            _ => self.here(step, reason),
        }
    }

    /// The device, if it can; its answer in reserve, if there is one. Nothing more as long as another endpoint may answer.
    fn here(&mut self, step: &mut Step, reason: Reason) {
        match self.local {
            _ if self.is_out() => {}
            LocalRun::Done => self.end(step, Ending::Answered, Some(Place::Device), self.local_reason),
            LocalRun::Idle => self.run_local(step, reason),
            LocalRun::Running { .. } => {}
            LocalRun::Impossible => self.end(step, Ending::Failed, None, reason),
        }
    }

    /// An endpoint that may still answer in time; with no answer in sight otherwise, an unlikely one is worth the try.
    pub(super) fn next_route(&self, step: &Step, but: Set) -> Option<Route> {
        let is_desperate = self.local == LocalRun::Impossible;
        self.route(step, but).filter(|route| is_desperate || route.forecast.meets(self.left_us(step)))
    }

    /// An endpoint to be asked beside another: more likely than not to be in time.
    pub(super) fn second_route(&self, step: &Step) -> Option<Route> {
        let left_us = self.left_us(step);
        self.route(step, self.tried.once).filter(|route| route.forecast.mean_us <= left_us as f32)
    }

    fn route(&self, step: &Step, but: Set) -> Option<Route> {
        // The owner may have changed that since the request began.
        let is_kept_here = step.model.kept_here(step.now_us).is_some();
        let is_too_long = step.model.payload_bytes_max < u64::from(self.start.bytes);
        if is_kept_here || is_too_long || self.start.deadline_us <= step.now_us {
            return None;
        }
        route::pick(step.model, step.now_us, self.start.bytes, but, step.random).ok()
    }

    fn left_us(&self, step: &Step) -> u64 {
        self.start.deadline_us.saturating_sub(step.now_us)
    }

    pub(super) fn send(&mut self, step: &mut Step, route: Route) {
        let Route { endpoint, .. } = route;
        let has_others = step.model.endpoints().nth(1).is_some();
        let sent = Sent::new(step.now_us, route, has_others, self.is_out());
        self.tried.visit(endpoint);
        let free = self.out.iter_mut().find(|place| place.is_none()).expect("nothing is sent beside two");
        *free = Some(sent);
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

    /// Whether any endpoint has it.
    pub(super) fn is_out(&self) -> bool {
        self.out.iter().any(Option::is_some)
    }

    /// Whether an endpoint other than this one has it.
    #[must_use]
    pub fn is_out_beside(&self, endpoint: EndpointId) -> bool {
        self.out.iter().flatten().any(|sent| sent.endpoint != endpoint)
    }

    /// Counts a request to `endpoint` as over; false when it has none.
    fn take_back(&mut self, step: &mut Step, endpoint: EndpointId) -> bool {
        let is_there = |place: &&mut Option<Sent>| place.is_some_and(|sent| sent.endpoint == endpoint);
        let out = self.out.iter_mut().find(is_there).and_then(Option::take);
        if let Some(sent) = out {
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
        if !self.leave(step, sent, silent) {
            return;
        }
        learn::from_silence(step.model, step.now_us, endpoint, self.start.bytes, step.now_us - since_us);
        if silent {
            learn::from_failure(step.model, step.now_us, step.random, endpoint);
        }
    }

    /// Another endpoint answered, by the same radio: one that was asked before it is slow by itself, one that was asked after it
    /// need not be.
    fn overtaken(&mut self, step: &mut Step, sent: Sent) {
        if self.leave(step, sent, sent.is_doubted) && sent.is_doubted {
            let waited_us = step.now_us - sent.since_us;
            learn::from_overtaking(step.model, step.now_us, step.random, sent.endpoint, waited_us);
        }
    }

    fn leave(&mut self, step: &mut Step, sent: Sent, silent: bool) -> bool {
        let was_out = self.take_back(step, sent.endpoint);
        if was_out {
            step.effects.push(Effect::Cancel { endpoint: sent.endpoint, silent });
        }
        was_out
    }

    pub(super) fn end(&mut self, step: &mut Step, ending: Ending, place: Option<Place>, reason: Reason) {
        if ending == Ending::Answered && self.start.deadline_us < step.now_us {
            let too_slow =
                if place == Some(Place::Device) { Reason::LocalTooSlow } else { Reason::EdgeSilent };
            return self.end(step, Ending::Late, None, too_slow);
        }
        let is_late = self.is_due(step.now_us) || self.local_reason == Reason::EdgeSilent;
        if self.is_out() && !matches!(place, Some(Place::Edge(_))) {
            step.model.look.lost(step.now_us);
        }
        for sent in self.out.into_iter().flatten() {
            match place {
                Some(Place::Edge(_)) => self.overtaken(step, sent),
                _ => self.give_up(step, sent, sent.is_silent(step.now_us, is_late)),
            }
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
