//! Tensors in, tensors out, and every way in which a tensor can be wrong.
#![allow(clippy::unwrap_used)] // In helpers too: a test that fails shows where.

mod support;

use std::sync::Arc;

use engine::{Datatype, Model, RunError, Tensor, TensorSpec};
use support::onnx::{BOOL, FLOAT, INT64};
use support::{one_node, person};

fn fp32(name: &str, shape: &[usize], values: &[f32]) -> Tensor {
    Tensor::from_f32(name, shape, values)
}

/// y = a + b over rows of two, any number of rows.
fn adder() -> Model {
    let shape: &[i64] = &[-1, 2];
    one_node("Add", &[("a", FLOAT, shape), ("b", FLOAT, shape)], &[("y", FLOAT, shape)])
}

#[track_caller]
fn refused(model: &Model, tensors: &[Tensor], message: &str) {
    assert_eq!(model.run(tensors).unwrap_err().to_string(), message);
}

#[test]
fn the_example_model_says_what_it_takes_and_gives() {
    let model = person();
    let spec = |name: &str, shape: &[i64]| TensorSpec {
        name: name.to_owned(),
        datatype: Datatype::Fp32,
        shape: shape.to_vec(),
    };
    assert_eq!(model.inputs(), [spec("in_nhwc", &[1, 128, 128, 3])]);
    let outputs = [spec("out0", &[1, 896, 16]), spec("out1", &[1, 896, 1]), spec("probabilities", &[1, 2])];
    assert_eq!(model.outputs(), outputs);
}

#[test]
fn inputs_come_in_any_order_and_free_extents_are_free() {
    let model = adder();
    assert_eq!(model.inputs()[0].shape, [-1, 2]);
    for rows in [1, 3] {
        let a: Vec<f32> = (0..rows * 2).map(|value| value as f32).collect();
        let b = vec![10.0; rows * 2];
        let outputs = model.run(&[fp32("b", &[rows, 2], &b), fp32("a", &[rows, 2], &a)]).unwrap();
        let sum: Vec<f32> = a.iter().map(|value| value + 10.0).collect();
        assert_eq!(outputs, [fp32("y", &[rows, 2], &sum)]);
    }
}

#[test]
fn integers_keep_their_width() {
    let model = one_node("Identity", &[("x", INT64, &[2])], &[("y", INT64, &[2])]);
    let data: Vec<u8> = [i64::MIN, 7].iter().flat_map(|value| value.to_le_bytes()).collect();
    let x = Tensor { name: "x".into(), datatype: Datatype::Int64, shape: vec![2], data: data.into() };
    let y = model.run(std::slice::from_ref(&x)).unwrap();
    assert_eq!(y, [Tensor { name: "y".into(), ..x }]);
}

#[test]
fn wrong_names_are_answered_with_the_right_ones() {
    let one = |name| fp32(name, &[1, 2], &[0.0, 0.0]);
    refused(&adder(), &[one("a"), one("c")], "input \"c\" is unknown: the model takes \"a\", \"b\"");
    refused(&adder(), &[one("a")], "input \"b\" is missing: the model takes \"a\", \"b\"");
    refused(&adder(), &[one("a"), one("a")], "input \"a\" is given more than once");
}

#[test]
fn a_wrong_shape_datatype_or_length_says_what_is_expected() {
    let b = || fp32("b", &[1, 2], &[0.0, 0.0]);
    refused(
        &adder(),
        &[fp32("a", &[1, 3], &[0.0; 3]), b()],
        "input \"a\" has shape [1,3]: expected [-1,2], -1 standing for any extent",
    );
    refused(
        &adder(),
        &[fp32("a", &[2], &[0.0; 2]), b()],
        "input \"a\" has shape [2]: expected [-1,2], -1 standing for any extent",
    );
    let text = "input \"a\" has datatype INT64: expected FP32";
    refused(&adder(), &[Tensor { datatype: Datatype::Int64, ..fp32("a", &[1, 2], &[0.0; 4]) }, b()], text);
    let text = "input \"a\" has 12 bytes: shape and datatype ask for 8";
    refused(&adder(), &[fp32("a", &[1, 2], &[0.0; 3]), b()], text);
}

#[test]
fn an_impossible_shape_is_refused_without_its_memory() {
    let huge = Tensor { shape: vec![usize::MAX / 2, 2], ..fp32("a", &[], &[]) };
    let error = adder().run(&[huge, fp32("b", &[1, 2], &[0.0, 0.0])]).unwrap_err();
    assert!(matches!(error, RunError::Shape { .. }), "{error}");
}

#[test]
fn a_bool_is_0_or_1() {
    let model = one_node("Not", &[("x", BOOL, &[2])], &[("y", BOOL, &[2])]);
    let x = |data: &'static [u8]| {
        [Tensor { name: "x".into(), datatype: Datatype::Bool, shape: vec![2], data: data.into() }]
    };
    assert_eq!(model.run(&x(&[0, 1])).unwrap()[0].data.as_ref(), [1, 0]);
    refused(&model, &x(&[0, 2]), "input \"x\" has a BOOL element of 2: expected 0 or 1");
}

#[test]
fn inputs_that_contradict_each_other_are_an_error_and_not_an_end() {
    let (a, b) = (fp32("a", &[2, 2], &[0.0; 4]), fp32("b", &[3, 2], &[0.0; 6]));
    let error = adder().run(&[a, b]).unwrap_err();
    assert!(matches!(error, RunError::Execution { .. }), "{error}");
}

#[test]
fn threads_share_a_model() {
    let model = Arc::new(adder());
    let runs: Vec<_> = (0..8u8)
        .map(|seed| {
            let model = model.clone();
            std::thread::spawn(move || {
                let value = f32::from(seed);
                for _ in 0..50 {
                    let inputs = [fp32("a", &[1, 2], &[value; 2]), fp32("b", &[1, 2], &[1.0; 2])];
                    let outputs = model.run(&inputs).unwrap();
                    assert_eq!(outputs[0].to_f32().unwrap(), [value + 1.0; 2]);
                }
            })
        })
        .collect();
    runs.into_iter().for_each(|run| run.join().unwrap());
}
