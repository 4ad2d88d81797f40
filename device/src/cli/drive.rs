//! `drive`: the core as a program. One JSON object a line in, one a line out; time is in the events (docs/drive.md).

use std::collections::HashMap;
use std::io::{BufRead as _, Write as _, stdin, stdout};
use std::process::ExitCode;

use longshore_device::core::endpoint::{EndpointId, Exchange};
use longshore_device::core::estimate::Estimate;
use longshore_device::core::event::{Effect, Effects, Event, Start};
use longshore_device::core::model::{Bundle, Local, Model};
use longshore_device::core::outcome::Reason;
use longshore_device::core::request::Request;
use longshore_device::core::route;
use serde_json::{Value, json};
use wire::Outcome;
use wire::bundle::OffloadPolicy;

use self::words::{Line, Word, asked, told};
use super::args::DriveArgs;
use super::dice::Dice;

mod words;

pub(crate) fn run(args: &DriveArgs) -> anyhow::Result<ExitCode> {
    let mut driven = Driven {
        model: Model::new(
            OffloadPolicy::default(),
            args.power.profile(),
            Local::Absent(Reason::NoLocalModel),
        ),
        requests: HashMap::new(),
        asks_for_routes: false,
        dice: Dice::new(args.seed),
    };
    let mut code = ExitCode::SUCCESS;
    for line in stdin().lock().lines() {
        let answer = driven.line(&line?).unwrap_or_else(|error| {
            code = ExitCode::FAILURE;
            json!({ "error": error })
        });
        writeln!(stdout(), "{answer}")?;
        stdout().flush()?;
    }
    Ok(code)
}

struct Driven {
    model: Model,
    requests: HashMap<u64, Request>,
    asks_for_routes: bool,
    dice: Dice,
}

impl Driven {
    fn line(&mut self, text: &str) -> Result<Value, String> {
        let line: Line = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let random = line.random.unwrap_or_else(|| (self.dice.next() >> 32) as u32);
        self.event(line.now_microseconds, random, line.word)
    }

    fn event(&mut self, now_us: u64, random: u32, word: Word) -> Result<Value, String> {
        match word {
            Word::Model { .. } => self.begin(word),
            Word::Start { request, deadline_microseconds, bytes, battery_percent } => {
                let start = Start { deadline_us: deadline_microseconds, bytes, battery_percent };
                let (running, effects) = Request::start(now_us, random, start, &mut self.model);
                self.requests.insert(request, running);
                Ok(self.told(request, effects))
            }
            Word::LocalDone { request, confidence } => {
                Ok(self.handle(now_us, random, request, Event::LocalDone { confidence }))
            }
            Word::LocalFailed { request } => Ok(self.handle(now_us, random, request, Event::LocalFailed)),
            Word::RemoteAnswered {
                request,
                endpoint,
                outcome,
                total_microseconds,
                queue_microseconds,
                service_microseconds,
                bytes,
                load,
            } => {
                let outcome: Outcome = outcome.parse().map_err(|_| format!("no outcome {outcome:?}"))?;
                let exchange = Exchange {
                    total_us: total_microseconds,
                    queue_us: queue_microseconds,
                    service_us: service_microseconds,
                    bytes,
                };
                let (endpoint, load) = (EndpointId(endpoint), load.map(Into::into));
                let event = Event::RemoteAnswered { endpoint, outcome, exchange, load };
                Ok(self.handle(now_us, random, request, event))
            }
            Word::RemoteFailed { request, endpoint } => {
                let event = Event::RemoteFailed { endpoint: EndpointId(endpoint) };
                Ok(self.handle(now_us, random, request, event))
            }
            Word::Timer { request } => Ok(self.handle(now_us, random, request, Event::Timer)),
            Word::Abandon { request } => {
                self.over(request);
                Ok(words::nothing())
            }
            Word::Tick => Ok(self.curiosity(now_us, random)),
            Word::Forecast { bytes } => Ok(self.forecast(now_us, random, bytes)),
            word => self.knowledge(now_us, random, word),
        }
    }

    /// What no request is about.
    fn knowledge(&mut self, now_us: u64, random: u32, word: Word) -> Result<Value, String> {
        match word {
            Word::Probed { endpoint, question, round_trip_microseconds, load } => {
                let question = asked(&question)?;
                let found = round_trip_microseconds.map(|us| (us, load.into()));
                self.model.probed(now_us, random, (EndpointId(endpoint), question), found);
            }
            Word::Routed { endpoint, age_microseconds, load } => {
                let at_us = now_us.saturating_sub(age_microseconds);
                self.model.routed(now_us, EndpointId(endpoint), at_us, load.into());
            }
            Word::Resolved { ttl_microseconds } => self.model.guide.answered(now_us, ttl_microseconds),
            Word::Met { round_trip_microseconds, load } => {
                let endpoint = self.model.add_endpoint().ok_or("there is room for 16 endpoints")?;
                self.model.met(now_us, endpoint, round_trip_microseconds, load.into());
                return Ok(json!({ "effects": [{ "effect": "added", "endpoint": endpoint.0 }] }));
            }
            Word::Removed { endpoint } => self.model.remove_endpoint(EndpointId(endpoint)),
            Word::Credited { requests, period_microseconds, until_microseconds } => {
                self.model.credits.grant(now_us, until_microseconds, requests, period_microseconds);
            }
            Word::Moved => self.model.moved(now_us),
            _ => return Err("an event of requests".into()),
        }
        Ok(words::nothing())
    }

    fn begin(&mut self, word: Word) -> Result<Value, String> {
        let Word::Model {
            policy,
            policy_until_microseconds,
            local_microseconds,
            endpoints,
            service_p95_microseconds,
            routes,
        } = word
        else {
            return Err("no model".into());
        };
        let mut speed = Estimate::guess(0.0, 0.0);
        local_microseconds.iter().for_each(|us| speed.add(*us));
        let local = if local_microseconds.is_empty() {
            Local::Absent(Reason::NoLocalModel)
        } else {
            Local::Ready(speed)
        };
        self.model = Model::new(policy, self.model.profile, local);
        self.model.bundle = Bundle::Until(policy_until_microseconds.unwrap_or(u64::MAX));
        self.model.service_told_us = service_p95_microseconds.unwrap_or(0.0);
        self.asks_for_routes = routes;
        self.requests.clear();
        for _ in 0..endpoints {
            self.model.add_endpoint().ok_or("there is room for 16 endpoints")?;
        }
        Ok(words::nothing())
    }

    fn handle(&mut self, now_us: u64, random: u32, request: u64, event: Event) -> Value {
        let Some(running) = self.requests.get_mut(&request) else { return words::nothing() };
        let effects = running.handle(now_us, random, event, &mut self.model);
        self.told(request, effects)
    }

    fn told(&mut self, request: u64, effects: Effects) -> Value {
        let told: Vec<Value> = effects.into_iter().map(|effect| told(request, effect)).collect();
        if effects.into_iter().any(|effect| matches!(effect, Effect::Answer(_))) {
            self.over(request);
        }
        json!({ "effects": told })
    }

    /// What a device does when it has the answer: nothing of the request is out any more.
    fn over(&mut self, request: u64) {
        if let Some(mut over) = self.requests.remove(&request) {
            over.abandon(&mut self.model);
        }
    }

    /// What the core wants to know that no request asked for.
    fn curiosity(&mut self, now_us: u64, random: u32) -> Value {
        let mut effects = Vec::new();
        while let Some((endpoint, question)) = self.model.next_probe(now_us) {
            let question = words::word(question);
            effects.push(json!({ "effect": "probe", "endpoint": endpoint.0, "question": question }));
        }
        if self.asks_for_routes && self.model.asks_for_routes(now_us, random) {
            effects.push(json!({ "effect": "resolve" }));
        }
        json!({ "effects": effects })
    }

    /// What the core expects of a request of this size.
    fn forecast(&self, now_us: u64, random: u32, bytes: u32) -> Value {
        let start = Start { deadline_us: u64::MAX, bytes, battery_percent: None };
        let local = self.model.here(now_us).ok();
        let route = route::first(&self.model, now_us, random, &start).ok();
        json!({
            "localMicroseconds": local.map(|forecast| forecast.mean_us),
            "localP95Microseconds": local.map(|forecast| forecast.p95_us()),
            "endpoint": route.map(|route| route.endpoint.0),
            "edgeMicroseconds": route.map(|route| route.forecast.mean_us),
            "edgeP95Microseconds": route.map(|route| route.forecast.p95_us()),
            "deviceMicrojoules": self.model.account.device_microjoules,
            "edgeMicrojoules": self.model.account.edge_microjoules,
            "savedMicrojoules": self.model.account.saved_microjoules,
            "edgeBytes": self.model.account.edge_bytes,
            "savedBytes": self.model.account.saved_bytes,
            "workMoves": self.model.account.moves.made,
            "heldByMargin": self.model.account.moves.held_by_margin,
            "heldByDwell": self.model.account.moves.held_by_dwell,
            "heldByFlapLimit": self.model.account.moves.held_by_flap_limit,
        })
    }
}
