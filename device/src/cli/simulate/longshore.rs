//! The shipping decision in virtual time: performs the effects of the core as the device's own driver does.

use std::collections::HashMap;

use longshore_device::core::endpoint::{EndpointId, LoadSeen};
use longshore_device::core::estimate::Estimate;
use longshore_device::core::event::{Effect, Effects, Event, Start};
use longshore_device::core::model::{Bundle, Local, Model};
use longshore_device::core::outcome::Place;
use longshore_device::core::probe::Question;
use longshore_device::core::request::Request;
use wire::Outcome;
use wire::bundle::OffloadPolicy;

use super::world::{Happening, Player, SERVER_SIGMA, Setting, World, exchange};
use crate::cli::dice::Dice;

/// Runs that measure the model's speed before the first input, as at the start of a device.
const WARM_RUNS: usize = 3;

/// Between two looks of the prober, and the longest that a probe may take, in microseconds.
const TICK_US: u64 = 100_000;
const PROBE_MAX_US: u64 = 500_000;

/// Bounds on connecting, in microseconds.
const CONNECT_US: (u64, u64) = (20_000, 250_000);

/// A device with one endpoint.
pub(super) struct Longshore {
    model: Model,
    endpoint: EndpointId,
    requests: HashMap<usize, Request>,
    probe: Option<Question>,
    load: LoadSeen,
    dice: Dice,
}

impl Longshore {
    pub(super) fn new(setting: &Setting, wishes: OffloadPolicy) -> Self {
        let mut speed = Estimate::guess(0.0, 0.0);
        for _ in 0..WARM_RUNS {
            speed.add(setting.local_us as f32);
        }
        let mut model = Model::new(wishes, setting.profile, Local::Ready(speed));
        model.bundle = Bundle::Until(u64::MAX);
        let endpoint = model.add_endpoint().expect("a new table has room");
        // 95th percentile of a lognormal time.
        let service_p95_us = (setting.server_us * (1.645 * SERVER_SIGMA).exp()) as f32;
        Self {
            model,
            endpoint,
            requests: HashMap::new(),
            probe: None,
            load: LoadSeen { service_p95_us, ..LoadSeen::default() },
            dice: Dice::of(setting.seed, 3, 0),
        }
    }

    fn random(&mut self) -> u32 {
        (self.dice.next() >> 32) as u32
    }

    fn event(&mut self, request: usize, event: Event, world: &mut World) {
        let random = self.random();
        let Some(running) = self.requests.get_mut(&request) else { return };
        let effects = running.handle(world.now_us, random, event, &mut self.model);
        self.perform(request, effects, world);
    }

    fn perform(&mut self, request: usize, effects: Effects, world: &mut World) {
        for effect in effects {
            match effect {
                Effect::RunLocal => world.run_local(request),
                Effect::Send { deadline_us, .. } => {
                    let left_us = deadline_us.saturating_sub(world.now_us);
                    world.send(request, Some((left_us / 4).clamp(CONNECT_US.0, CONNECT_US.1)));
                }
                Effect::Cancel { .. } => world.close(request),
                Effect::SetTimer { at_us } => world.set_timer(request, at_us),
                Effect::Answer(verdict) => {
                    *world.tally.reasons.entry(verdict.reason.word()).or_default() += 1;
                    world.answer(request, verdict.place.map(|place| matches!(place, Place::Edge(_))));
                    world.close(request);
                    world.stop_local(request, false);
                    if let Some(mut over) = self.requests.remove(&request) {
                        over.abandon(&mut self.model);
                    }
                }
            }
        }
    }

    fn look_for_probes(&mut self, world: &mut World) {
        while let Some((_, question)) = self.model.next_probe(world.now_us) {
            self.probe = Some(question);
            world.probe(PROBE_MAX_US);
        }
        world.tick_at(world.now_us + TICK_US);
    }
}

impl Player for Longshore {
    fn handle(&mut self, happening: Happening, world: &mut World) {
        match happening {
            Happening::Arrived { request } => {
                let start = Start {
                    deadline_us: world.deadline_us(request),
                    bytes: world.setting.bytes,
                    battery_percent: world.setting.battery_percent,
                };
                let random = self.random();
                let (running, effects) = Request::start(world.now_us, random, start, &mut self.model);
                self.requests.insert(request, running);
                self.perform(request, effects, world);
            }
            Happening::LocalDone { request } => {
                self.event(request, Event::LocalDone { confidence: None }, world);
            }
            Happening::Answered { request, exchange: times } => {
                let event = Event::RemoteAnswered {
                    endpoint: self.endpoint,
                    outcome: Outcome::Served,
                    exchange: exchange(times),
                    load: Some(self.load),
                };
                self.event(request, event, world);
            }
            Happening::Unconnected { request } => {
                self.event(request, Event::RemoteFailed { endpoint: self.endpoint }, world);
            }
            Happening::Timer { request, .. } => self.event(request, Event::Timer, world),
            Happening::Probed { round_trip_us } => {
                let random = self.random();
                let question = self.probe.take().unwrap_or(Question::Load);
                let found = round_trip_us.map(|round_trip_us| (round_trip_us, self.load));
                self.model.probed(world.now_us, random, (self.endpoint, question), found);
            }
            Happening::Tick => self.look_for_probes(world),
        }
    }
}
