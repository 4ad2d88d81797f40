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

use crate::{endpoint::Endpoint, infer::refusal_of, respond::Refusal, upload::Upload};

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
    let reading = upload.start(FRAME_HEAD_BYTES + field.len(), &endpoint.upload_memory);
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
