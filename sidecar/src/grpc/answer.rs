//! The body of a response on its way out. In: the model server's messages and trailers. Out: the messages as they are, and
//! trailers of our own, whichever way it ends: by itself, by breaking or by its deadline.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker, ready},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::HeaderMap;
use hyper::body::{Body, Frame, Incoming};
use tokio::task::AbortHandle;
use wire::Outcome;

use super::respond;
use crate::{
    endpoint::Endpoint,
    proxy::{answer::Held, forward, headers, respond::LoadForm},
};

/// A response body with its deadline.
pub struct Answer {
    endpoint: Arc<Endpoint>,
    form: Option<LoadForm>,
    state: Arc<Mutex<State>>,
    watchdog: AbortHandle,
    waited: Duration,
    /// Until the message began.
    service: Option<Duration>,
    is_over: bool,
}

struct State {
    /// Gone when the deadline has passed.
    open: Option<Open>,
    reader: Option<Waker>,
}

struct Open {
    body: Incoming,
    held: Held,
    began: Instant,
}

impl Answer {
    pub fn new(
        endpoint: Arc<Endpoint>,
        form: Option<LoadForm>,
        body: Incoming,
        held: Held,
        deadline: Instant,
        waited: Duration,
    ) -> Self {
        let began = held.work.as_ref().map_or_else(Instant::now, |work| work.began());
        let open = Some(Open { body, held, began });
        let state = Arc::new(Mutex::new(State { open, reader: None }));
        let watched = Arc::clone(&state);
        // Its own task: a body is not polled while its reader takes nothing, and the slot must not wait for that.
        let watch = async move {
            tokio::time::sleep_until(deadline.into()).await;
            expire(&watched);
        };
        let watchdog = tokio::spawn(watch).abort_handle();
        Self { endpoint, form, state, watchdog, waited, service: None, is_over: false }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Frame<Bytes>> {
        let mut state = lock(&self.state);
        let Some(open) = &mut state.open else {
            drop(state);
            return Poll::Ready(self.end(respond::trailers(
                &self.endpoint,
                &Outcome::Expired.into(),
                self.form,
            )));
        };
        let Poll::Ready(next) = Pin::new(&mut open.body).poll_frame(cx) else {
            state.reader = Some(cx.waker().clone());
            return Poll::Pending;
        };
        let last = match next.and_then(Result::ok).map(Frame::into_data) {
            Some(Ok(data)) => {
                self.service.get_or_insert(open.began.elapsed());
                return Poll::Ready(Frame::data(data));
            }
            Some(Err(frame)) => frame.into_trailers().unwrap_or_default(),
            None => HeaderMap::new(),
        };
        let open = state.open.take();
        drop(state);
        let trailers = self.conclude(&last, open.map(|open| open.held));
        Poll::Ready(self.end(trailers))
    }

    /// What the server's trailers mean.
    fn conclude(&self, last: &HeaderMap, held: Option<Held>) -> HeaderMap {
        let (endpoint, form) = (&self.endpoint, self.form);
        let outcome = respond::outcome(last).unwrap_or(Outcome::UpstreamFailed);
        let is_inference = held.as_ref().is_some_and(|held| held.work.is_some());
        let (outcome, trailers) = match (outcome, self.service) {
            (Outcome::Served, Some(service)) => {
                let mut trailers = headers::to_device(last.clone());
                trailers.extend(respond::trailers(endpoint, &outcome.into(), form));
                if is_inference {
                    // Only what the model did is measured: a server that fails fast must not look fast.
                    endpoint.load.served(Instant::now(), service);
                    endpoint.metrics.served(service);
                    forward::times(&mut trailers, self.waited, service);
                }
                (outcome, trailers)
            }
            (Outcome::Served, None) => {
                let outcome = Outcome::UpstreamFailed;
                (outcome, respond::failed(endpoint, outcome, last, form))
            }
            (outcome, _) => (outcome, respond::failed(endpoint, outcome, last, form)),
        };
        if let Some(held) = held {
            held.end(outcome);
        }
        trailers
    }

    fn end(&mut self, trailers: HeaderMap) -> Frame<Bytes> {
        self.is_over = true;
        Frame::trailers(trailers)
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let frame = ready!(self.poll(cx));
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.is_over
    }
}

/// Ends what has not ended; dropping the server's body tells it.
fn expire(state: &Mutex<State>) {
    let (open, reader) = {
        let mut state = lock(state);
        (state.open.take(), state.reader.take())
    };
    if let Some(open) = open {
        open.held.end(Outcome::Expired);
    }
    if let Some(reader) = reader {
        reader.wake();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.watchdog.abort();
        // The reader has left: dropping the body resets the stream, the ending counts it.
        drop(lock(&self.state).open.take());
    }
}
