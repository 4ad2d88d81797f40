//! An inference request: JSON, then the bytes of the tensors that are not in the JSON.
//!
//! Enters: the body and the length of its JSON. Leaves: tensors whose bytes are slices of the body, and which outputs
//! to send back in which form. Shapes are compared with the model's later, by the engine.

use bytes::Bytes;
use engine::{Datatype, Tensor, TensorSpec, shape_text};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::elements::Elements;
use crate::failure::Failure;

/// A request that is understood.
pub struct Request {
    /// Given by the client, sent back.
    pub id: Option<String>,
    /// Given by the client, sent back.
    pub parameters: Map<String, Value>,
    /// The inputs.
    pub tensors: Vec<Tensor>,
    /// The outputs to send.
    pub outputs: Vec<Wanted>,
}

/// One output to send.
pub struct Wanted {
    /// Its place among the model's outputs.
    pub index: usize,
    /// As bytes behind the JSON, or inside it.
    pub form: Form,
}

/// Where a tensor's elements stand.
#[derive(Clone, Copy, PartialEq)]
pub enum Form {
    /// In the JSON.
    Json,
    /// Behind it.
    Binary,
}

#[derive(Deserialize)]
struct RequestJson {
    id: Option<String>,
    #[serde(default)]
    parameters: Map<String, Value>,
    inputs: Vec<InputJson>,
    #[serde(default)]
    outputs: Vec<OutputJson>,
}

#[derive(Deserialize)]
struct InputJson {
    name: String,
    shape: Vec<usize>,
    datatype: String,
    #[serde(default)]
    parameters: Map<String, Value>,
    data: Option<Elements>,
}

#[derive(Deserialize)]
struct OutputJson {
    name: String,
    #[serde(default)]
    parameters: Map<String, Value>,
}

/// Reads a request for a model with these outputs.
pub fn decode(body: &Bytes, json_length: Option<usize>, specs: &[TensorSpec]) -> Result<Request, Failure> {
    let json_length = json_length.unwrap_or(body.len());
    if json_length > body.len() {
        return Err(malformed(format!(
            "{} says {json_length} bytes and the body has {}",
            super::HEADER_LENGTH,
            body.len()
        )));
    }
    let mut binary = body.slice(json_length..);
    let json: RequestJson = serde_json::from_slice(&body[..json_length])
        .map_err(|error| malformed(format!("the request's JSON is wrong: {error}")))?;
    let tensors =
        json.inputs.into_iter().map(|input| tensor(input, &mut binary)).collect::<Result<_, _>>()?;
    if !binary.is_empty() {
        return Err(malformed(format!("{} bytes follow the last tensor's binary_data_size", binary.len())));
    }
    let mut parameters = json.parameters;
    let default_form = form(&parameters, "binary_data_output")?.unwrap_or(Form::Json);
    parameters.remove("binary_data_output");
    let outputs = wanted(&json.outputs, default_form, specs)?;
    Ok(Request { id: json.id, parameters, tensors, outputs })
}

fn malformed(text: String) -> Failure {
    Failure::Malformed(text)
}

fn tensor(input: InputJson, binary: &mut Bytes) -> Result<Tensor, Failure> {
    let InputJson { name, shape, datatype, parameters, data } = input;
    let fail = |clause: String| malformed(format!("input {name:?} {clause}"));
    refuse(&parameters, "shared_memory_region").map_err(fail)?;
    let datatype: Datatype =
        datatype.parse().map_err(|error| fail(format!("has a wrong datatype: {error}")))?;
    let data = match (data, parameters.get("binary_data_size")) {
        (Some(_), Some(_)) => return Err(fail("has both data and binary_data_size: give one".to_owned())),
        (None, None) => return Err(fail("has neither data nor binary_data_size".to_owned())),
        (None, Some(size)) => take(size, binary).map_err(fail)?,
        (Some(elements), None) => {
            let expected = shape.iter().try_fold(1usize, |product, extent| product.checked_mul(*extent));
            if expected != Some(elements.len()) {
                let (given, shape) = (elements.len(), shape_text(&shape));
                return Err(fail(format!(
                    "has {given} elements in data, which do not fill its shape {shape}"
                )));
            }
            elements.to_bytes(datatype).map_err(fail)?.into()
        }
    };
    Ok(Tensor { name, datatype, shape, data })
}

fn take(size: &Value, binary: &mut Bytes) -> Result<Bytes, String> {
    let wrong = || format!("has binary_data_size {size}: expected a number of bytes");
    let size = size.as_u64().and_then(|size| usize::try_from(size).ok()).ok_or_else(wrong)?;
    if size > binary.len() {
        let left = binary.len();
        return Err(format!(
            "has binary_data_size {size} and {left} bytes are left behind the JSON (its length is told by the header {})",
            super::HEADER_LENGTH
        ));
    }
    Ok(binary.split_to(size))
}

fn refuse(parameters: &Map<String, Value>, key: &str) -> Result<(), String> {
    if parameters.contains_key(key) {
        return Err(format!("has the parameter {key:?}, which this server does not support"));
    }
    Ok(())
}

fn form(parameters: &Map<String, Value>, key: &str) -> Result<Option<Form>, Failure> {
    match parameters.get(key) {
        None => Ok(None),
        Some(Value::Bool(true)) => Ok(Some(Form::Binary)),
        Some(Value::Bool(false)) => Ok(Some(Form::Json)),
        Some(other) => Err(malformed(format!("parameter {key:?} is {other}: expected true or false"))),
    }
}

fn wanted(outputs: &[OutputJson], default: Form, specs: &[TensorSpec]) -> Result<Vec<Wanted>, Failure> {
    let wanted: Vec<Wanted> = if outputs.is_empty() {
        (0..specs.len()).map(|index| Wanted { index, form: default }).collect()
    } else {
        outputs.iter().map(|output| one_wanted(output, default, specs)).collect::<Result<_, _>>()?
    };
    let half =
        wanted.iter().find(|one| one.form == Form::Json && specs[one.index].datatype == Datatype::Fp16);
    match half {
        Some(one) => Err(malformed(format!(
            "output {:?} is FP16, which has no JSON form: ask for it with binary_data",
            specs[one.index].name
        ))),
        None => Ok(wanted),
    }
}

fn one_wanted(output: &OutputJson, default: Form, specs: &[TensorSpec]) -> Result<Wanted, Failure> {
    let fail = |clause: String| malformed(format!("output {:?} {clause}", output.name));
    for key in ["classification", "shared_memory_region"] {
        refuse(&output.parameters, key).map_err(fail)?;
    }
    let Some(index) = specs.iter().position(|spec| spec.name == output.name) else {
        let names: Vec<String> = specs.iter().map(|spec| format!("{:?}", spec.name)).collect();
        return Err(fail(format!("is unknown: the model gives {}", names.join(", "))));
    };
    let form = form(&output.parameters, "binary_data")?.unwrap_or(default);
    Ok(Wanted { index, form })
}
