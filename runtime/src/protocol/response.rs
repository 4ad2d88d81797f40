//! An inference response: JSON, then the bytes of the outputs that were asked for in binary form.

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use engine::Tensor;
use serde::Serialize;
use serde_json::{Map, Value};

use super::HEADER_LENGTH;
use super::elements::Numbers;
use super::request::{Form, Request};
use crate::app::Found;
use crate::failure::Failure;

#[derive(Serialize)]
struct ResponseJson<'a> {
    model_name: &'a str,
    model_version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    parameters: &'a Map<String, Value>,
    outputs: Vec<OutputJson<'a>>,
}

#[derive(Serialize)]
struct OutputJson<'a> {
    name: &'a str,
    datatype: &'static str,
    shape: &'a [usize],
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<BinaryJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Numbers<'a>>,
}

#[derive(Serialize)]
struct BinaryJson {
    binary_data_size: usize,
}

/// Writes the outputs that the request wants, in its order. `outputs` are all of the model's.
pub fn encode(found: &Found, request: &Request, outputs: &[Tensor]) -> Result<Response, Failure> {
    let wanted: Vec<(&Tensor, Form)> =
        request.outputs.iter().map(|wanted| (&outputs[wanted.index], wanted.form)).collect();
    let json = ResponseJson {
        model_name: &found.name,
        model_version: found.version.to_string(),
        id: request.id.as_deref(),
        parameters: &request.parameters,
        outputs: wanted.iter().map(|(tensor, form)| output(tensor, *form)).collect(),
    };
    let mut body = serde_json::to_vec(&json).map_err(|_| Failure::Internal("the answer has no JSON form"))?;
    let json_length = wanted.iter().any(|(_, form)| *form == Form::Binary).then_some(body.len());
    for (tensor, _) in wanted.iter().filter(|(_, form)| *form == Form::Binary) {
        body.extend_from_slice(&tensor.data);
    }
    Ok(response(body, json_length))
}

fn output(tensor: &Tensor, form: Form) -> OutputJson<'_> {
    let (parameters, data) = match form {
        Form::Json => (None, Some(Numbers(tensor))),
        Form::Binary => (Some(BinaryJson { binary_data_size: tensor.data.len() }), None),
    };
    let (name, datatype) = (tensor.name.as_str(), tensor.datatype.name());
    OutputJson { name, datatype, shape: &tensor.shape, parameters, data }
}

/// A length of the JSON says that bytes follow it.
fn response(body: Vec<u8>, json_length: Option<usize>) -> Response {
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    let content = if json_length.is_some() { "application/octet-stream" } else { "application/json" };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content));
    if let Some(length) = json_length {
        headers.insert(HEADER_LENGTH, HeaderValue::from(length));
    }
    response
}
