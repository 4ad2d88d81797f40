//! A hundred devices behind links of unequal rate, and four endpoints of which one gets slow, one dies, and one is left.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use e2e::{
    cluster::{self, POD, SOON, apply, endpoints, kubectl, serving_nodes},
    device::{Device, not_answered},
    field::{Network, Placed},
    manifest,
    node::{self, Cut, Slowed},
    routes, wait,
};
use serde_json::{Value, json};

const DEVICES: u16 = 100;

/// Uplinks, in kbit/s: from a bad LTE cell to a good Wi-Fi. A picture takes 400 ms on the slowest.
const KILOBITS: [u32; 5] = [4_000, 8_000, 15_000, 30_000, 60_000];

/// From one picture of a device to its next: so that all of it, the devices too, fits on two cores.
const PERIOD_MS: u32 = 4_000;

/// Over which shares are counted.
const WINDOW: Duration = Duration::from_secs(2);

/// What happens to a fleet, one after the other, while all devices send; none of them can answer anything itself.
pub fn a_hundred_devices(namespace: &str) -> Result<()> {
    let ready = four_nodes(namespace)?;
    let nodes = serving_nodes(&ready);
    let field = Field::place(&ready)?;
    field.everybody_is_answered()?;
    field.lost_nothing_while("the load spreads", || field.spreads_over(&nodes))?;
    field.lost_nothing_while("a node is slow", || field.sheds_a_slow_one(&nodes[0]))?;
    field.lost_nothing_while("a node is cut", || field.survives_the_death_of(&nodes[1]))?;
    field.lost_nothing_while("devices move", || field.moves_away_from(&nodes[2], &endpoints(&ready)[2]))?;
    field.lost_nothing_while("the control plane is away", || routes_without_a_control_plane(&ready))?;
    field.lost_nothing()
}

/// An offload on each of the four edge nodes.
fn four_nodes(namespace: &str) -> Result<Value> {
    let mut offload = manifest::offload(namespace, "person", manifest::FLEET_CLASS)?;
    offload["spec"]["replicas"] = json!(4);
    offload["spec"]["admission"]["maxTimeoutMilliseconds"] = json!(5_000);
    apply(&offload.to_string())?;
    wait::until("an endpoint on each of four nodes", POD, || {
        let seen = cluster::ready(namespace, "person")?;
        ensure!(endpoints(&seen).len() == 4, "{}", seen["status"]["endpoints"]);
        Ok(Some(seen))
    })
}

/// All devices.
struct Field(Vec<Placed>);

impl Field {
    /// Each knows one endpoint, and learns of the others.
    fn place(ready: &Value) -> Result<Self> {
        let network = Network::of(&node::control_plane()?)?;
        let known = endpoints(ready);
        let place = |number: u16| {
            let edge = usize::from(number) % known.len();
            let device = Device::thin(&known[edge..=edge], 3_000);
            let kilobits = KILOBITS[usize::from(number) / known.len() % KILOBITS.len()];
            network.place(&device, number, kilobits, "site-a", PERIOD_MS)
        };
        (0..DEVICES).map(place).collect::<Result<_>>().map(Self)
    }

    fn everybody_is_answered(&self) -> Result<()> {
        wait::until_true("three answers for each device", POD, || {
            let waiting = self.0.iter().filter(|placed| placed.watch.lines().len() < 3).count();
            ensure!(waiting == 0, "{waiting} devices wait");
            Ok(true)
        })
    }

    /// Answers since a moment, by node.
    fn answers_since(&self, since: Instant) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for (at, line) in self.0.iter().flat_map(|placed| placed.watch.timed()) {
            if let (true, Some(node)) = (since <= at, line["endpoint"].as_str()) {
                *counts.entry(node.to_owned()).or_default() += 1;
            }
        }
        counts
    }

    /// A node's part of the answers of the last seconds.
    fn share(&self, node: &str) -> Result<f64> {
        let since = Instant::now().checked_sub(WINDOW).context("the clock has just begun")?;
        let counts = self.answers_since(since);
        let all: usize = counts.values().sum();
        ensure!(20 < all, "{all} answers in {WINDOW:?}");
        Ok(*counts.get(node).unwrap_or(&0) as f64 / all as f64)
    }

    /// Every node has its part, and none has most of the work.
    fn spreads_over(&self, nodes: &[String]) -> Result<()> {
        let since = Instant::now();
        wait::until_true("the load is spread", SOON, || {
            let counts = self.answers_since(since);
            let all: usize = counts.values().sum();
            let parts = nodes.iter().map(|node| *counts.get(node).unwrap_or(&0));
            let is_fair = |part: usize| all / 10 < part && part < all / 2;
            ensure!(200 < all && parts.clone().all(is_fair), "{counts:?}");
            println!("    {all} answers by node: {:?}", parts.collect::<Vec<_>>());
            Ok(true)
        })
    }

    fn sheds_a_slow_one(&self, node: &str) -> Result<()> {
        let before = self.share(node)?;
        let slow = Slowed::new(node)?;
        let since = Instant::now();
        wait::until_true("devices leave the slow node", SOON, || {
            let now = self.share(node)?;
            ensure!(now < before / 2.0, "{now:.2} of the answers, {before:.2} before");
            Ok(true)
        })?;
        // The window still holds answers from before; what is left of it after them is how long the shedding took.
        println!(
            "    a slow node was down to half of its {before:.2} after {:.1} s",
            since.elapsed().as_secs_f32()
        );
        drop(slow);
        wait::until_true("devices come back", POD, || Ok(before / 3.0 < self.share(node)?))
    }

    fn survives_the_death_of(&self, node: &str) -> Result<()> {
        let since = Instant::now();
        let dead = Cut::new(node)?;
        wait::until_true("two answers for each device without it", SOON, || {
            let elsewhere = |placed: &&Placed| {
                let answers = placed.watch.timed().into_iter();
                answers.filter(|(at, line)| since < *at && line["endpoint"] != node).count() < 2
            };
            let waiting = self.0.iter().filter(elsewhere).count();
            ensure!(waiting == 0, "{waiting} devices wait");
            Ok(true)
        })?;
        drop(dead);
        wait::until_true("the node is ready", POD, || node::is_ready(node))?;
        wait::until_true("devices come back", POD, || Ok(0.05 < self.share(node)?))
    }

    /// Ten devices go to another site, from where their old node cannot be reached.
    fn moves_away_from(&self, node: &str, url: &str) -> Result<()> {
        let address = url.trim_start_matches("http://").split(':').next().context("no address")?;
        let movers = &self.0[..10];
        movers.iter().try_for_each(|placed| placed.move_to("site-d"))?;
        let since = Instant::now();
        wait::until_true("two answers after the move", SOON, || {
            Ok(movers.iter().all(|placed| answers(placed, since) >= 2))
        })?;
        movers.iter().try_for_each(|placed| placed.lose_sight_of(address))?;
        let since = Instant::now();
        wait::until_true("three answers without the old node", SOON, || {
            Ok(movers.iter().all(|placed| answers(placed, since) >= 3))
        })?;
        let from_there = |placed: &Placed| {
            let late = placed.watch.timed().into_iter().filter(|(at, _)| since + WINDOW < *at);
            late.filter(|(_, line)| line["endpoint"] == node).count()
        };
        ensure!(movers.iter().map(from_there).sum::<usize>() == 0, "answers from where nothing leads");
        Ok(())
    }

    /// Every request that ends while something happens is answered.
    fn lost_nothing_while(&self, what: &str, happens: impl FnOnce() -> Result<()>) -> Result<()> {
        let since = Instant::now();
        happens()?;
        let timed = self.0.iter().flat_map(|placed| placed.watch.timed());
        let (times, lines): (Vec<Instant>, Vec<Value>) = timed.filter(|(at, _)| since <= *at).unzip();
        let lost = not_answered(&lines);
        let seconds = since.elapsed().as_secs_f32();
        println!("    while {what}: {seconds:.1} s, {} requests, {} lost", lines.len(), lost.len());
        let when = times.iter().zip(&lines).filter(|(_, line)| lost.contains(line));
        let when: Vec<f32> = when.map(|(at, _)| (*at - since).as_secs_f32()).collect();
        ensure!(lost.is_empty(), "lost while {what}, after {when:.1?} s: {lost:?}");
        Ok(())
    }

    fn lost_nothing(self) -> Result<()> {
        let lines: Vec<Vec<Value>> =
            self.0.into_iter().map(|placed| placed.watch.finish()).collect::<Result<_>>()?;
        let lost: Vec<&Value> = lines.iter().flat_map(|lines| not_answered(lines)).collect();
        println!("    {} requests, {} lost", lines.iter().map(Vec::len).sum::<usize>(), lost.len());
        ensure!(lost.is_empty(), "{lost:?}");
        Ok(())
    }
}

/// Answers of the edge since a moment.
fn answers(placed: &Placed, since: Instant) -> usize {
    let timed = placed.watch.timed();
    timed.iter().filter(|(at, line)| since < *at && line["place"] == "edge").count()
}

/// API server, DNS and operator are away: every node still leads to all four.
fn routes_without_a_control_plane(ready: &Value) -> Result<()> {
    let lead_to_all = || routes::until_all_lead(&endpoints(ready), "person-detect", 4, &[]);
    lead_to_all()?;
    let scale = |namespace: &str, name: &str, count: &str| kubectl(&["-n", namespace, "scale", name, count]);
    scale("kube-system", "deployment/coredns", "--replicas=0")?;
    scale("longshore-system", "deployment/longshore", "--replicas=0")?;
    wait::until_true("no DNS and no operator", POD, || {
        Ok(cluster::list("kube-system", &["pods", "-l", "k8s-app=kube-dns"])?.is_empty()
            && cluster::list("longshore-system", &["pods"])?.is_empty())
    })?;
    let outcome = node::without_api_server(lead_to_all);
    scale("kube-system", "deployment/coredns", "--replicas=2")?;
    scale("longshore-system", "deployment/longshore", "--replicas=1")?;
    outcome
}
