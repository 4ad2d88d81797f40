//! Ours: the core of the device library as it ships, with a request's whole life. Here is only what its driver does: carry
//! out effects, hand in what comes back, and ask endpoints for their load as often as the budget allows.

use longshore_device::core::{
    endpoint::{EndpointId, Exchange, LoadSeen},
    event::{Effect, Effects, Event, Start},
    model::{Bundle, ENDPOINTS_MAX, Local, Model},
    outcome::{Ending, Reason},
    probe::Question,
    profile::Profile,
    request::Request,
};
use wire::{
    Advice,
    bundle::{Fallback, Mode, OffloadPolicy},
};

use super::{Answer, Moment, Order, Policy, Told, Verdict};
use crate::{random::Random, server::Report, world::query::QueryKey};

/// A device. It asks the edge first, and runs the model itself only when an endpoint advises so early enough: without that
/// rule its core would also run it whenever the edge is slow, and nothing would be seen of the choice of endpoints.
pub struct Longshore {
    model: Model,
    /// The server of each endpoint in the device's table.
    servers: Vec<usize>,
    requests: Vec<(QueryKey, Request)>,
    /// Seconds that it needs for the work itself.
    local: f64,
    /// Control messages per query, and those not yet sent.
    budget: f64,
    saved: f64,
    /// Whether sidecars tell routes.
    asks: bool,
    /// What the last probe of each endpoint asked.
    questions: Vec<Question>,
    random: Random,
}

impl Longshore {
    /// A device that knows some of so many servers, as many as its table holds.
    #[must_use]
    pub fn new(servers: usize, local: f64, budget: f64, asks: bool, mut random: Random) -> Self {
        let policy =
            OffloadPolicy { mode: Mode::OffloadOnly, fallback: Fallback::Fail, ..OffloadPolicy::default() };
        let mut model = Model::new(policy, Profile::default(), Local::Absent(Reason::NoLocalModel));
        model.bundle = Bundle::Until(u64::MAX);
        let mut all: Vec<usize> = (0..servers).collect();
        (1..servers).rev().for_each(|last| all.swap(last, random.below(last + 1)));
        all.truncate(ENDPOINTS_MAX);
        for _ in &all {
            model.add_endpoint();
        }
        let questions = vec![Question::Load; all.len()];
        let (requests, saved) = (Vec::new(), random.unit());
        Self { model, servers: all, requests, local, budget, saved, asks, questions, random }
    }

    fn endpoint(&self, server: usize) -> Option<EndpointId> {
        let place = self.servers.iter().position(|known| *known == server)?;
        Some(EndpointId(u8::try_from(place).ok()?))
    }

    fn handle(&mut self, moment: &mut Moment<'_>, event: Event) -> Verdict {
        let Some(place) = self.requests.iter().position(|(key, _)| *key == moment.query) else {
            return Verdict::Final;
        };
        let random = moment.random.bits();
        let effects = self.requests[place].1.handle(micros(moment.now), random, event, &mut self.model);
        self.perform(moment, effects)
    }

    /// The application runs the model itself.
    fn take_advice(&mut self, moment: &mut Moment<'_>) -> Verdict {
        moment.orders.clear();
        if let Some(place) = self.requests.iter().position(|(key, _)| *key == moment.query) {
            self.requests.swap_remove(place).1.abandon(&mut self.model);
        }
        Verdict::Final
    }

    fn perform(&mut self, moment: &mut Moment<'_>, effects: Effects) -> Verdict {
        let mut verdict = Verdict::Open;
        for effect in effects {
            match effect {
                Effect::Send { endpoint, .. } => moment.order(Order::Send(self.server(endpoint))),
                Effect::Cancel { endpoint } => moment.order(Order::Cancel(self.server(endpoint))),
                Effect::SetTimer { at_us } => moment.order(Order::Wake(at_us as f64 / 1e6)),
                Effect::RunLocal => {}
                Effect::Answer(answer) => {
                    self.requests.retain(|(key, _)| *key != moment.query);
                    verdict = Verdict::Final;
                    // What is late ends with the deadline, and what was answered ends with its answer.
                    if answer.ending == Ending::Failed {
                        moment.order(Order::Fail);
                    }
                }
            }
        }
        verdict
    }

    /// A place in the table for a server that is better than what is there: that of one with nothing under way which the
    /// routes do not name.
    fn make_room(&mut self, server: usize, routes: &[Told]) -> Option<EndpointId> {
        let is_named = |known: usize| routes.iter().any(|told| told.server == known);
        let is_free = |id| self.model.endpoint(id).is_none_or(|endpoint| endpoint.in_flight() == 0);
        let from = self.random.below(self.servers.len());
        let places = (from..self.servers.len()).chain(0..from);
        let place = places
            .filter(|place| !is_named(self.servers[*place]))
            .find(|place| is_free(EndpointId(*place as u8)))?;
        self.model.remove_endpoint(EndpointId(place as u8));
        let id = self.model.add_endpoint()?;
        self.servers[place] = server;
        Some(id)
    }

    fn server(&self, endpoint: EndpointId) -> usize {
        self.servers[usize::from(endpoint.0)]
    }

    /// Endpoints that the core wants asked come first; what is left of the budget asks any.
    fn probe(&mut self, moment: &mut Moment<'_>) {
        self.saved += self.budget;
        while 1.0 <= self.saved {
            let due = self.model.next_probe(micros(moment.now));
            let any = || (EndpointId(self.random.below(self.servers.len()) as u8), Question::Load);
            let (endpoint, question) = due.unwrap_or_else(any);
            self.questions[usize::from(endpoint.0)] = question;
            let server = self.server(endpoint);
            moment.order(if self.asks { Order::Ask(server) } else { Order::Probe(server) });
            self.saved -= 1.0;
        }
    }
}

impl Policy for Longshore {
    fn start(&mut self, moment: &mut Moment<'_>) {
        let start = Start { deadline_us: micros(moment.deadline), bytes: 0, battery_percent: None };
        let random = moment.random.bits();
        let (request, effects) = Request::start(micros(moment.now), random, start, &mut self.model);
        self.requests.push((moment.query, request));
        self.perform(moment, effects);
        self.probe(moment);
    }

    fn answered(&mut self, moment: &mut Moment<'_>, answer: &Answer) -> Verdict {
        let Some(endpoint) = self.endpoint(answer.server) else { return Verdict::Final };
        if moment.deadline <= moment.now {
            return self.handle(moment, Event::Timer);
        }
        let exchange = Exchange {
            total_us: micros(answer.total),
            queue_us: micros(answer.queue),
            service_us: micros(answer.service),
            bytes: 0,
        };
        let load = answer.report.as_ref().map(load);
        let outcome = answer.outcome;
        let verdict = self.handle(moment, Event::RemoteAnswered { endpoint, outcome, exchange, load });
        if outcome.row().advice == Advice::Local && moment.now + self.local <= moment.deadline {
            return self.take_advice(moment);
        }
        verdict
    }

    fn probed(&mut self, now: f64, server: usize, round_trip: f64, report: Option<&Report>) {
        let Some(endpoint) = self.endpoint(server) else { return };
        let found = report.map(|report| (micros(round_trip), load(report)));
        let question = self.questions[usize::from(endpoint.0)];
        self.model.probed(micros(now), self.random.bits(), (endpoint, question), found);
    }

    fn routed(&mut self, now: f64, routes: &[Told]) {
        for told in routes {
            let Some(id) = self.endpoint(told.server).or_else(|| self.make_room(told.server, routes)) else {
                continue;
            };
            let service_p95_us = told.service_p95 * 1e6;
            let load = LoadSeen { wait_us: told.wait * 1e6, service_p95_us, ..LoadSeen::default() };
            self.model.routed(micros(now), id, micros(now - told.age), load);
        }
    }

    fn woken(&mut self, moment: &mut Moment<'_>) {
        self.handle(moment, Event::Timer);
    }
}

fn load(report: &Report) -> LoadSeen {
    LoadSeen { wait_us: report.wait * 1e6, service_p95_us: report.service_p95 * 1e6, ..LoadSeen::default() }
}

fn micros(seconds: f64) -> u64 {
    // Rounded: a timer that came a fraction of a microsecond too early would be set again for ever.
    (seconds * 1e6).round() as u64
}
