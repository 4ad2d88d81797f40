//! What the sidecars of a fleet tell each other: the tables and the ranking as they ship. Here is only who tells whom when.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use routing::{
    links::{self, Candidate},
    rank::{self, Order, Query},
    table::{Source, Table},
};
use wire::{LoadReport, routes::PeerRow};

use crate::{policy::Told, random::Random};

/// Reports of endpoints count half after this time: the default of the policy.
const STALE_AFTER: Duration = Duration::from_secs(5);

/// A table in each sidecar.
pub struct Board {
    tables: Vec<Table>,
    /// Whom each sidecar hears.
    hears: Vec<Vec<usize>>,
    /// Between two reports to a listener.
    every: Duration,
    slots: u32,
    epoch: Instant,
    random: Random,
}

impl Board {
    /// Sidecars that hear of each peer that they chose, every so many seconds.
    #[must_use]
    pub fn new(nodes: usize, every: f64, slots: u32, random: Random) -> Self {
        let address = |node: usize| SocketAddr::from(([10, 0, 0, node as u8], 8080));
        let hears = |own: usize| {
            let others = (0..nodes).filter(|node| *node != own);
            let peers: Vec<Candidate> =
                others.map(|node| Candidate { address: address(node), is_at_site: true }).collect();
            let chosen = links::choose(own as u64, &peers);
            (0..nodes).filter(|node| chosen.contains(&address(*node))).collect()
        };
        Self {
            tables: (0..nodes).map(|_| Table::default()).collect(),
            hears: (0..nodes).map(hears).collect(),
            every: Duration::from_secs_f64(every),
            slots,
            epoch: Instant::now(),
            random,
        }
    }

    /// Seconds between two reports.
    #[must_use]
    pub fn every(&self) -> f64 {
        self.every.as_secs_f64()
    }

    /// A node tells its load to those who listen; how many messages that takes.
    pub fn tells(&mut self, now: f64, node: usize, load: &LoadReport) -> u64 {
        let (at, row) = (self.instant(now), self.row(node, load));
        let mut messages = 0;
        for (table, hears) in self.tables.iter_mut().zip(&self.hears) {
            if hears.contains(&node) {
                table.learn(at, &row, Source::Itself(self.every));
                table.age(at, &[]);
                messages += 1;
            }
        }
        messages
    }

    /// A node fell, and with it what its sidecar knew.
    pub fn falls(&mut self, node: usize) {
        self.tables[node] = Table::default();
    }

    /// A device asks the sidecar of a node where to go.
    pub fn resolve(&mut self, now: f64, node: usize, load: &LoadReport, deadline: f64) -> Vec<Told> {
        let (at, row) = (self.instant(now), self.row(node, load));
        let table = &mut self.tables[node];
        table.learn(at, &row, Source::Itself(self.every));
        let query = Query {
            bytes: 0,
            deadline: Duration::from_secs_f64(deadline),
            zone: "",
            digest: None,
            observed: &[],
            exclude: &[],
            stale_after: STALE_AFTER,
        };
        let random = u64::from(self.random.bits());
        let Order::To(choices) = rank::resolve(table, at, random, &query) else { return Vec::new() };
        let told = |choice: rank::Choice| {
            let endpoint = &table.endpoints()[choice.index];
            let heard = endpoint.standing.heard?;
            Some(Told {
                server: endpoint.identity.id.parse().ok()?,
                age: (at - heard).as_secs_f64(),
                wait: choice.wait_us / 1e6,
                service_p95: choice.p95_us / 1e6,
            })
        };
        choices.into_iter().filter_map(told).collect()
    }

    fn row(&self, node: usize, load: &LoadReport) -> PeerRow {
        PeerRow {
            instance: node.to_string(),
            endpoint_id: node.to_string(),
            url: format!("http://{node}"),
            max_concurrency: self.slots,
            load: load.clone(),
            ..PeerRow::default()
        }
    }

    fn instant(&self, now: f64) -> Instant {
        self.epoch + Duration::from_secs_f64(now)
    }
}
