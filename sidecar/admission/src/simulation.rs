//! Admission and the line, as shipped, before a server that is simulated in virtual time: one accelerator that takes up to
//! 32 requests at once for 4 ms and 1 ms each, a round trip of 5 ms, devices that need 50 ms for themselves and wait for
//! 100 ms. Without admission it answers next to nothing in time when more comes than it can do.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
};

use std::time::{Duration, Instant};

use crate::{
    admit::{Verdict, decide},
    line::{Entered, Line, Place},
    load::{self, Bounds, Claim, Load},
    party::{Party, Source},
};

const BATCH_MAX: usize = 32;
/// A full batch takes 36 ms.
const CAPACITY: f64 = 32.0 / 0.036;
const ONE_WAY: Duration = Duration::from_micros(2500);
const LOCAL: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_millis(100);
const ADMISSION: Bounds = Bounds {
    concurrency: BATCH_MAX as u32,
    queue_max: 256,
    timeout_default: PATIENCE,
    timeout_max: PATIENCE,
    payload_bytes_max: 1,
};

/// Devices that send at random times, so many requests a second each.
struct Group {
    devices: u32,
    rate: f64,
}

#[derive(Clone, Copy, PartialEq)]
enum Policy {
    Shipped,
    FirstComeFirstServed,
}

/// How the requests of a group ended.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    sent: u32,
    in_time: u32,
    late: u32,
    /// Refused so early that the device answered by itself in time.
    at_home: u32,
}

impl Tally {
    fn attained(&self) -> f64 {
        f64::from(self.in_time + self.at_home) / f64::from(self.sent)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Sent { device: u32 },
    BatchEnds,
    GivesUp(Place),
    Expires { ticket: u64 },
}

#[derive(Clone, Copy)]
struct Job {
    sent: Instant,
    device: u32,
}

struct World<'a> {
    groups: &'a [Group],
    policy: Policy,
    /// How many times slower the server is.
    slowness: f64,
    now: Instant,
    events: BinaryHeap<Reverse<(Instant, Event)>>,
    random: u64,
    load: Load,
    line: Line,
    jobs: HashMap<u64, Job>,
    inside: Vec<(u64, Instant)>,
    batch: Vec<(u64, Instant)>,
    tallies: Vec<Tally>,
}

impl<'a> World<'a> {
    fn new(policy: Policy, groups: &'a [Group]) -> Self {
        let queue_max = if policy == Policy::Shipped { ADMISSION.queue_max } else { u32::MAX };
        let mut world = Self {
            groups,
            policy,
            slowness: 1.0,
            now: Instant::now(),
            events: BinaryHeap::new(),
            random: 1,
            load: Load::default(),
            line: Line::new(ADMISSION.concurrency, queue_max, PATIENCE),
            jobs: HashMap::new(),
            inside: Vec::new(),
            batch: Vec::new(),
            tallies: groups.iter().map(|_| Tally::default()).collect(),
        };
        (0..groups.iter().map(|group| group.devices).sum()).for_each(|device| world.plan_next(device));
        world
    }

    fn run(mut self, seconds: u64) -> Vec<Tally> {
        self.run_for(Duration::from_secs(seconds));
        self.tallies
    }

    fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(Reverse((at, event))) = self.events.pop() {
            if at > end {
                self.events.push(Reverse((at, event)));
                break;
            }
            self.now = at;
            match event {
                Event::Sent { device } => self.sent(device),
                Event::BatchEnds => self.batch_ends(),
                Event::GivesUp(place) => self.gives_up(place),
                Event::Expires { ticket } => self.expires(ticket),
            }
            self.begin_batch();
        }
        self.now = end;
    }

    fn sent(&mut self, device: u32) {
        self.plan_next(device);
        let sent = self.now - ONE_WAY;
        self.tally(device).sent += 1;
        let deadline = sent + PATIENCE - ONE_WAY;
        let claim = Claim { party: Party::Source(Source::V4(device.to_be_bytes())), priority: 3, deadline };
        let mut ask = self.load.ask(&claim);
        if self.policy == Policy::FirstComeFirstServed {
            ask.party = Party::Rest;
            ask.start_by = sent + 1000 * PATIENCE;
        } else {
            let view = |ask: &_, mean| self.line.view(self.now, ask, mean);
            let situation = load::predict(&self.load, &ADMISSION, self.now, &claim, None, view);
            if let (Verdict::Refuse(_), _) = decide(&situation) {
                return self.refused(Job { sent, device });
            }
            ask.start_by = ask.start_by.max(self.now);
        }
        let ticket = match self.line.enter(self.now, &ask) {
            Entered::Full => return self.refused(Job { sent, device }),
            Entered::Begins { ticket } => {
                self.inside.push((ticket, self.now));
                ticket
            }
            Entered::Waits { place, instead_of } => {
                if let Some(job) = instead_of.and_then(|place| self.jobs.remove(&place.ticket)) {
                    self.refused(job);
                }
                self.events.push(Reverse((ask.start_by, Event::GivesUp(place))));
                place.ticket
            }
        };
        self.jobs.insert(ticket, Job { sent, device });
        if self.policy == Policy::Shipped {
            self.events.push(Reverse((deadline, Event::Expires { ticket })));
        }
    }

    fn begin_batch(&mut self) {
        while let Some(place) = self.line.begin(self.now) {
            self.inside.push((place.ticket, self.now));
        }
        if self.batch.is_empty() && !self.inside.is_empty() {
            let size = self.inside.len().min(BATCH_MAX);
            self.batch = self.inside.drain(..size).collect();
            let jitter = 1.0 + 0.05 * (2.0 * self.random() - 1.0);
            let time = Duration::from_secs_f64((0.004 + 0.001 * size as f64) * jitter * self.slowness);
            self.events.push(Reverse((self.now + time, Event::BatchEnds)));
        }
    }

    fn batch_ends(&mut self) {
        for (ticket, began) in std::mem::take(&mut self.batch) {
            // The server does not notice when somebody stops waiting.
            let Some(job) = self.jobs.remove(&ticket) else { continue };
            self.load.served(self.now, self.now - began);
            self.load.held(self.now, self.now - began);
            self.line.end(self.now, ticket);
            let is_in_time = self.now + ONE_WAY <= job.sent + PATIENCE;
            let tally = self.tally(job.device);
            *(if is_in_time { &mut tally.in_time } else { &mut tally.late }) += 1;
        }
    }

    fn gives_up(&mut self, place: Place) {
        if self.policy == Policy::Shipped && self.began(place.ticket).is_none() {
            self.line.give_up(self.now, place);
            let job = self.jobs.remove(&place.ticket);
            job.into_iter().for_each(|job| self.refused(job));
        }
    }

    fn expires(&mut self, ticket: u64) {
        let Some(job) = self.jobs.remove(&ticket) else { return };
        let began = self.began(ticket).unwrap();
        self.load.expired(self.now, self.now - began);
        self.load.held(self.now, self.now - began);
        self.line.end(self.now, ticket);
        self.tally(job.device).late += 1;
    }

    fn began(&self, ticket: u64) -> Option<Instant> {
        let mut inside = self.inside.iter().chain(&self.batch);
        inside.find_map(|(other, began)| (*other == ticket).then_some(*began))
    }

    fn refused(&mut self, job: Job) {
        let is_in_time = self.now + ONE_WAY + LOCAL <= job.sent + PATIENCE;
        self.tally(job.device).at_home += u32::from(is_in_time);
    }

    fn tally(&mut self, device: u32) -> &mut Tally {
        let group = self.group(device);
        &mut self.tallies[group]
    }

    fn group(&self, device: u32) -> usize {
        let mut first = 0;
        let is_in = |group: &Group| {
            first += group.devices;
            device < first
        };
        self.groups.iter().position(is_in).unwrap()
    }

    fn plan_next(&mut self, device: u32) {
        let gap = -self.random().ln() / self.groups[self.group(device)].rate;
        self.events.push(Reverse((self.now + Duration::from_secs_f64(gap), Event::Sent { device })));
    }

    /// Above 0, at most 1: splitmix64.
    fn random(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.random;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((bits ^ (bits >> 31)) >> 11).max(1) as f64 / (1u64 << 53) as f64
    }
}

/// 200 devices that together send so many times what the server can do.
fn fleet(load: f64) -> Group {
    Group { devices: 200, rate: CAPACITY * load / 200.0 }
}

#[test]
fn an_overloaded_server_answers_as_much_as_it_can_and_the_others_learn_early() {
    const SECONDS: u64 = 60;
    for load in [1.2, 2.0, 4.0] {
        let goodput = |tally: &Tally| f64::from(tally.in_time) / (CAPACITY * SECONDS as f64);
        let shipped = World::new(Policy::Shipped, &[fleet(load)]).run(SECONDS)[0];
        let naive = World::new(Policy::FirstComeFirstServed, &[fleet(load)]).run(SECONDS)[0];
        println!(
            "{load} times the capacity: goodput {:.3}, attained {:.4}, late {}; first come, first served: {:.3}",
            goodput(&shipped),
            shipped.attained(),
            shipped.late,
            goodput(&naive),
        );
        assert!(goodput(&shipped) > 0.95, "{shipped:?}");
        assert!(shipped.attained() > 0.995, "{shipped:?}");
        assert!(f64::from(shipped.late) < 0.003 * f64::from(shipped.in_time), "{shipped:?}");
        assert!(goodput(&naive) < 0.1, "{naive:?}");
    }
}

#[test]
fn one_device_that_wants_a_hundred_times_its_share_harms_nobody() {
    let rate = CAPACITY * 0.8 / 100.0;
    let honest = || Group { devices: 100, rate };
    let tallies = World::new(Policy::Shipped, &[honest(), Group { devices: 1, rate: 100.0 * rate }]).run(60);
    let [honest, greedy] = tallies[..] else { panic!("two groups") };
    let answered = |tally: Tally| f64::from(tally.in_time) / f64::from(tally.sent);
    assert!(answered(honest) > 0.995, "{honest:?}");
    assert!((0.1..0.5).contains(&answered(greedy)), "it has what the others leave: {greedy:?}");
}

#[test]
fn a_server_that_slows_down_or_recovers_is_known_within_a_few_requests() {
    let groups = [Group { devices: 10, rate: 4.0 }];
    let mut world = World::new(Policy::Shipped, &groups);
    let second = Duration::from_secs(1);
    world.run_for(10 * second);
    world.slowness = 40.0;
    world.run_for(second);
    let before = std::mem::take(&mut world.tallies[0]);
    assert!(before.late <= 8 && before.in_time > 350, "{before:?}");
    world.run_for(9 * second);
    let slow = std::mem::take(&mut world.tallies[0]);
    assert!(slow.late <= 18, "one in each second finds out whether it is still slow: {slow:?}");
    world.slowness = 1.0;
    world.run_for(3 * second / 2);
    world.tallies[0] = Tally::default();
    world.run_for(10 * second);
    let after = world.tallies[0];
    assert!(after.in_time + 2 > after.sent && after.late == 0, "all but what is still on its way: {after:?}");
}
