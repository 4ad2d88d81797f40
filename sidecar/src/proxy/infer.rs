//! One inference: admit, gather, queue, forward, report. In: a request. Out: the model's answer or a refusal. The order
//! is the design, for HTTP and gRPC alike: refuse before the body is read, take a slot only when the body is at hand.

use std::{
    pin::{Pin, pin},
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use http::{Method, Request, StatusCode, request};
use tokio::time::timeout_at;
use wire::Outcome;

use admission::{
    admit::{Situation, Verdict, decide},
    load::Claim,
};

use crate::{
    drain::Phase,
    endpoint::Endpoint,
    grpc::message::{self, Names},
    listen::sniff::Protocol,
    load::situation,
    proxy::{
        answer::Work,
        ending::Ending,
        forward::{self, Passage},
        headers,
        incoming::Incoming,
        respond::{Refusal, Reply},
        route::{Context, content_length},
        upload::{self, Fault, FaultCell, Upload},
        upstream::{self, Upstream},
    },
    queue::{NoSlot, Slot},
};

/// A request with its slot.
pub struct Admitted {
    pub parts: request::Parts,
    pub upload: Upload,
    pub slot: Slot,
    pub times: Times,
}

/// Times of one request.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    pub deadline: Instant,
    pub waited: Duration,
}

/// Serves one inference over HTTP, and counts it.
pub async fn infer(
    cx: &mut Context,
    upstream: &Arc<Upstream>,
    request: Request<Incoming>,
) -> Result<Reply, Refusal> {
    let mut ending = Ending::begin(&cx.endpoint, cx.protocol);
    match attempt(cx, upstream, request, &mut ending).await {
        Ok(passage) => forward::finish(cx, passage, ending).await,
        Err(refusal) => {
            ending.finish(refusal.outcome);
            Err(refusal)
        }
    }
}

async fn attempt(
    cx: &mut Context,
    upstream: &Arc<Upstream>,
    request: Request<Incoming>,
    ending: &mut Ending,
) -> Result<Passage, Refusal> {
    let admitted = admitted(cx, request, ending).await?;
    forward(&cx.endpoint, upstream, admitted).await
}

/// Everything until the server may have it, layer by layer. Who asks and what for was settled in [`super::route`].
pub async fn admitted(
    cx: &mut Context,
    request: Request<Incoming>,
    ending: &mut Ending,
) -> Result<Admitted, Refusal> {
    let endpoint = Arc::clone(&cx.endpoint);
    let arrived = Instant::now();
    ending.trace = endpoint.traces.begin(request.headers(), arrived);
    // What it may cost: whatever is judged below is judged by that.
    let claim = claim(cx, &request, arrived)?;
    // Leaving, or without a model: that holds for everybody, and costs nothing to say.
    check_open(&endpoint)?;
    // A device over its own quota is told so before its request counts in anybody's queue.
    let account = endpoint.quotas.account(cx.device.as_ref(), arrived);
    if let Some(account) = &account {
        ending.takes(account.enter(arrived).map_err(over_quota)?);
    }
    // Refused before its body is read: the device still has the time to compute by itself.
    admit(&endpoint, &claim, content_length(&request))?;

    // Only now: bodies on their way have a bound of their own.
    let (mut parts, body) = request.into_parts();
    let mut upload = arriving(&endpoint, body)?;
    if cx.protocol == Protocol::Grpc {
        // The length of a message stands in its beginning.
        let length = message::begin(&endpoint, &mut upload, Names::Model, claim.deadline).await?;
        admit(&endpoint, &claim, Some(length))?;
    }
    // Before there is a slot: a slot is the server's time, not that of a slow link.
    gather(&endpoint, &mut upload, &claim).await?;
    // The body took its time, and the queue did not stand still meanwhile.
    admit(&endpoint, &claim, None)?;

    let queued = Instant::now();
    ending.trace.waits(queued);
    // Last: whoever has a slot needs nothing but the server.
    let mut slot = take_slot(&endpoint, &claim).await?;
    let began = Instant::now();
    ending.trace.serves(began, &mut parts.headers);
    slot.bill(account.map(|account| account.bill(began)));
    let waited = began - queued;
    endpoint.metrics.waited(waited);
    Ok(Admitted { parts, upload, slot, times: Times { deadline: claim.deadline, waited } })
}

fn claim(cx: &Context, request: &Request<Incoming>, now: Instant) -> Result<Claim, Refusal> {
    let left = time_allowed(&cx.endpoint, request, cx.endpoint.config.admission.timeout_default)?;
    let priority = headers::priority(request.headers()).map_err(|()| Refusal::from(Outcome::Malformed))?;
    Ok(Claim { party: cx.party(), priority, deadline: now + left })
}

/// The time that a request has, where it does not say so itself `default`.
pub fn time_allowed(
    endpoint: &Endpoint,
    request: &Request<Incoming>,
    default: Duration,
) -> Result<Duration, Refusal> {
    let asked = headers::time_left(request.headers()).map_err(|()| Refusal::from(Outcome::Malformed))?;
    Ok(asked.unwrap_or(default).min(endpoint.config.admission.timeout_max))
}

fn over_quota(wait: Duration) -> Refusal {
    // Whole seconds, and never at once.
    Refusal { retry_after: Some(wait.as_secs() + 1), ..Outcome::QuotaExceeded.into() }
}

/// Whether anything is served here at the moment.
pub fn check_open(endpoint: &Endpoint) -> Result<(), Refusal> {
    if endpoint.drain.phase() >= Phase::Refusing {
        return Err(Outcome::Draining.into());
    }
    if !endpoint.ready.is_ready() {
        return Err(Outcome::ModelNotReady.into());
    }
    Ok(())
}

fn admit(endpoint: &Endpoint, claim: &Claim, payload_bytes: Option<u64>) -> Result<(), Refusal> {
    let (verdict, _) = decide(&situation(endpoint, Instant::now(), claim, payload_bytes));
    match verdict {
        Verdict::Admit | Verdict::Wait => Ok(()),
        Verdict::Refuse(outcome) => Err(outcome.into()),
    }
}

/// The body, which takes one of the places for bodies on their way in.
pub fn arriving(endpoint: &Endpoint, body: Incoming) -> Result<Upload, Refusal> {
    let limits = &endpoint.config.limits;
    let bounds = upload::Bounds {
        bytes_max: endpoint.config.admission.payload_bytes_max,
        window: limits.pace.window,
        window_bytes_min: limits.pace.window_bytes_min,
    };
    let place =
        Arc::clone(&endpoint.uploads).try_acquire_owned().map_err(|_| Refusal::from(Outcome::QueueFull))?;
    Ok(Upload::arriving(body, bounds, Arc::clone(&endpoint.room), place))
}

async fn gather(endpoint: &Endpoint, upload: &mut Upload, claim: &Claim) -> Result<(), Refusal> {
    let gathered = async {
        while upload.gather().await.map_err(refusal_of)? {
            judge_again(endpoint, upload, claim)?;
        }
        Ok::<(), Refusal>(())
    };
    timeout_at(claim.deadline.into(), gathered).await.unwrap_or(Err(Outcome::Expired.into()))
}

/// A device on a slow link learns early that its body will not be here in time. The queue may be full at the moment: it is
/// not asked for a place yet.
fn judge_again(endpoint: &Endpoint, upload: &Upload, claim: &Claim) -> Result<(), Refusal> {
    let now = Instant::now();
    let Some(arrival) = upload.arrival(now) else { return Ok(()) };
    let situation = Situation { arrival: Some(arrival), ..situation(endpoint, now, claim, None) };
    match decide(&situation).0 {
        Verdict::Refuse(Outcome::TooLate) => Err(Outcome::TooLate.into()),
        _ => Ok(()),
    }
}

/// What a fault of the body means.
pub fn refusal_of(fault: Fault) -> Refusal {
    match fault {
        Fault::TooLong => Outcome::PayloadTooLarge.into(),
        Fault::TooSlow => Refusal::with_status(Outcome::Malformed, StatusCode::REQUEST_TIMEOUT),
        Fault::Broken => Outcome::Malformed.into(),
        Fault::Left => Outcome::ClientLeft.into(),
    }
}

async fn take_slot(endpoint: &Endpoint, claim: &Claim) -> Result<Slot, Refusal> {
    let mut ask = endpoint.load.ask(claim);
    // One that is let in to renew an old measurement starts at once, whatever the measurement says.
    ask.start_by = ask.start_by.max(Instant::now());
    endpoint.queue.enter(&ask).await.map_err(|reason| match reason {
        NoSlot::Full => Outcome::QueueFull.into(),
        NoSlot::Expired => Outcome::Expired.into(),
    })
}

async fn forward(
    endpoint: &Arc<Endpoint>,
    upstream: &Arc<Upstream>,
    admitted: Admitted,
) -> Result<Passage, Refusal> {
    let Admitted { parts, upload, slot, times } = admitted;
    let fault = upload.fault_cell();
    let request = forward::request(upstream, Method::POST, parts.uri.path(), parts.headers, upload);
    let work = Work::begin(endpoint, slot);
    let sending = pin!(upstream.send(request));
    let (work, response) = answered(endpoint, work, times.deadline, &fault, sending).await?;
    let service = work.elapsed(Instant::now());
    Ok(Passage {
        response,
        work: Some(work),
        place: None,
        deadline: times.deadline,
        waited: times.waited,
        service,
    })
}

/// Waits for the server, and says what it means when nothing comes. By reference: each move would make every request
/// larger by the whole of it.
pub async fn answered<T>(
    endpoint: &Endpoint,
    work: Work,
    deadline: Instant,
    fault: &FaultCell,
    sending: Pin<&mut impl Future<Output = Result<T, upstream::Error>>>,
) -> Result<(Work, T), Refusal> {
    match timeout_at(deadline.into(), sending).await {
        Ok(Ok(answer)) => Ok((work, answer)),
        Err(_) => {
            work.expire(Instant::now());
            Err(Outcome::Expired.into())
        }
        Ok(Err(error)) => {
            work.fail();
            let fault = fault.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(fault) = fault {
                return Err(refusal_of(fault));
            }
            failed(endpoint, &error);
            Err(Outcome::UpstreamFailed.into())
        }
    }
}

/// The model server did not answer: readiness looks at once.
pub fn failed(endpoint: &Endpoint, error: &upstream::Error) {
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    tracing::warn!(%error, cause, "upstream failed");
    endpoint.ready.suspect(matches!(error, upstream::Error::Connect(_)));
}
