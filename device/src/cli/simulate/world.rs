//! Virtual time around one device: its processor, its radio and connections, the link of a trace, one endpoint.
//!
//! What is simplified: an upload gets the whole uplink and the next waits for it; a connection costs one round trip and no
//! slow start; packets that meet an outage pass as soon as it ends; the endpoint has no queue.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use longshore_device::core::endpoint::Exchange;
use longshore_device::core::profile::Profile;

use super::meter::Meter;
use super::tally::Tally;
use super::trace::Trace;
use crate::cli::dice::Dice;

/// Spread of the time in the model server: deviation of its logarithm. Its median is `--server-ms`.
pub(super) const SERVER_SIGMA: f64 = 0.25;

/// Connections kept open while nothing is sent on them, as the device's client keeps them.
pub(super) const IDLE_MAX: usize = 4;

/// The setting of a simulation.
#[derive(Clone, Copy)]
pub(super) struct Setting {
    pub(super) bytes: u32,
    pub(super) local_us: u64,
    pub(super) server_us: f64,
    pub(super) deadline_us: u64,
    pub(super) period_us: u64,
    pub(super) battery_percent: Option<f32>,
    pub(super) profile: Profile,
    pub(super) seed: u64,
}

/// What happens to a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Happening {
    LocalDone {
        request: usize,
    },
    Answered {
        request: usize,
        exchange: Times,
    },
    /// No connection within the time for it.
    Unconnected {
        request: usize,
    },
    Probed {
        round_trip_us: Option<u64>,
    },
    Arrived {
        request: usize,
    },
    Timer {
        request: usize,
        set: u32,
    },
    Tick,
}

/// [`Exchange`] in an order, for the agenda.
pub(super) type Times = (u64, u64, u32);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Planned {
    Connected { send: usize },
    Uploaded { send: usize },
    Returned { send: usize },
    Happens(Happening),
}

/// Something that plays a device.
pub(super) trait Player {
    fn handle(&mut self, happening: Happening, world: &mut World);
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Connecting,
    Uploading,
    Waiting,
    Over,
}

pub(super) struct Sending {
    pub(super) request: usize,
    pub(super) stage: Stage,
    pub(super) sent_us: u64,
    pub(super) service_us: u64,
}

/// One request.
pub(super) struct Asked {
    at_us: u64,
    is_over: bool,
    timers: u32,
    pub(super) sending: Option<usize>,
    /// Whether it was begun here and there.
    is_both: bool,
    has_run: bool,
}

pub(super) struct World<'a> {
    pub(super) now_us: u64,
    pub(super) setting: Setting,
    pub(super) trace: &'a Trace,
    pub(super) tally: Tally,
    pub(super) meter: Meter,
    agenda: BinaryHeap<Reverse<(u64, Planned)>>,
    pub(super) asked: Vec<Asked>,
    pub(super) sendings: Vec<Sending>,
    /// Uploads in order; the first is on the air since `air_since_us`.
    pub(super) uploads: VecDeque<usize>,
    pub(super) air_since_us: u64,
    /// Open connections on which nothing is out.
    pub(super) idle: usize,
    /// Runs here in order; the first began at `running_since_us`.
    runs: VecDeque<usize>,
    running_since_us: u64,
}

/// Plays a whole trace.
pub(super) fn play<'a>(setting: Setting, trace: &'a Trace, player: &mut dyn Player) -> World<'a> {
    let mut world = World {
        now_us: 0,
        setting,
        trace,
        tally: Tally::default(),
        meter: Meter::default(),
        agenda: BinaryHeap::new(),
        asked: Vec::new(),
        sendings: Vec::new(),
        uploads: VecDeque::new(),
        air_since_us: 0,
        idle: 0,
        runs: VecDeque::new(),
        running_since_us: 0,
    };
    let phase_us = (Dice::of(setting.seed, 1, 0).unit() * setting.period_us as f64) as u64;
    for request in 0.. {
        let at_us = phase_us + request as u64 * setting.period_us;
        if trace.duration_us() <= at_us {
            break;
        }
        world.asked.push(Asked {
            at_us,
            is_over: false,
            timers: 0,
            sending: None,
            is_both: false,
            has_run: false,
        });
        world.plan(at_us, Planned::Happens(Happening::Arrived { request }));
    }
    world.plan(0, Planned::Happens(Happening::Tick));
    world.run(player);
    world
}

impl World<'_> {
    fn run(&mut self, player: &mut dyn Player) {
        let last_us = self.asked.last().map_or(0, |last| last.at_us + self.setting.deadline_us);
        while let Some(Reverse((at_us, planned))) = self.agenda.pop() {
            if last_us < at_us {
                break;
            }
            self.now_us = at_us;
            if let Some(happening) = self.happen(planned) {
                player.handle(happening, self);
            }
        }
    }

    fn happen(&mut self, planned: Planned) -> Option<Happening> {
        match planned {
            Planned::Happens(Happening::Timer { request, set }) => {
                let asked = &self.asked[request];
                (!asked.is_over && asked.timers == set).then_some(Happening::Timer { request, set })
            }
            Planned::Happens(Happening::LocalDone { request }) => self.ran(request),
            Planned::Happens(Happening::Probed { round_trip_us }) => {
                self.meter.sleep(&self.setting.profile, self.now_us);
                Some(Happening::Probed { round_trip_us })
            }
            Planned::Happens(Happening::Unconnected { request }) => {
                let send = self.asked[request].sending?;
                if self.sendings[send].stage != Stage::Connecting {
                    return None;
                }
                self.end(send);
                self.idle = 0;
                Some(Happening::Unconnected { request })
            }
            Planned::Happens(happening) => Some(happening),
            Planned::Connected { send } => {
                if self.sendings[send].stage == Stage::Connecting {
                    self.upload(send);
                }
                None
            }
            Planned::Uploaded { send } => {
                if self.uploads.front() == Some(&send) && self.sendings[send].stage == Stage::Uploading {
                    self.uploaded(send);
                }
                None
            }
            Planned::Returned { send } => {
                let Sending { request, stage, sent_us, service_us } = self.sendings[send];
                if stage != Stage::Waiting {
                    return None;
                }
                self.end(send);
                self.idle = (self.idle + 1).min(IDLE_MAX);
                let exchange = (self.now_us - sent_us, service_us, self.setting.bytes);
                Some(Happening::Answered { request, exchange })
            }
        }
    }

    pub(super) fn plan(&mut self, at_us: u64, planned: Planned) {
        self.agenda.push(Reverse((at_us, planned)));
    }

    /// When a request is due.
    pub(super) fn deadline_us(&self, request: usize) -> u64 {
        self.asked[request].at_us + self.setting.deadline_us
    }

    /// Sets the timer of a request; it replaces the one before.
    pub(super) fn set_timer(&mut self, request: usize, at_us: u64) {
        self.asked[request].timers += 1;
        let set = self.asked[request].timers;
        self.plan(at_us.max(self.now_us), Planned::Happens(Happening::Timer { request, set }));
    }

    /// Wakes the player at a time.
    pub(super) fn tick_at(&mut self, at_us: u64) {
        self.plan(at_us, Planned::Happens(Happening::Tick));
    }

    pub(super) fn is_over(&self, request: usize) -> bool {
        self.asked[request].is_over
    }

    /// The answer to a request, by the edge or by the device; `None` when there is none in time.
    pub(super) fn answer(&mut self, request: usize, by_edge: Option<bool>) {
        let asked = &mut self.asked[request];
        if !std::mem::replace(&mut asked.is_over, true) {
            let is_late = by_edge.is_none() || asked.at_us + self.setting.deadline_us < self.now_us;
            self.tally.answered(self.now_us - asked.at_us, is_late, by_edge == Some(true));
        }
    }

    /// Runs the model here, after the runs before.
    pub(super) fn run_local(&mut self, request: usize) {
        self.tally.local_runs += 1;
        self.asked[request].has_run = true;
        self.count_both(request);
        self.runs.push_back(request);
        if self.runs.len() == 1 {
            self.start_run();
        }
    }

    pub(super) fn count_both(&mut self, request: usize) {
        let asked = &mut self.asked[request];
        if asked.has_run && asked.sending.is_some() && !std::mem::replace(&mut asked.is_both, true) {
            self.tally.both += 1;
        }
    }

    fn start_run(&mut self) {
        if let Some(request) = self.runs.front().copied() {
            self.running_since_us = self.now_us;
            let at_us = self.now_us + self.setting.local_us;
            self.plan(at_us, Planned::Happens(Happening::LocalDone { request }));
        }
    }

    fn ran(&mut self, request: usize) -> Option<Happening> {
        let is_running = self.runs.front() == Some(&request)
            && self.running_since_us + self.setting.local_us == self.now_us;
        is_running.then(|| {
            self.leave_processor();
            Happening::LocalDone { request }
        })
    }

    fn leave_processor(&mut self) {
        self.meter.computed(&self.setting.profile, self.now_us - self.running_since_us);
        self.runs.pop_front();
        self.start_run();
    }

    /// Stops a run here that nobody waits for. With `even_started` also one that has begun.
    pub(super) fn stop_local(&mut self, request: usize, even_started: bool) {
        if self.runs.front() == Some(&request) {
            if even_started {
                self.leave_processor();
            }
        } else {
            self.runs.retain(|waiting| *waiting != request);
        }
    }
}

/// What the device's client would measure.
pub(super) const fn exchange((total_us, service_us, bytes): Times) -> Exchange {
    Exchange { total_us, queue_us: 0, service_us, bytes }
}
