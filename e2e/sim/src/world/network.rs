//! How far clients and servers are from each other, and what gets lost between them.

use crate::random::Random;

/// Round trips between clients and servers.
pub struct Network {
    /// Seconds, by client and server; one for all where there is only one.
    round_trips: Vec<f32>,
    servers: usize,
    /// Mean of what a packet waits on its way, as a share of that way.
    jitter: f64,
    /// Probability that a report does not arrive.
    lost_reports: f64,
    random: Random,
}

impl Network {
    /// Everybody is as far from everybody; nothing is lost.
    #[must_use]
    pub fn even(round_trip: f64, random: Random) -> Self {
        Self { round_trips: vec![round_trip as f32], servers: 0, jitter: 0.0, lost_reports: 0.0, random }
    }

    /// Every client is at another distance from every server, from and to these seconds; packets wait on their way for this
    /// share of it in the mean; this share of the reports is lost.
    #[must_use]
    pub fn spread(
        (clients, servers): (usize, usize),
        (from, to): (f64, f64),
        jitter: f64,
        lost_reports: f64,
        mut random: Random,
    ) -> Self {
        let round_trips = (0..clients * servers).map(|_| random.between(from, to) as f32).collect();
        Self { round_trips, servers, jitter, lost_reports, random }
    }

    /// Round trip in seconds, without jitter.
    #[must_use]
    pub fn round_trip(&self, client: usize, server: usize) -> f64 {
        let index = if self.servers == 0 { 0 } else { client * self.servers + server };
        f64::from(self.round_trips[index])
    }

    /// Seconds that this packet takes.
    pub fn one_way(&mut self, client: usize, server: usize) -> f64 {
        let way = self.round_trip(client, server) / 2.0;
        if self.jitter > 0.0 { way + self.random.exponential(way * self.jitter) } else { way }
    }

    /// Whether this report is lost.
    pub fn loses_report(&mut self) -> bool {
        self.lost_reports > 0.0 && self.random.chance(self.lost_reports)
    }
}
