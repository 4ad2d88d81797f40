//! The body of a response on its way out. In: the model server's response body and what the request holds. Out: the same
//! bytes; when they end, break, come too late or lose their reader, the slot, the connection and the outcome follow.
//! A broken body stays broken: it never ends like a complete one.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
use hyper::body::{Body, Frame, SizeHint};
use tokio::{sync::OwnedSemaphorePermit, task::AbortHandle};
use wire::Outcome;

use crate::{
    endpoint::Endpoint,
    listen::pace::{SharedPace, with},
    proxy::{ending::Ending, upstream::body::ServerBody},
    queue::Slot,
};

/// What a device is sent.
pub struct ReplyBody {
    kind: Kind,
    request: Option<OpenRequest>,
}

enum Kind {
    Text(Bytes),
    Answer(Answer),
    Grpc(UnsyncBoxBody<Bytes, io::Error>),
}

impl ReplyBody {
    pub fn text(text: impl Into<Bytes>) -> Self {
        Self { kind: Kind::Text(text.into()), request: None }
    }

    pub fn answer(answer: Answer) -> Self {
        Self { kind: Kind::Answer(answer), request: None }
    }

    pub fn grpc(body: impl Body<Data = Bytes, Error = io::Error> + Send + 'static) -> Self {
        Self { kind: Kind::Grpc(body.boxed_unsync()), request: None }
    }

    /// Tells the connection that a request is open until this body is gone.
    pub fn within(self, request: OpenRequest) -> Self {
        Self { request: Some(request), ..self }
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        // hyper asks again when it has room for more.
        if let Some(request) = &mut self.request {
            request.taken();
        }
        let frame = match &mut self.kind {
            Kind::Text(text) if text.is_empty() => Poll::Ready(None),
            Kind::Text(text) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(text))))),
            Kind::Answer(answer) => answer.poll(cx),
            Kind::Grpc(body) => Pin::new(body).poll_frame(cx),
        };
        if let (Some(request), Poll::Ready(Some(Ok(_)))) = (&mut self.request, &frame) {
            request.handed();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Text(text) => text.is_empty(),
            Kind::Answer(answer) => answer.is_over,
            Kind::Grpc(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Text(text) => SizeHint::with_exact(text.len() as u64),
            Kind::Answer(answer) => answer.size_hint(),
            Kind::Grpc(body) => body.size_hint(),
        }
    }
}

/// A request that a connection is busy with.
pub struct OpenRequest {
    pace: SharedPace,
    /// A part of its answer was handed over, and hyper has not asked for the next.
    handed: bool,
}

impl OpenRequest {
    pub fn begin(pace: &SharedPace) -> Self {
        with(pace, |pace| pace.begun());
        Self { pace: Arc::clone(pace), handed: false }
    }

    fn handed(&mut self) {
        self.handed = true;
        with(&self.pace, |pace| pace.handed(Instant::now()));
    }

    fn taken(&mut self) {
        if std::mem::take(&mut self.handed) {
            with(&self.pace, |pace| pace.taken());
        }
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        self.taken();
        with(&self.pace, |pace| pace.ended(Instant::now()));
    }
}

/// Work inside the model server.
pub struct Work {
    endpoint: Arc<Endpoint>,
    slot: Option<Slot>,
    began: Instant,
}

impl Work {
    pub fn begin(endpoint: &Arc<Endpoint>, slot: Slot) -> Self {
        let began = Instant::now();
        endpoint.load.sent(began);
        Self { endpoint: Arc::clone(endpoint), slot: Some(slot), began }
    }

    pub fn began(&self) -> Instant {
        self.began
    }

    pub fn elapsed(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.began)
    }

    /// The server has finished.
    pub fn finish(mut self, now: Instant) {
        self.endpoint.load.held(now, self.elapsed(now));
        self.slot = None;
    }

    /// The deadline passed inside the server.
    pub fn expire(self, now: Instant) {
        self.endpoint.load.expired(now, self.elapsed(now));
        self.endpoint.load.held(now, self.elapsed(now));
    }

    /// The server refused or broke: it works on nothing, and that is no measure of its work.
    pub fn fail(mut self) {
        self.slot = None;
    }
}

impl Drop for Work {
    /// Abandoned. Closing the connection asks the server to stop, but few do: the slot stays taken for the predicted
    /// rest, and no longer, so that a hung server costs one deadline.
    fn drop(&mut self) {
        let Some(slot) = self.slot.take() else { return };
        let rest = self.endpoint.load.median().saturating_sub(self.elapsed(Instant::now()));
        if let Ok(runtime) = tokio::runtime::Handle::try_current().map_err(drop)
            && !rest.is_zero()
        {
            runtime.spawn(async move {
                tokio::time::sleep(rest).await;
                drop(slot);
            });
        }
    }
}

/// What ends with a response.
pub struct Held {
    pub work: Option<Work>,
    /// The place of a relay.
    pub place: Option<OwnedSemaphorePermit>,
    pub ending: Option<Ending>,
}

impl Held {
    pub fn end(self, outcome: Outcome) {
        let now = Instant::now();
        match (outcome, self.work) {
            (Outcome::Served, Some(work)) => work.finish(now),
            (Outcome::Expired, Some(work)) => work.expire(now),
            (_, Some(work)) => work.fail(),
            (_, None) => {}
        }
        drop(self.place);
        if let Some(ending) = self.ending {
            ending.finish(outcome);
        }
    }
}

/// A response that has not ended.
struct Open {
    body: ServerBody,
    held: Held,
}

#[derive(Default)]
struct State {
    /// Gone when the deadline has passed.
    open: Option<Open>,
    /// Who waits for the next piece: a socket that is dropped wakes nobody.
    reader: Option<Waker>,
}

type Shared = Arc<Mutex<State>>;

fn lock(shared: &Shared) -> MutexGuard<'_, State> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn end(shared: &Shared, outcome: Outcome) {
    let State { open, reader } = std::mem::take(&mut *lock(shared));
    if let Some(Open { body, held }) = open {
        drop(body);
        held.end(outcome);
    }
    if let Some(reader) = reader {
        reader.wake();
    }
}

/// A response body with its deadline.
pub struct Answer {
    shared: Shared,
    watchdog: Option<AbortHandle>,
    is_over: bool,
}

impl Answer {
    pub fn new(body: ServerBody, held: Held, deadline: Instant) -> Self {
        let is_over = body.is_over();
        let state = State { open: Some(Open { body, held }), reader: None };
        let mut answer = Self { shared: Arc::new(Mutex::new(state)), watchdog: None, is_over };
        if is_over {
            end(&answer.shared, Outcome::Served);
        } else {
            // Its own task: a body is not polled while its reader takes nothing, and the slot must not wait for that.
            let shared = Arc::clone(&answer.shared);
            let watch = async move {
                tokio::time::sleep_until(deadline.into()).await;
                end(&shared, Outcome::Expired);
            };
            answer.watchdog = Some(tokio::spawn(watch).abort_handle());
        }
        answer
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let mut state = lock(&self.shared);
        let Some(Open { body, .. }) = &mut state.open else {
            return Poll::Ready(Some(Err(io::ErrorKind::TimedOut.into())));
        };
        let Poll::Ready(piece) = body.poll_piece(cx) else {
            state.reader = Some(cx.waker().clone());
            return Poll::Pending;
        };
        self.is_over = body.is_over();
        state.reader = None;
        drop(state);
        match &piece {
            Some(Err(_)) => end(&self.shared, Outcome::UpstreamFailed),
            // The last byte is handed over: nobody need ask again, so this is the end.
            _ if self.is_over => end(&self.shared, Outcome::Served),
            _ => {}
        }
        Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
    }

    fn size_hint(&self) -> SizeHint {
        let state = lock(&self.shared);
        let left = if self.is_over { Some(0) } else { state.open.as_ref().and_then(|open| open.body.left()) };
        left.map(SizeHint::with_exact).unwrap_or_default()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if let Some(watchdog) = &self.watchdog {
            watchdog.abort();
        }
        // The reader has left: the lease closes its connection, the ending counts it.
        drop(std::mem::take(&mut *lock(&self.shared)));
    }
}
