//! `POST /v1alpha1/routes:resolve`: where a device should send its requests. In: its question. Out: endpoints in order, or
//! the advice to stay where it is. Answered from memory.

use std::time::{Duration, Instant};

use http::{HeaderValue, Request, Response, StatusCode, header::CONTENT_TYPE};
use routing::{
    rank::{self, Choice, Order, Query},
    table::Table,
};
use tokio::time::timeout_at;
use wire::{
    Advice, Outcome, Problem,
    bundle::DataClass,
    header, problem,
    routes::{Credits, NAMES_MAX, QUESTION_BYTES_MAX, Route, RouteQuestion, Routes},
};

use crate::{
    endpoint::Endpoint,
    load,
    metrics::Answer,
    peers::Known,
    proxy::{
        answer::ReplyBody,
        ending::Ending,
        incoming::Incoming,
        infer::{arriving, refusal_of},
        respond::{self, Refusal, Reply},
        route::Context,
    },
};

/// How long an order is worth something; a fifth more or less, by chance.
const TTL: Duration = Duration::from_secs(15);

/// Answers one question.
pub async fn resolve(cx: &Context, request: Request<Incoming>) -> Result<Reply, Refusal> {
    let endpoint = &cx.endpoint;
    let now = Instant::now();
    let waited = endpoint.peers.lock().askers.enter(now, &cx.party());
    if let Err(wait) = waited {
        endpoint.metrics.routed(Answer::Refused);
        // Up to a second more, so that those who are refused together do not come again together.
        let seconds = (wait.as_secs_f64() + endpoint.peers.chance()).ceil() as u64;
        return Err(Refusal { retry_after: Some(seconds.max(1)), ..Outcome::QuotaExceeded.into() });
    }
    let body = read(endpoint, request.into_body()).await?;
    let question = match parse(&body) {
        Ok(question) => question,
        Err(fault) => return Ok(misunderstood(cx, fault)),
    };
    if question.model.name != endpoint.config.model.name {
        return Err(Outcome::NotFound.into());
    }
    answer(cx, now, &question)
}

fn answer(cx: &Context, now: Instant, question: &RouteQuestion) -> Result<Reply, Refusal> {
    let endpoint = &cx.endpoint;
    if question.data_class == DataClass::Restricted {
        return Ok(stay(cx));
    }
    let admission = &endpoint.config.admission;
    let wanted = question.deadline_milliseconds.map(|wanted| Duration::from_millis(wanted.into()));
    let report = load::report(endpoint, now);
    let mut known = endpoint.peers.lock();
    let known = &mut *known;
    known.table.told(now, &endpoint.peers.instance, report, endpoint.peers.report_every);
    let query = Query {
        bytes: question.payload_bytes,
        deadline: wanted.unwrap_or(admission.timeout_default).min(admission.timeout_max),
        zone: &question.device.zone_hint,
        digest: question.model.digest.as_ref(),
        observed: &question.observed,
        exclude: &question.exclude,
        stale_after: known.stale_after,
    };
    match rank::resolve(&mut known.table, now, endpoint.peers.random(), &query) {
        Order::To(choices) => {
            let class = &question.device.class;
            let credits = known.askers.share(&known.table, &cx.party(), class, query.deadline);
            Ok(routes(cx, now, known, &choices, credits))
        }
        Order::TooLate => Ok(stay(cx)),
        Order::Nobody => {
            endpoint.metrics.routed(Answer::Nobody);
            Err(Outcome::ModelNotReady.into())
        }
    }
}

fn routes(cx: &Context, now: Instant, known: &Known, choices: &[Choice], credits: Credits) -> Reply {
    let endpoint = &cx.endpoint;
    endpoint.metrics.routed(Answer::Routes);
    let spread = 0.8 + 0.4 * endpoint.peers.chance();
    let routes = Routes {
        application_endpoints: choices.iter().map(|choice| route(&known.table, now, choice)).collect(),
        ttl_milliseconds: (TTL.as_millis() as f64 * spread) as u32,
        credits,
        policy_revision: known.revision.clone(),
    };
    respond::json(endpoint, serde_json::to_string(&routes).expect("text and numbers serialise"), cx.form)
}

fn route(table: &Table, now: Instant, choice: &Choice) -> Route {
    let at = &table.endpoints()[choice.index];
    let milliseconds = |microseconds: f32| (microseconds / 100.0).round() / 10.0;
    let age = at.standing.heard.map(|heard| now.saturating_duration_since(heard).as_millis());
    Route {
        endpoint_id: at.identity.id.clone(),
        url: at.identity.url.clone(),
        edge_cloud_zone: at.identity.zone.clone(),
        estimated_wait_milliseconds: milliseconds(choice.wait_us),
        service_time_p50_milliseconds: milliseconds(choice.p50_us),
        service_time_p95_milliseconds: milliseconds(choice.p95_us),
        load_age_milliseconds: age.map(|age| u32::try_from(age).unwrap_or(u32::MAX)),
        model_digest: at.identity.digest.clone(),
    }
}

/// Nothing can meet the deadline: the device is better off by itself.
fn stay(cx: &Context) -> Reply {
    cx.endpoint.metrics.routed(Answer::TooLate);
    let mut reply = Response::new(ReplyBody::text(""));
    *reply.status_mut() = StatusCode::NO_CONTENT;
    respond::provenance(&cx.endpoint, reply.headers_mut(), Outcome::Served, cx.form);
    reply.headers_mut().insert(header::ADVICE, HeaderValue::from_static(Advice::Local.word()));
    reply
}

/// A question that is no question: what is wrong with it, in a few words.
fn misunderstood(cx: &Context, fault: String) -> Reply {
    Ending::begin(&cx.endpoint, cx.protocol).finish(Outcome::Rejected);
    let mut text = Problem { error: fault, ..Problem::new(Outcome::Rejected, 0) };
    while text.to_json().len() > problem::BYTES_MAX && text.error.pop().is_some() {}
    let mut reply = Response::new(ReplyBody::text(text.to_json()));
    *reply.status_mut() = StatusCode::BAD_REQUEST;
    respond::provenance(&cx.endpoint, reply.headers_mut(), Outcome::Rejected, cx.form);
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(problem::CONTENT_TYPE));
    reply
}

fn parse(body: &[u8]) -> Result<RouteQuestion, String> {
    let question: RouteQuestion = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    for (name, length) in [("observed", question.observed.len()), ("exclude", question.exclude.len())] {
        if length > NAMES_MAX {
            return Err(format!("{name}: at most {NAMES_MAX}, here {length}"));
        }
    }
    Ok(question)
}

async fn read(endpoint: &Endpoint, body: Incoming) -> Result<Vec<u8>, Refusal> {
    let deadline = Instant::now() + endpoint.config.admission.timeout_max;
    let mut upload = arriving(endpoint, body)?;
    // One byte more than it may have: this reads to its end.
    let reading = upload.start(QUESTION_BYTES_MAX + 1);
    let body = timeout_at(deadline.into(), reading).await.map_err(|_| Refusal::from(Outcome::Expired))?;
    let body = body.map_err(refusal_of)?;
    if body.len() > QUESTION_BYTES_MAX { Err(Outcome::PayloadTooLarge.into()) } else { Ok(body) }
}
