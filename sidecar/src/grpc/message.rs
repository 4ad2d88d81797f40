//! The one message of a request. In: a body on its way in. Out: its length, once it is known to begin as it must.
//!
//! A message that names a model has the name as its first field, and every encoder writes fields in the order of their
//! numbers. So the beginning is compared with the bytes that this model's name has, and nothing is parsed. A forger can
//! name a second model further on, and decoders take the last: what keeps models apart is that a server holds one.

use std::time::Instant;

use tokio::time::timeout_at;
use wire::{
    Outcome,
    grpc::{FRAME_HEAD_BYTES, FrameHead},
    protobuf,
};

use crate::{
    endpoint::Endpoint,
    proxy::{
        incoming::Incoming,
        infer::{arriving, refusal_of},
        respond::Refusal,
        upload::Upload,
    },
};

/// What a message begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// The name of a model.
    Model,
    /// Anything.
    Nothing,
}

/// Waits for the beginning and binds the body to one message. Returns the body's length.
pub async fn begin(
    endpoint: &Endpoint,
    upload: &mut Upload,
    names: Names,
    deadline: Instant,
) -> Result<u64, Refusal> {
    let field = match names {
        Names::Model => protobuf::text(&endpoint.config.model.name),
        Names::Nothing => Vec::new(),
    };
    let reading = upload.start(FRAME_HEAD_BYTES + field.len());
    let start = match timeout_at(deadline.into(), reading).await {
        Err(_) => return Err(Outcome::Expired.into()),
        Ok(start) => start.map_err(refusal_of)?,
    };
    let head = FrameHead::parse(&start).ok_or(Refusal::from(Outcome::Malformed))?;
    if head.compressed {
        // Its beginning says nothing, and tensors hardly shrink.
        return Err(Refusal::unimplemented());
    }
    let length = FRAME_HEAD_BYTES as u64 + u64::from(head.length);
    upload.expect(length).map_err(refusal_of)?;
    if start[FRAME_HEAD_BYTES..].starts_with(&field) { Ok(length) } else { Err(Outcome::NotFound.into()) }
}

/// Reads a body of a few names to its end. Returns its message.
pub async fn short(
    endpoint: &Endpoint,
    upload: &mut Upload,
    names: Names,
    deadline: Instant,
) -> Result<Vec<u8>, Refusal> {
    const BODY_BYTES_MAX: usize = 1024;
    let length = begin(endpoint, upload, names, deadline).await?;
    if length > BODY_BYTES_MAX as u64 {
        return Err(Outcome::PayloadTooLarge.into());
    }
    // One byte more than it can have: this reads to its end.
    let reading = upload.start(BODY_BYTES_MAX + 1);
    match timeout_at(deadline.into(), reading).await {
        Err(_) => Err(Outcome::Expired.into()),
        Ok(body) => Ok(body.map_err(refusal_of)?.split_off(FRAME_HEAD_BYTES)),
    }
}

/// The same for a call that is answered here, and to which no deadline matters but that of the body.
pub async fn own(endpoint: &Endpoint, body: Incoming) -> Result<Vec<u8>, Refusal> {
    let deadline = Instant::now() + endpoint.config.admission.timeout_max;
    short(endpoint, &mut arriving(endpoint, body)?, Names::Nothing, deadline).await
}
