//! From a file to a plan that runs.
//!
//! Enters: a path. Leaves: the plan with the names, datatypes and shapes of its ends, or an error that tells a missing
//! from a corrupt from an unsupported file. Never: a panic, whatever the file holds.

use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use tract_onnx::pb;
use tract_onnx::prelude::{
    Framework, InferenceModel, InferenceModelExt, IntoRunnable, TractError, TractResult, TypedModel,
    TypedRunnableModel,
};
use tract_onnx::tract_hir::infer::GenericFactoid;

use crate::{Datatype, LoadError, TensorSpec};

pub(crate) struct Parts {
    pub inputs: Vec<TensorSpec>,
    pub outputs: Vec<TensorSpec>,
    pub plan: Arc<TypedRunnableModel>,
}

/// What is wrong, before the file's name is added.
enum Fault {
    Corrupt(String),
    Unsupported(String),
}

pub(crate) fn parts(path: &Path) -> Result<Parts, LoadError> {
    let path_owned = path.to_path_buf();
    let file = File::open(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => LoadError::Missing { path: path_owned.clone() },
        _ => LoadError::Unreadable { path: path_owned.clone(), source },
    })?;
    let built = catch_unwind(AssertUnwindSafe(|| build(file, path)))
        .unwrap_or_else(|_| Err(Fault::Unsupported("the engine stopped at an assertion".to_owned())));
    built.map_err(|fault| match fault {
        Fault::Corrupt(reason) => LoadError::Corrupt { path: path_owned, reason },
        Fault::Unsupported(reason) => LoadError::Unsupported { path: path_owned, reason },
    })
}

fn build(mut file: File, path: &Path) -> Result<Parts, Fault> {
    let onnx = tract_onnx::onnx();
    let proto = onnx.proto_model_for_read(&mut file).map_err(|error| Fault::Corrupt(chain(&error)))?;
    let graph = proto.graph.as_ref().ok_or_else(|| Fault::Corrupt("it holds no graph".to_owned()))?;
    if graph.output.is_empty() {
        return Err(Fault::Corrupt("its graph has no output".to_owned()));
    }
    unmade_values(graph)?;
    unknown_operators(&onnx, graph)?;

    let folder = path.parent().and_then(Path::to_str);
    let parsed = onnx.parse(&proto, folder).map_err(|error| unsupported(&error))?;
    let inferred = with_free_extents(parsed.model).map_err(|error| unsupported(&error))?;
    let typed = inferred.into_typed().map_err(|error| unsupported(&error))?;
    let (inputs, outputs) = (input_specs(graph, &typed)?, output_specs(graph, &typed)?);
    let plan =
        typed.into_optimized().and_then(TypedModel::into_runnable).map_err(|error| unsupported(&error))?;
    Ok(Parts { inputs, outputs, plan })
}

fn chain(error: &TractError) -> String {
    format!("{error:#}")
}

fn unsupported(error: &TractError) -> Fault {
    Fault::Unsupported(chain(error))
}

/// Values that are read and that nothing makes: the parser would take them for further inputs, or stop.
fn unmade_values(graph: &pb::GraphProto) -> Result<(), Fault> {
    let inputs = graph.input.iter().map(|value| value.name.as_str());
    let weights = graph.initializer.iter().map(|tensor| tensor.name.as_str());
    let results = graph.node.iter().flat_map(|node| node.output.iter().map(String::as_str));
    let made: std::collections::HashSet<&str> = inputs.chain(weights).chain(results).collect();

    let read = graph.node.iter().flat_map(|node| node.input.iter().map(String::as_str));
    let ends = graph.output.iter().map(|value| value.name.as_str());
    match read.chain(ends).find(|name| !name.is_empty() && !made.contains(name)) {
        Some(name) => Err(Fault::Corrupt(format!("no node makes the value {name:?}"))),
        None => Ok(()),
    }
}

fn unknown_operators(onnx: &tract_onnx::Onnx, graph: &pb::GraphProto) -> Result<(), Fault> {
    let unknown = graph.node.iter().find(|node| !onnx.op_register.0.contains_key(&node.op_type));
    match unknown {
        Some(node) => {
            let (operator, name) = (&node.op_type, &node.name);
            Err(Fault::Unsupported(format!("operator {operator:?} (node {name:?}) is not implemented")))
        }
        None => Ok(()),
    }
}

/// Extents that the file leaves open become symbols, so that each run may choose them.
fn with_free_extents(mut model: InferenceModel) -> TractResult<InferenceModel> {
    for index in 0..model.input_outlets()?.len() {
        let mut fact = model.input_fact(index)?.clone();
        for position in 0..fact.shape.dims().count() {
            if matches!(fact.shape.dim(position), Some(GenericFactoid::Any)) {
                let symbol = model.symbols.new_with_prefix("extent");
                fact.shape.set_dim(position, symbol.into());
            }
        }
        model.set_input_fact(index, fact)?;
    }
    Ok(model)
}

fn input_specs(graph: &pb::GraphProto, model: &TypedModel) -> Result<Vec<TensorSpec>, Fault> {
    // Old files list their weights among the inputs.
    let is_weight = |name: &str| graph.initializer.iter().any(|tensor| tensor.name == name);
    let names = graph.input.iter().map(|value| value.name.as_str()).filter(|name| !is_weight(name));
    names.enumerate().map(|(index, name)| spec(name, model.input_fact(index))).collect()
}

fn output_specs(graph: &pb::GraphProto, model: &TypedModel) -> Result<Vec<TensorSpec>, Fault> {
    let names = graph.output.iter().map(|value| value.name.as_str());
    names.enumerate().map(|(index, name)| spec(name, model.output_fact(index))).collect()
}

fn spec(name: &str, fact: TractResult<&tract_onnx::prelude::TypedFact>) -> Result<TensorSpec, Fault> {
    let fact = fact.map_err(|error| unsupported(&error))?;
    let datatype = Datatype::from_datum(fact.datum_type)
        .ok_or_else(|| Fault::Unsupported(format!("tensor {name:?} has datatype {:?}", fact.datum_type)))?;
    let shape = fact.shape.iter().map(|extent| extent.to_i64().unwrap_or(-1)).collect();
    Ok(TensorSpec { name: name.to_owned(), datatype, shape })
}
