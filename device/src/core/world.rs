//! A world for tests in virtual time: endpoints that are good, slow, silent, refusing or cut, and the device's own
//! model. It performs effects exactly as a driver would and checks the promise on every request.

use wire::Outcome;
use wire::bundle::OffloadPolicy;

use super::endpoint::{EndpointId, Exchange, LoadSeen};
use super::estimate::Estimate;
use super::event::{Effect, Event, Start};
use super::model::{Bundle, Local, Model};
use super::outcome::{Ending, Place, Verdict};
use super::probe::Question;
use super::profile::Profile;
use super::request::Request;

/// How an endpoint behaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Node {
    /// Answers after this many microseconds.
    Good(u64),
    /// Takes everything and never answers.
    Silent,
    /// Drops packets: connecting fails after a quarter of the time left.
    Cut,
    /// Breaks the first connection and answers on the next.
    BrokenOnce,
    /// Refuses after this many microseconds.
    Refusing(Outcome, u64),
}

pub(super) struct World {
    pub(super) now_us: u64,
    pub(super) model: Model,
    pub(super) nodes: Vec<Node>,
    pub(super) local_us: u64,
    pub(super) confidence: f32,
    pub(super) battery_percent: Option<f32>,
    pub(super) local_fails: bool,
    pub(super) random: u64,
    /// What the last request made the device do.
    pub(super) effects: Vec<Effect>,
    /// The endpoint that has it.
    out: Option<EndpointId>,
}

impl World {
    /// A device that needs 40 ms for its model, and these nodes; everything is measured.
    pub(super) fn new(nodes: &[Node]) -> Self {
        let mut speed = Estimate::guess(0.0, 0.0);
        for _ in 0..8 {
            speed.add(40_000.0);
        }
        let mut model = Model::new(OffloadPolicy::default(), Profile::default(), Local::Ready(speed));
        model.bundle = Bundle::Until(u64::MAX);
        // No look at the edge of its own accord for an hour.
        model.look.lost(3_600_000_000);
        for _ in nodes {
            let id = model.add_endpoint().expect("a world has few nodes");
            for _ in 0..8 {
                model.probed(
                    0,
                    0,
                    (id, Question::Load),
                    Some((2_000, LoadSeen { service_p95_us: 5_000.0, ..LoadSeen::default() })),
                );
            }
        }
        Self {
            now_us: 1_000_000,
            model,
            nodes: nodes.to_vec(),
            local_us: 40_000,
            confidence: 0.9,
            battery_percent: None,
            local_fails: false,
            random: 7,
            effects: Vec::new(),
            out: None,
        }
    }

    pub(super) fn random(&mut self) -> u32 {
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 32) as u32
    }

    /// One request from its start to its verdict. Panics unless there is exactly one answer, by the deadline.
    pub(super) fn ask(&mut self, deadline_ms: u64) -> Verdict {
        let start = Start {
            deadline_us: self.now_us + deadline_ms * 1_000,
            bytes: 50_000,
            battery_percent: self.battery_percent,
        };
        let random = self.random();
        let (mut request, effects) = Request::start(self.now_us, random, start, &mut self.model);
        self.effects = effects.into_iter().collect();
        self.out = None;
        let mut fresh = self.effects.clone();
        let mut agenda: Vec<(u64, Event)> = Vec::new();
        let mut timer = None;
        for _ in 0..100 {
            for effect in std::mem::take(&mut fresh) {
                self.check_effect(effect);
                match effect {
                    Effect::SetTimer { at_us } => timer = Some(at_us.max(self.now_us)),
                    Effect::Cancel { endpoint } => agenda.retain(|(_, event)| !is_from(event, endpoint)),
                    Effect::Answer(verdict) => return self.judge(start, verdict),
                    Effect::RunLocal => agenda.push(self.local_end()),
                    Effect::Send { endpoint, .. } => agenda.extend(self.remote_end(endpoint, start)),
                }
            }
            let timed = timer.map(|at_us| (at_us, Event::Timer));
            let (at_us, event) = agenda
                .iter()
                .copied()
                .chain(timed)
                .min_by_key(|(at_us, _)| *at_us)
                .expect("a timer is always set");
            agenda.retain(|planned| *planned != (at_us, event));
            self.out.take_if(|id| is_from(&event, *id));
            self.now_us = self.now_us.max(at_us);
            let random = self.random();
            fresh = request.handle(self.now_us, random, event, &mut self.model).into_iter().collect();
            self.effects.extend(fresh.iter().copied());
        }
        panic!("no answer after 100 events: {:?}", self.effects);
    }

    /// Lets time pass with a prober at work.
    pub(super) fn rest(&mut self, milliseconds: u64) {
        for _ in 0..milliseconds {
            self.now_us += 1_000;
            while let Some((id, question)) = self.model.next_probe(self.now_us) {
                let answers = match self.nodes[usize::from(id.0)] {
                    Node::Good(_) => true,
                    Node::Refusing(outcome, _) => {
                        question == Question::Load || outcome != Outcome::ModelNotReady
                    }
                    Node::Silent | Node::Cut | Node::BrokenOnce => false,
                };
                let found =
                    answers.then_some((2_000, LoadSeen { service_p95_us: 5_000.0, ..LoadSeen::default() }));
                let random = self.random();
                self.model.probed(self.now_us, random, (id, question), found);
            }
        }
    }

    pub(super) fn sent(&self) -> usize {
        self.effects.iter().filter(|effect| matches!(effect, Effect::Send { .. })).count()
    }

    fn sends_to(&self, id: EndpointId) -> usize {
        let is_to = |effect: &&Effect| matches!(effect, Effect::Send { endpoint, .. } if *endpoint == id);
        self.effects.iter().filter(is_to).count()
    }

    pub(super) fn ran_locally(&self) -> bool {
        self.effects.contains(&Effect::RunLocal)
    }

    /// One endpoint has the request at a time, only one that has it is given up, and the answer comes last.
    fn check_effect(&mut self, effect: Effect) {
        match effect {
            Effect::Send { endpoint, .. } => {
                assert_eq!(self.out, None, "{:?}", self.effects);
                self.out = Some(endpoint);
            }
            Effect::Cancel { endpoint } => {
                assert_eq!(self.out.take(), Some(endpoint), "{:?}", self.effects);
            }
            Effect::Answer(_) => assert_eq!(self.effects.last(), Some(&effect), "it is the last"),
            Effect::RunLocal | Effect::SetTimer { .. } => {}
        }
    }

    fn judge(&self, start: Start, verdict: Verdict) -> Verdict {
        let answers = self.effects.iter().filter(|effect| matches!(effect, Effect::Answer(_))).count();
        assert_eq!(answers, 1, "{:?}", self.effects);
        assert!(self.now_us <= start.deadline_us, "{verdict:?} at {} for {}", self.now_us, start.deadline_us);
        assert_eq!(verdict.place.is_some(), verdict.ending == Ending::Answered);
        if verdict.place == Some(Place::Device) {
            assert!(self.ran_locally());
        }
        verdict
    }

    fn local_end(&self) -> (u64, Event) {
        let done = Event::LocalDone { confidence: Some(self.confidence) };
        (self.now_us + self.local_us, if self.local_fails { Event::LocalFailed } else { done })
    }

    fn remote_end(&self, endpoint: EndpointId, start: Start) -> Option<(u64, Event)> {
        let answer = |after_us: u64, outcome| {
            let exchange =
                Exchange { total_us: after_us, queue_us: 0, service_us: 5_000, bytes: start.bytes };
            (self.now_us + after_us, Event::RemoteAnswered { endpoint, outcome, exchange, load: None })
        };
        match self.nodes[usize::from(endpoint.0)] {
            Node::Good(after_us) => Some(answer(after_us, Outcome::Served)),
            Node::Refusing(outcome, after_us) => Some(answer(after_us, outcome)),
            Node::Silent => None,
            Node::BrokenOnce if self.sends_to(endpoint) < 2 => {
                Some((self.now_us + 1_000, Event::RemoteFailed { endpoint }))
            }
            Node::BrokenOnce => Some(answer(12_000, Outcome::Served)),
            Node::Cut => {
                let left_us = start.deadline_us.saturating_sub(self.now_us);
                Some((self.now_us + left_us / 4, Event::RemoteFailed { endpoint }))
            }
        }
    }
}

fn is_from(event: &Event, id: EndpointId) -> bool {
    match event {
        Event::RemoteAnswered { endpoint, .. } | Event::RemoteFailed { endpoint } => *endpoint == id,
        _ => false,
    }
}
