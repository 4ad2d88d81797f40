//! One inference over gRPC before the first request. In: the model's metadata as protobuf. Out: whether it answered.

use bytes::Bytes;
use http::HeaderMap;
use http_body_util::BodyExt;
use wire::{Outcome, grpc, protobuf};

use super::{
    channel::Channel,
    probe::{ask, model_fields},
    respond,
};
use crate::{
    endpoint::Endpoint,
    proxy::upload::Upload,
    warmup::{ELEMENTS_MAX, Failure, Input, elements},
};

/// Whether the model answers an inference of zeros.
pub async fn attempt(endpoint: &Endpoint, channel: &Channel) -> Result<(), Failure> {
    let model = model_fields(endpoint);
    let metadata = ask(channel, grpc::MODEL_METADATA, &model).await.map_err(Failure::CannotTell)?;
    let inputs = inputs(metadata.get(grpc::FRAME_HEAD_BYTES..).unwrap_or_default());
    if inputs.is_empty() {
        return Err(Failure::CannotTell("metadata without inputs".into()));
    }
    let body = zeros(&model, &inputs).map_err(Failure::CannotTell)?;
    let request = channel.request(grpc::MODEL_INFER, HeaderMap::new(), Upload::of(body));
    let response = channel.send(request).await.map_err(|error| Failure::Failed(error.to_string()))?;
    let (parts, mut body) = response.into_parts();
    let mut last = parts.headers;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Failure::Failed(error.to_string()))?;
        if let Ok(trailers) = frame.into_trailers() {
            last = trailers;
        }
    }
    if respond::outcome(&last) == Some(Outcome::Served) {
        return Ok(());
    }
    Err(Failure::Failed(format!("inference of zeros: {}", respond::words(&last))))
}

/// `inputs` of a `ModelMetadataResponse`.
fn inputs(message: &[u8]) -> Vec<Input> {
    let inputs = protobuf::byte_fields(message).filter(|(field, _)| *field == 4);
    inputs.map(|(_, message)| input(message)).collect()
}

fn input(message: &[u8]) -> Input {
    let mut input = Input { name: String::new(), datatype: String::new(), shape: Vec::new() };
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    for (field, value) in protobuf::byte_fields(message) {
        match field {
            1 => input.name = text(value),
            2 => input.datatype = text(value),
            // A size that varies is -1 and stays that in two's complement.
            3 => input.shape.extend(protobuf::unpacked(value).into_iter().map(u64::cast_signed)),
            _ => {}
        }
    }
    input
}

/// A request of zeros in its frame, in pieces that all point at the same few kilobytes.
fn zeros(model: &[u8], inputs: &[Input]) -> Result<Vec<Bytes>, String> {
    let mut head = model.to_vec();
    let mut sizes = Vec::new();
    let mut left = ELEMENTS_MAX;
    for input in inputs {
        let elements = elements(input)?;
        left =
            left.checked_sub(elements).ok_or_else(|| format!("inputs have over {ELEMENTS_MAX} elements"))?;
        sizes.push(elements * bytes_of(&input.datatype)?);
        let shape: Vec<u64> = input.shape.iter().map(|size| size.cast_unsigned()).collect();
        let mut tensor = protobuf::text(&input.name);
        protobuf::bytes(&mut tensor, 2, input.datatype.as_bytes());
        protobuf::bytes(&mut tensor, 3, &protobuf::packed(&shape));
        protobuf::bytes(&mut head, 5, &tensor);
    }
    let mut parts = vec![Bytes::from(head)];
    for size in sizes {
        let mut raw = Vec::new();
        protobuf::bytes_head(&mut raw, 7, size);
        parts.push(raw.into());
        parts.extend(nothing(size));
    }
    let length: usize = parts.iter().map(Bytes::len).sum();
    let length = u32::try_from(length).map_err(|_| "inputs are too large".to_owned())?;
    parts.insert(0, Bytes::copy_from_slice(&grpc::frame_head(length)));
    Ok(parts)
}

/// So many zeros.
fn nothing(mut size: u64) -> Vec<Bytes> {
    static ZEROS: [u8; 8192] = [0; 8192];
    let mut parts = Vec::new();
    while size > 0 {
        let part = size.min(ZEROS.len() as u64);
        parts.push(Bytes::from_static(&ZEROS[..usize::try_from(part).unwrap_or_default()]));
        size -= part;
    }
    parts
}

/// Bytes of one element; the name ends with its bits.
fn bytes_of(datatype: &str) -> Result<u64, String> {
    let digits = datatype.trim_start_matches(|letter: char| !letter.is_ascii_digit());
    digits.parse().map(|bits: u64| bits / 8).map_err(|_| format!("datatype {datatype} has no size"))
}
