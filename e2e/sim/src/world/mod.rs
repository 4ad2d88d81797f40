//! A world in virtual time: clients with a policy each, a network, servers. In: a regime and a seed. Out: how each query
//! ended. Between two runs with the same seed nothing differs, and between two policies only what they cause.

pub mod board;
mod clients;
pub mod memory;
pub mod network;
mod orders;
pub mod query;
pub mod tally;

use slotmap::SlotMap;

use crate::{
    agenda::{Agenda, Lane},
    random::Random,
    server::{Arrival, Carrier, Ended, Job, Server},
};
use board::Board;
pub use clients::Chooser;
use clients::Clients;
use network::Network;
use query::{Attempt, AttemptKey, Place, Probe, ProbeKey, Query, QueryKey};
use tally::Tally;

/// A probe without an answer is given up after so many seconds.
const PROBE_SECONDS: f64 = 1.0;

/// A query that will come.
#[derive(Clone, Copy, Debug)]
pub struct Coming {
    /// When, in seconds.
    pub at: f64,
    /// To which client.
    pub client: usize,
    /// Seconds of one core.
    pub work: f64,
    /// Seconds that its client waits.
    pub patience: f64,
}

/// Where queries come from, in order of time.
pub trait Workload {
    /// The next.
    fn next(&mut self) -> Coming;
}

/// What a run is made of.
pub struct Regime<S> {
    /// Servers.
    pub servers: Vec<S>,
    /// Queries.
    pub workload: Box<dyn Workload>,
    /// Distances.
    pub network: Network,
    /// What sidecars tell each other, where there are any.
    pub board: Option<Board>,
    /// Seconds that a client needs for the work itself, if it is told that no server will; infinite where it cannot.
    pub local: f64,
    /// What does not count, at the start, in seconds.
    pub warm_up: f64,
    /// When the last query that counts may come, in seconds.
    pub end: f64,
}

#[derive(Clone, Copy)]
enum Event {
    Comes,
    Arrives(AttemptKey),
    Acts(u32),
    Changes(u32),
    Tells(u32),
    Returns(AttemptKey),
    Expires(QueryKey),
    Cancels(AttemptKey),
    Wakes(QueryKey),
    ProbeArrives(ProbeKey),
    ProbeReturns(ProbeKey),
}

struct World<S> {
    now: f64,
    agenda: Agenda<Event>,
    servers: Vec<S>,
    /// When each server's next act is planned; an act planned for another time is void.
    acts_at: Vec<f64>,
    /// Attempts on their way to each server: the oracle knows them.
    on_the_way: Vec<u32>,
    workload: Box<dyn Workload>,
    coming: Coming,
    network: Network,
    clients: Clients,
    queries: SlotMap<QueryKey, Query>,
    attempts: SlotMap<AttemptKey, Attempt>,
    probes: SlotMap<ProbeKey, Probe>,
    ended: Vec<Ended>,
    board: Option<Board>,
    local: f64,
    counts: std::ops::Range<f64>,
    open: u64,
    tally: Tally,
}

/// Runs a regime to the end of its last query that counts.
pub fn run<S: Server>(mut regime: Regime<S>, chooser: Chooser, random: Random) -> Tally {
    let coming = regime.workload.next();
    let count = regime.servers.len();
    let mut world = World {
        now: 0.0,
        agenda: Agenda::default(),
        servers: regime.servers,
        acts_at: vec![f64::INFINITY; count],
        on_the_way: vec![0; count],
        workload: regime.workload,
        coming,
        network: regime.network,
        clients: Clients::new(chooser, random),
        queries: SlotMap::with_key(),
        attempts: SlotMap::with_key(),
        probes: SlotMap::with_key(),
        ended: Vec::new(),
        board: regime.board,
        local: regime.local,
        counts: regime.warm_up..regime.end,
        open: 0,
        tally: Tally { sends: vec![Vec::new(); count], ..Tally::default() },
    };
    world.agenda.plan(coming.at, Event::Comes);
    (0..count).for_each(|server| world.plan_change(server));
    if let Some(every) = world.board.as_ref().map(Board::every) {
        // Not all at once.
        let at = |server| every * server as f64 / count as f64;
        (0..count).for_each(|server| world.agenda.plan(at(server), Event::Tells(server as u32)));
    }
    while (world.now < regime.end || world.open > 0)
        && let Some((at, event)) = world.agenda.pop()
    {
        world.now = at;
        world.happens(event);
    }
    world.tally.faults = world.servers.iter().map(|server| server.faults().to_vec()).collect();
    world.tally
}

impl<S: Server> World<S> {
    fn happens(&mut self, event: Event) {
        match event {
            Event::Comes => self.comes(),
            Event::Arrives(attempt) => self.arrives(attempt),
            Event::Acts(server) => self.acts(server as usize),
            Event::Changes(server) => self.changes(server as usize),
            Event::Tells(server) => self.tells(server as usize),
            Event::Returns(attempt) => self.returns(attempt),
            Event::Expires(query) => self.expires(query),
            Event::Cancels(attempt) => self.cancels(attempt),
            Event::Wakes(query) => self.wakes(query),
            Event::ProbeArrives(probe) => self.probe_arrives(probe),
            Event::ProbeReturns(probe) => self.probe_returns(probe),
        }
    }

    fn comes(&mut self) {
        let Coming { client, work, patience, .. } = self.coming;
        self.coming = self.workload.next();
        self.agenda.plan(self.coming.at, Event::Comes);
        let (since, deadline) = (self.now, self.now + patience);
        let counts = self.counts.contains(&self.now);
        self.open += u64::from(counts);
        self.tally.queries += u64::from(counts);
        let query = Query { client, since, deadline, work, attempt: None, sent: 0, counts };
        let key = self.queries.insert(query);
        self.agenda.plan_in(Lane::Deadlines, deadline, Event::Expires(key));
        self.start(key);
    }

    fn arrives(&mut self, key: AttemptKey) {
        let attempt = &mut self.attempts[key];
        let (server, query) = (attempt.server, self.queries.get(attempt.query));
        self.on_the_way[server] -= 1;
        // Its client may have stopped waiting while it was on its way.
        let Some(query) = query.filter(|query| query.attempt == Some(key)) else {
            self.attempts.remove(key);
            return;
        };
        let job = Job { key, client: query.client, work: query.work, deadline: query.deadline };
        match self.servers[server].arrive(self.now, job) {
            Arrival::Taken => attempt.place = Place::Inside,
            Arrival::Lost => attempt.place = Place::Lost,
            Arrival::Refused(outcome) => self.answer(Attempt::refused(key, outcome)),
        }
        self.plan_act(server);
    }

    fn acts(&mut self, server: usize) {
        if self.acts_at[server] != self.now {
            return;
        }
        self.acts_at[server] = f64::INFINITY;
        let mut ended = std::mem::take(&mut self.ended);
        self.servers[server].act(self.now, &mut ended);
        ended.drain(..).for_each(|ended| self.answer(ended));
        self.ended = ended;
        self.plan_act(server);
    }

    /// A server answers: well, or not.
    fn answer(&mut self, ended: Ended) {
        let Some(attempt) = self.attempts.get_mut(ended.key) else { return };
        let Some(query) = self.queries.get(attempt.query).filter(|query| query.attempt == Some(ended.key))
        else {
            self.attempts.remove(ended.key);
            return;
        };
        let report = self.servers[attempt.server].report(self.now, Carrier::Answer);
        let report = report.filter(|_| !self.network.loses_report());
        attempt.place = Place::Returning(ended, report);
        let way = self.network.one_way(query.client, attempt.server);
        self.agenda.plan_in(Lane::Packets, self.now + way, Event::Returns(ended.key));
    }

    fn changes(&mut self, server: usize) {
        self.servers[server].change(self.now);
        self.plan_act(server);
        self.plan_change(server);
    }

    /// A node's sidecar tells its peers how it stands.
    fn tells(&mut self, server: usize) {
        let Some(board) = &mut self.board else { return };
        self.agenda.plan(self.now + board.every(), Event::Tells(server as u32));
        match self.servers[server].load(self.now) {
            Some(load) => {
                let messages = board.tells(self.now, server, &load);
                self.tally.control += if self.counts.contains(&self.now) { messages } else { 0 };
            }
            None => board.falls(server),
        }
    }

    fn plan_change(&mut self, server: usize) {
        let at = self.servers[server].next_change(self.now);
        self.agenda.plan(at, Event::Changes(server as u32));
    }

    fn plan_act(&mut self, server: usize) {
        let at = self.servers[server].next();
        if at != self.acts_at[server] {
            self.acts_at[server] = at;
            self.agenda.plan(at, Event::Acts(server as u32));
        }
    }

    fn probe_arrives(&mut self, key: ProbeKey) {
        let probe = &mut self.probes[key];
        let report = self.servers[probe.server].report(self.now, Carrier::Probe);
        probe.report = report.filter(|_| !self.network.loses_report());
        if let (Some(deadline), Some(_), Some(board)) = (probe.asks, probe.report, &mut self.board)
            && let Some(load) = self.servers[probe.server].load(self.now)
        {
            probe.routes = board.resolve(self.now, probe.server, &load, deadline);
        }
        let way = match probe.report {
            Some(_) => self.network.one_way(probe.client, probe.server),
            None => (probe.since + PROBE_SECONDS - self.now).max(0.0),
        };
        self.agenda.plan_in(Lane::Packets, self.now + way, Event::ProbeReturns(key));
    }
}
