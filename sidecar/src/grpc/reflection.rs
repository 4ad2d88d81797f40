//! `grpc.reflection`: which services are here and what their messages look like. In: questions, one behind the other.
//! Out: an answer to each, until the client has no more or this endpoint leaves.

use std::{io, sync::Arc};

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, stream};
use http::Request;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use tokio::{sync::OwnedSemaphorePermit, time::timeout};
use wire::{
    Outcome,
    grpc::{self, FRAME_HEAD_BYTES, FrameHead},
    protobuf,
};

use super::{descriptors, respond};
use crate::{
    drain::Phase,
    endpoint::Endpoint,
    proxy::{
        answer::ReplyBody,
        incoming::Incoming,
        respond::{LoadForm, Refusal, Reply},
        route::Context,
    },
};

/// A question is a name.
const QUESTION_BYTES_MAX: usize = 1024;

/// Begins a conversation.
pub fn converse(cx: &Context, request: Request<Incoming>) -> Result<Reply, Refusal> {
    let place = Arc::clone(&cx.endpoint.watches)
        .try_acquire_owned()
        .map_err(|_| Refusal::from(Outcome::QueueFull))?;
    let conversation = Conversation {
        endpoint: Arc::clone(&cx.endpoint),
        form: cx.form,
        body: request.into_body(),
        bytes: BytesMut::new(),
        is_over: false,
        _place: place,
    };
    let frames = stream::unfold(conversation, |mut open| async move { Some((open.next().await?, open)) });
    Ok(respond::head(ReplyBody::grpc(StreamBody::new(frames.map(Ok::<_, io::Error>)))))
}

struct Conversation {
    endpoint: Arc<Endpoint>,
    form: Option<LoadForm>,
    body: Incoming,
    /// What came and is no whole question yet.
    bytes: BytesMut,
    is_over: bool,
    _place: OwnedSemaphorePermit,
}

impl Conversation {
    async fn next(&mut self) -> Option<Frame<Bytes>> {
        if self.is_over {
            return None;
        }
        let leaving = self.endpoint.drain.reached(Phase::Refusing);
        let patience = self.endpoint.config.limits.pace.idle_max;
        let end = tokio::select! {
            () = leaving => Outcome::Draining.into(),
            question = timeout(patience, self.question()) => match question {
                Err(_) => Outcome::Expired.into(),
                Ok(Err(refusal)) => refusal,
                Ok(Ok(None)) => Outcome::Served.into(),
                Ok(Ok(Some(question))) => {
                    return Some(Frame::data(grpc::frame(&answer(&self.endpoint, &question)).into()));
                }
            },
        };
        self.is_over = true;
        Some(Frame::trailers(respond::trailers(&self.endpoint, &end, self.form)))
    }

    /// `None` where there are no more.
    async fn question(&mut self) -> Result<Option<Bytes>, Refusal> {
        loop {
            match FrameHead::parse(&self.bytes) {
                Some(FrameHead { compressed: true, .. }) => return Err(Refusal::unimplemented()),
                Some(FrameHead { length, .. }) => {
                    let end = FRAME_HEAD_BYTES + length as usize;
                    if end > FRAME_HEAD_BYTES + QUESTION_BYTES_MAX {
                        return Err(Outcome::PayloadTooLarge.into());
                    }
                    if end <= self.bytes.len() {
                        return Ok(Some(self.bytes.split_to(end).freeze().slice(FRAME_HEAD_BYTES..)));
                    }
                }
                None if self.bytes.len() >= FRAME_HEAD_BYTES => return Err(Outcome::Malformed.into()),
                None => {}
            }
            match self.body.frame().await {
                Some(Ok(frame)) => self.bytes.extend_from_slice(&frame.into_data().unwrap_or_default()),
                Some(Err(_)) => return Err(Outcome::ClientLeft.into()),
                None if self.bytes.is_empty() => return Ok(None),
                None => return Err(Outcome::Malformed.into()),
            }
        }
    }
}

/// A `ServerReflectionResponse`.
fn answer(endpoint: &Endpoint, question: &[u8]) -> Vec<u8> {
    const HOST: u64 = 1;
    let fields = || protobuf::byte_fields(question);
    let host = fields().find(|(field, _)| *field == HOST).map(|(_, host)| host).unwrap_or_default();
    let mut answer = Vec::new();
    protobuf::bytes(&mut answer, 1, host);
    protobuf::bytes(&mut answer, 2, question);
    let (kind, found) = match fields().filter(|(field, _)| *field != HOST).last() {
        Some((3, name)) => files(descriptors::named(name)),
        Some((4, symbol)) => files(descriptors::holding(symbol)),
        Some((7, _)) => services(endpoint),
        // Extensions; there are none.
        Some(_) => error(Outcome::NotFound),
        None => error(Outcome::Malformed),
    };
    protobuf::bytes(&mut answer, kind, &found);
    answer
}

fn files(found: Option<Vec<&[u8]>>) -> (u8, Vec<u8>) {
    const FILE_DESCRIPTORS: u8 = 4;
    let Some(files) = found else { return error(Outcome::NotFound) };
    let mut message = Vec::new();
    files.iter().for_each(|file| protobuf::bytes(&mut message, 1, file));
    (FILE_DESCRIPTORS, message)
}

fn services(endpoint: &Endpoint) -> (u8, Vec<u8>) {
    const SERVICES: u8 = 6;
    let mut message = Vec::new();
    for name in grpc::SERVICES {
        if name != grpc::INFERENCE_SERVICE || endpoint.channel.is_some() {
            protobuf::bytes(&mut message, 1, &protobuf::text(name));
        }
    }
    (SERVICES, message)
}

/// A question without an answer does not end the conversation.
fn error(outcome: Outcome) -> (u8, Vec<u8>) {
    const ERROR: u8 = 7;
    let mut message = Vec::new();
    protobuf::number(&mut message, 1, outcome.row().grpc.into());
    protobuf::bytes(&mut message, 2, outcome.word().as_bytes());
    (ERROR, message)
}
