//! `drive`: the core as a program. One JSON object a line in, one a line out; time is in the events (docs/drive.md).

use std::collections::HashMap;
use std::io::{BufRead as _, Write as _, stdin, stdout};
use std::process::ExitCode;

use longshore_device::core::endpoint::{EndpointId, Exchange, LoadSeen};
use longshore_device::core::estimate::Estimate;
use longshore_device::core::event::{Effect, Effects, Event, Start};
use longshore_device::core::model::{Bundle, Local, Model};
use longshore_device::core::outcome::{Place, Reason, Verdict};
use longshore_device::core::probe::Question;
use longshore_device::core::request::Request;
use longshore_device::core::route;
use serde::Deserialize;
use serde_json::{Value, json};
use wire::Outcome;
use wire::bundle::OffloadPolicy;

use super::args::DriveArgs;
use super::dice::Dice;

/// A line in.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    now_microseconds: u64,
    /// 32 random bits for this event. Default: from `--seed`.
    random: Option<u32>,
    #[serde(flatten)]
    word: Word,
}

#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
enum Word {
    /// Begins anew.
    Model {
        #[serde(default)]
        policy: OffloadPolicy,
        /// When the policy expires. Default: never.
        policy_until_microseconds: Option<u64>,
        /// Measured runs of the model on the device. Empty: it does not run there.
        #[serde(default)]
        local_microseconds: Vec<f32>,
        #[serde(default = "one")]
        endpoints: u8,
        service_p95_microseconds: Option<f32>,
    },
    Start {
        request: u64,
        deadline_microseconds: u64,
        bytes: u32,
        battery_percent: Option<f32>,
    },
    LocalDone {
        request: u64,
        confidence: Option<f32>,
    },
    LocalFailed {
        request: u64,
    },
    RemoteAnswered {
        request: u64,
        endpoint: u8,
        outcome: String,
        total_microseconds: u64,
        #[serde(default)]
        queue_microseconds: u64,
        #[serde(default)]
        service_microseconds: u64,
        bytes: u32,
        load: Option<Load>,
    },
    RemoteFailed {
        request: u64,
        endpoint: u8,
    },
    Timer {
        request: u64,
    },
    Abandon {
        request: u64,
    },
    Tick,
    Probed {
        endpoint: u8,
        question: String,
        round_trip_microseconds: Option<u64>,
        #[serde(default)]
        load: Load,
    },
    /// What another endpoint told of one.
    Routed {
        endpoint: u8,
        #[serde(default)]
        age_microseconds: u64,
        #[serde(default)]
        load: Load,
    },
    /// The site's leave to send so many requests in each period.
    Credited {
        requests: u32,
        period_microseconds: u64,
        until_microseconds: u64,
    },
    /// The device is at another site.
    Moved,
    Forecast {
        bytes: u32,
    },
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Load {
    wait_microseconds: f32,
    service_p95_microseconds: f32,
    draining: bool,
}

impl From<Load> for LoadSeen {
    fn from(load: Load) -> Self {
        Self {
            wait_us: load.wait_microseconds,
            service_p95_us: load.service_p95_microseconds,
            draining: load.draining,
        }
    }
}

const fn one() -> u8 {
    1
}

pub(crate) fn run(args: &DriveArgs) -> anyhow::Result<ExitCode> {
    let mut driven = Driven {
        model: Model::new(
            OffloadPolicy::default(),
            args.power.profile(),
            Local::Absent(Reason::NoLocalModel),
        ),
        requests: HashMap::new(),
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
                Ok(json!({ "effects": [] }))
            }
            Word::Tick => Ok(self.probes(now_us)),
            Word::Probed { endpoint, question, round_trip_microseconds, load } => {
                let question = asked(&question)?;
                let found = round_trip_microseconds.map(|us| (us, load.into()));
                self.model.probed(now_us, random, (EndpointId(endpoint), question), found);
                Ok(json!({ "effects": [] }))
            }
            Word::Routed { endpoint, age_microseconds, load } => {
                let at_us = now_us.saturating_sub(age_microseconds);
                self.model.routed(now_us, EndpointId(endpoint), at_us, load.into());
                Ok(json!({ "effects": [] }))
            }
            Word::Credited { requests, period_microseconds, until_microseconds } => {
                self.model.credits.grant(now_us, until_microseconds, requests, period_microseconds);
                Ok(json!({ "effects": [] }))
            }
            Word::Moved => {
                self.model.moved(now_us);
                Ok(json!({ "effects": [] }))
            }
            Word::Forecast { bytes } => Ok(self.forecast(now_us, random, bytes)),
        }
    }

    fn begin(&mut self, word: Word) -> Result<Value, String> {
        let Word::Model {
            policy,
            policy_until_microseconds,
            local_microseconds,
            endpoints,
            service_p95_microseconds,
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
        self.requests.clear();
        for _ in 0..endpoints {
            self.model.add_endpoint().ok_or("there is room for 16 endpoints")?;
        }
        Ok(json!({ "effects": [] }))
    }

    fn handle(&mut self, now_us: u64, random: u32, request: u64, event: Event) -> Value {
        let Some(running) = self.requests.get_mut(&request) else { return json!({ "effects": [] }) };
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

    fn probes(&mut self, now_us: u64) -> Value {
        let mut probes = Vec::new();
        while let Some((endpoint, question)) = self.model.next_probe(now_us) {
            probes.push(json!({ "effect": "probe", "endpoint": endpoint.0, "question": word(question) }));
        }
        json!({ "effects": probes })
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

fn told(request: u64, effect: Effect) -> Value {
    match effect {
        Effect::RunLocal => json!({ "effect": "runLocal", "request": request }),
        Effect::Send { endpoint, deadline_us } => json!({
            "effect": "send", "request": request, "endpoint": endpoint.0, "deadlineMicroseconds": deadline_us,
        }),
        Effect::Cancel { endpoint } => {
            json!({ "effect": "cancel", "request": request, "endpoint": endpoint.0 })
        }
        Effect::SetTimer { at_us } => {
            json!({ "effect": "setTimer", "request": request, "atMicroseconds": at_us })
        }
        Effect::Answer(Verdict { ending, place, reason }) => {
            let endpoint = match place {
                Some(Place::Edge(endpoint)) => Some(endpoint.0),
                _ => None,
            };
            json!({
                "effect": "answer", "request": request, "outcome": ending.word(),
                "place": place.map(|place| place.word()), "endpoint": endpoint, "reason": reason.word(),
            })
        }
    }
}

const QUESTIONS: [Question; 3] = [Question::Load, Question::ReadyAndLoad, Question::Ready];

const fn word(question: Question) -> &'static str {
    match question {
        Question::Load => "load",
        Question::ReadyAndLoad => "readyAndLoad",
        Question::Ready => "ready",
    }
}

fn asked(text: &str) -> Result<Question, String> {
    let found = QUESTIONS.into_iter().find(|question| word(*question) == text);
    found.ok_or_else(|| format!("no question {text:?}"))
}
