//! What is measured of a proxy under load. In: running proxies. Out: for each arm one value of each round, the arms in
//! another order each round.

use std::{
    cell::RefCell,
    collections::HashMap,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use crate::{
    attack::Attack,
    backend::Backend,
    grpc::Calls,
    load::{self, Load, Run},
    memory,
    overload::{self, Figures},
    process,
    proxy::{self as arms, Arm, DIRECT, Proxy, SIDECAR},
};

/// A quantity of several arms.
pub struct Measure {
    /// What a reader calls it.
    pub title: &'static str,
    /// A word to choose it by.
    pub key: &'static str,
    pub unit: &'static str,
    pub arms: Vec<Values>,
    how: How,
}

/// The values of one arm.
pub struct Values {
    pub arm: Arm,
    /// One of each round.
    pub rounds: Vec<f64>,
    /// Requests in a second, where they are counted.
    pub per_second: Vec<f64>,
}

#[derive(Clone, Copy)]
enum How {
    /// Processor time per small request over so many connections, in microseconds.
    Small(usize),
    /// Processor time per body, in microseconds.
    Body(usize),
    /// Processor time per call, over so many connections with so many calls each.
    Grpc(usize, usize),
    /// The middle time at one connection, in microseconds; `direct` is taken from it.
    Added(Processors),
    /// The slowest hundredth of honest clients, in milliseconds.
    Slowest,
    /// So many times the capacity of the server behind: a share, in percent.
    Overload(u32, fn(&Figures) -> f64),
    Memory(memory::What),
}

/// What processors do when there is nothing to do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Processors {
    /// Halt. To wake a halted virtual processor takes longer than a proxy takes for a request.
    Halt,
    /// Run on.
    Spin,
}

/// What is running.
pub struct Bed {
    pub backend: Backend,
    pub proxies: Vec<Proxy>,
    pub folder: std::path::PathBuf,
    /// What overloads came to, by round and factor: several figures are wanted of each run.
    pub overload: RefCell<HashMap<(usize, u32), Figures>>,
}

/// Long enough that the kernel's clock for processor time, 10 ms, is a hundredth.
const RUN: Duration = Duration::from_millis(1200);
const WARM_UP: Duration = Duration::from_millis(100);
/// Everything that is measured, in the order of the page.
pub fn all() -> Vec<Measure> {
    [of_requests(), under_attack(), overloaded(), of_memory()].into_iter().flatten().collect()
}

fn of_requests() -> Vec<Measure> {
    use arms::{ENVOY, ENVOY_GRPC, ENVOY_UNIX, HAPROXY, HAPROXY_GRPC, HAPROXY_SPLICE, HAPROXY_UNIX, NGINX};
    use arms::{NGINX_UNBUFFERED, NGINX_UNIX, SIDECAR_GRPC, SIDECAR_UNIX};
    let ways = [
        SIDECAR,
        SIDECAR_UNIX,
        HAPROXY,
        HAPROXY_UNIX,
        NGINX,
        NGINX_UNBUFFERED,
        NGINX_UNIX,
        ENVOY,
        ENVOY_UNIX,
    ];
    let bodies = [SIDECAR, HAPROXY, HAPROXY_SPLICE, NGINX, NGINX_UNBUFFERED, ENVOY];
    let added = [DIRECT, SIDECAR, HAPROXY, NGINX, NGINX_UNBUFFERED, ENVOY];
    let halting = [DIRECT, SIDECAR, HAPROXY, NGINX, ENVOY];
    let calls = [SIDECAR_GRPC, HAPROXY_GRPC, ENVOY_GRPC];
    vec![
        new("small", "CPU per small request, 32 connections", "us", How::Small(32), &ways),
        new("added", "Time added at one connection, p50", "us", How::Added(Processors::Spin), &added),
        new("halting", "The same with processors that halt", "us", How::Added(Processors::Halt), &halting),
        new("body", "CPU per body of 602,112 bytes, 4 connections", "us", How::Body(4), &bodies),
        new("grpc", "CPU per gRPC call, 4 connections with 8 calls each", "us", How::Grpc(4, 8), &calls),
    ]
}

fn under_attack() -> Vec<Measure> {
    let arms = [
        SIDECAR,
        SIDECAR.under(Attack::HalfHeads),
        SIDECAR.under(Attack::Connections),
        SIDECAR.under(Attack::HeaderBombs),
        SIDECAR.under(Attack::SlowBodies),
        SIDECAR.under(Attack::Resets),
    ];
    vec![new("honest", "p99 of honest clients, model of 5 ms", "ms", How::Slowest, &arms)]
}

fn overloaded() -> Vec<Measure> {
    let share = |key, title, factor, figure| new(key, title, "%", How::Overload(factor, figure), &[SIDECAR]);
    vec![
        share("lost-2", "Goodput lost at twice the capacity", 2, |it| it.lost),
        share("late-2", "Late answers at twice the capacity", 2, |it| it.late),
        share("without-2", "Devices without an answer in time, at twice", 2, |it| it.without),
        share("lost-4", "Goodput lost at four times the capacity", 4, |it| it.lost),
        share("late-4", "Late answers at four times the capacity", 4, |it| it.late),
        share("without-4", "Devices without an answer in time, at four times", 4, |it| it.without),
    ]
}

fn of_memory() -> Vec<Measure> {
    use memory::What::{Connections, Idle, SlowClients, SlowServer};
    let each = [SIDECAR, arms::HAPROXY, arms::NGINX, arms::ENVOY];
    let held = [SIDECAR, arms::HAPROXY, arms::NGINX, arms::NGINX_UNBUFFERED, arms::ENVOY];
    let of = |key, title, unit, what, arms: &[Arm]| new(key, title, unit, How::Memory(what), arms);
    vec![
        of("idle", "Memory, idle", "MiB", Idle, &each),
        of("connection", "Memory per idle connection", "KiB", Connections, &each),
        of("slow-server", "Memory grown from 1 to 64 bodies, slow server", "MiB", SlowServer, &held),
        of("slow-clients", "Memory grown from 1 to 64 bodies, slow clients", "MiB", SlowClients, &held),
    ]
}

fn new(key: &'static str, title: &'static str, unit: &'static str, how: How, arms: &[Arm]) -> Measure {
    let arms = arms.iter().map(|arm| Values { arm: *arm, rounds: Vec::new(), per_second: Vec::new() });
    Measure { title, key, unit, arms: arms.collect(), how }
}

impl Measure {
    /// One more value for each arm.
    pub async fn round(&mut self, bed: &Bed, number: usize) -> Result<()> {
        let count = self.arms.len();
        for turn in 0..count {
            // Another start each round, and backwards every other, so that no arm always follows the same one.
            let turn = if number.is_multiple_of(2) { turn } else { count - 1 - turn };
            let values = &mut self.arms[(turn + number) % count];
            let (value, per_second) = one(self.how, values.arm, bed, number)
                .await
                .with_context(|| format!("{}: {}", self.title, values.arm.name()))?;
            values.rounds.push(value);
            values.per_second.extend(per_second);
        }
        if matches!(self.how, How::Added(_)) {
            self.take_direct();
        }
        Ok(())
    }

    /// What was added in the last round is what is more than past all proxies.
    fn take_direct(&mut self) {
        let last = |values: &Values| values.rounds.last().copied().unwrap_or_default();
        let direct = self.arms.iter().find(|values| values.arm == DIRECT).map(last).unwrap_or_default();
        for value in self.arms.iter_mut().filter(|values| values.arm != DIRECT) {
            if let Some(last) = value.rounds.last_mut() {
                *last -= direct;
            }
        }
    }
}

async fn one(how: How, arm: Arm, bed: &Bed, round: usize) -> Result<(f64, Option<f64>)> {
    let proxy = bed.proxies.iter().find(|proxy| Some(proxy.kind) == arm.proxy);
    let address = proxy.map_or(bed.backend.tcp, |proxy| proxy.address(arm.way));
    match how {
        How::Small(connections) => {
            let mut load = Load::start(address, connections, &load::small()).await?;
            load.run(WARM_UP).await?;
            costs(proxy, async || load.run(RUN).await).await
        }
        How::Body(connections) => {
            let mut load = Load::start(address, connections, &load::picture("")).await?;
            load.run(WARM_UP).await?;
            costs(proxy, async || load.run(RUN).await).await
        }
        How::Grpc(connections, at_once) => {
            let calls = Calls::start(address, connections, at_once).await?;
            calls.run(WARM_UP).await?;
            costs(proxy, async || calls.run(RUN).await).await
        }
        How::Added(processors) => {
            let _awake = (processors == Processors::Spin).then(process::spin).transpose()?;
            let mut load = Load::start(address, 1, &load::small()).await?;
            load.run(WARM_UP).await?;
            Ok((load.run(RUN).await?.median() * 1e6, None))
        }
        How::Slowest => Ok((overload::slowest(arm.attack, &bed.folder).await? * 1e3, None)),
        How::Overload(factor, figure) => {
            let known = bed.overload.borrow().get(&(round, factor)).copied();
            let figures = match known {
                Some(figures) => figures,
                None => overload::run(factor, &bed.folder).await?,
            };
            bed.overload.borrow_mut().insert((round, factor), figures);
            Ok((figure(&figures) * 100.0, None))
        }
        How::Memory(what) => {
            let kind = arm.proxy.context("memory of no proxy")?;
            Ok((memory::of(what, kind, arm.way, bed).await?, None))
        }
    }
}

/// Microseconds of processor time per request, and requests in a second.
async fn costs(
    proxy: Option<&Proxy>,
    mut run: impl AsyncFnMut() -> Result<Run>,
) -> Result<(f64, Option<f64>)> {
    let proxy = proxy.context("cost of no proxy")?;
    let (before, start) = (proxy.process.cpu()?, Instant::now());
    let run = run().await?;
    let (spent, took) = (proxy.process.cpu()? - before, start.elapsed());
    let requests = run.times.len() as f64;
    Ok((spent.as_secs_f64() * 1e6 / requests, Some(requests / took.as_secs_f64())))
}
