//! What a client does about its queries: it asks its policy and carries out what that orders.

use wire::Outcome;

use super::{
    Chooser, Event, World,
    query::{Attempt, AttemptKey, Place, Probe, ProbeKey, QueryKey},
};
use crate::{
    agenda::Lane,
    policy::{Answer, Moment, Order, Policy, Verdict},
    server::Server,
};

#[derive(Clone, Copy, PartialEq)]
enum End {
    Answered,
    Late,
    Failed,
}

impl<S: Server> World<S> {
    pub(super) fn start(&mut self, key: QueryKey) {
        match self.clients.chooser {
            Chooser::Policies(_) => {
                self.ask(key, |policy, moment| policy.start(moment));
            }
            Chooser::Oracle => match self.soonest(key) {
                Some(server) => self.send(key, server),
                None => self.finish(key, End::Failed),
            },
        }
    }

    /// Lets the policy of a query's client say something, and does what it orders.
    fn ask<T>(
        &mut self,
        key: QueryKey,
        question: impl FnOnce(&mut dyn Policy, &mut Moment<'_>) -> T,
    ) -> Option<T> {
        let query = self.queries[key];
        let Chooser::Policies(policies) = &mut self.clients.chooser else { return None };
        let mut moment = Moment {
            now: self.now,
            query: key,
            deadline: query.deadline,
            random: &mut self.clients.random,
            orders: &mut self.clients.orders,
        };
        let answer = question(policies[query.client].as_mut(), &mut moment);
        let mut orders = std::mem::take(&mut self.clients.orders);
        orders.drain(..).for_each(|order| self.carry_out(key, order));
        self.clients.orders = orders;
        Some(answer)
    }

    fn carry_out(&mut self, key: QueryKey, order: Order) {
        match order {
            Order::Send(server) => self.send(key, server),
            Order::Probe(server) => self.probe(key, server, false),
            Order::Ask(server) => self.probe(key, server, true),
            Order::Wake(at) => self.agenda.plan(at.max(self.now), Event::Wakes(key)),
            Order::Cancel(server) => self.give_up(key, server),
            Order::Fail => self.finish(key, End::Failed),
        }
    }

    /// The server where a query ends first, by the truth; none where it would be too late.
    fn soonest(&mut self, key: QueryKey) -> Option<usize> {
        let query = self.queries[key];
        let end = |server: usize| {
            let round_trip = self.network.round_trip(query.client, server);
            let inside = self.servers[server].expected(self.now, self.on_the_way[server], query.work);
            self.now + round_trip + inside
        };
        let ends = (0..self.servers.len()).map(|server| (end(server), server));
        let (end, server) = ends.min_by(|a, b| a.0.total_cmp(&b.0))?;
        (end <= query.deadline).then_some(server)
    }

    fn send(&mut self, key: QueryKey, server: usize) {
        let Some(query) = self.queries.get_mut(key) else { return };
        let attempt = Attempt { query: key, server, since: self.now, place: Place::Going };
        let attempt = self.attempts.insert(attempt);
        query.attempt = Some(attempt);
        query.sent += 1;
        self.on_the_way[server] += 1;
        self.tally.sends[server].push(self.now as f32);
        let way = self.network.one_way(query.client, server);
        self.agenda.plan_in(Lane::Packets, self.now + way, Event::Arrives(attempt));
    }

    fn probe(&mut self, key: QueryKey, server: usize, asks: bool) {
        let Some(query) = self.queries.get(key) else { return };
        self.tally.control += u64::from(query.counts);
        let asks = asks.then_some(query.deadline - query.since);
        let probe =
            Probe { client: query.client, server, since: self.now, asks, report: None, routes: Vec::new() };
        let way = self.network.one_way(query.client, server);
        self.agenda.plan_in(Lane::Packets, self.now + way, Event::ProbeArrives(self.probes.insert(probe)));
    }

    pub(super) fn probe_returns(&mut self, key: ProbeKey) {
        let Some(probe) = self.probes.remove(key) else { return };
        if let Chooser::Policies(policies) = &mut self.clients.chooser {
            let round_trip = self.now - probe.since;
            let policy = &mut policies[probe.client];
            policy.probed(self.now, probe.server, round_trip, probe.report.as_ref());
            policy.routed(self.now, &probe.routes);
        }
    }

    pub(super) fn wakes(&mut self, key: QueryKey) {
        if self.queries.contains_key(key) {
            self.ask(key, |policy, moment| policy.woken(moment));
        }
    }

    /// The client no longer wants what it sent to a server.
    fn give_up(&mut self, key: QueryKey, server: usize) {
        let Some(query) = self.queries.get_mut(key) else { return };
        if let Some(attempt) = query.attempt.take_if(|attempt| self.attempts[*attempt].server == server) {
            let way = self.network.one_way(query.client, server);
            self.agenda.plan(self.now + way, Event::Cancels(attempt));
        }
    }

    /// Word of it reaches the server.
    pub(super) fn cancels(&mut self, key: AttemptKey) {
        let Some(attempt) = self.attempts.get(key).copied() else { return };
        match attempt.place {
            // It is forgotten where it arrives.
            Place::Going | Place::Returning(..) => {}
            Place::Lost => {
                self.attempts.remove(key);
            }
            Place::Inside => {
                self.servers[attempt.server].cancel(self.now, key);
                self.attempts.remove(key);
                self.plan_act(attempt.server);
            }
        }
    }

    pub(super) fn returns(&mut self, key: AttemptKey) {
        let Some(Attempt { query, server, since, place: Place::Returning(ended, report) }) =
            self.attempts.remove(key)
        else {
            return;
        };
        if self.queries.get(query).is_none_or(|query| query.attempt != Some(key)) {
            return;
        }
        self.queries[query].attempt = None;
        let answer = Answer {
            server,
            outcome: ended.outcome,
            total: self.now - since,
            queue: ended.queue,
            service: ended.service,
            report,
        };
        let end = if ended.outcome == Outcome::Served { End::Answered } else { End::Failed };
        match self.ask(query, |policy, moment| policy.answered(moment, &answer)) {
            Some(Verdict::Open) => {}
            Some(Verdict::Final) | None => self.finish(query, end),
        }
    }

    /// The deadline: server and client both know it.
    pub(super) fn expires(&mut self, key: QueryKey) {
        let Some(query) = self.queries.get(key) else { return };
        if let Some(attempt) = query.attempt {
            let Attempt { server, since, .. } = self.attempts[attempt];
            let (total, outcome) = (self.now - since, Outcome::Expired);
            let answer = Answer { server, outcome, total, queue: 0.0, service: 0.0, report: None };
            self.ask(key, |policy, moment| policy.answered(moment, &answer));
            self.cancels(attempt);
        } else {
            self.ask(key, |policy, moment| policy.woken(moment));
        }
        self.finish(key, End::Late);
    }

    fn finish(&mut self, key: QueryKey, end: End) {
        let Some(query) = self.queries.remove(key).filter(|query| query.counts) else { return };
        self.open -= 1;
        let tally = &mut self.tally;
        tally.sent += u64::from(query.sent);
        let local = self.now + self.local;
        let (until, count) = match end {
            End::Answered => (self.now, &mut tally.answered),
            End::Late => (query.deadline, &mut tally.late),
            End::Failed if local <= query.deadline => (local, &mut tally.local),
            End::Failed => (query.deadline, &mut tally.failed),
        };
        *count += 1;
        tally.seconds.push((until - query.since) as f32);
    }
}
