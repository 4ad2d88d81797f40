//! Which output holds the probabilities, and what the largest is called.
#![allow(clippy::unwrap_used)] // In helpers too: a test that fails shows where.

use engine::Tensor;
use engine::classify::{Classification, classify};

fn labels(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn output(name: &str, values: &[f32]) -> Tensor {
    Tensor::from_f32(name, &[1, values.len()], values)
}

#[track_caller]
fn check(outputs: &[Tensor], words: &[&str], want: (usize, &str, f32)) {
    let (index, label, confidence) = (want.0, want.1.to_owned(), want.2);
    assert_eq!(classify(outputs, &labels(words), 1.0), Ok(Classification { index, label, confidence }));
}

#[track_caller]
fn refused(outputs: &[Tensor], words: &[&str], message: &str) {
    assert_eq!(classify(outputs, &labels(words), 1.0).unwrap_err().to_string(), message);
}

#[test]
fn the_output_named_probabilities_comes_first() {
    let outputs = [output("logits", &[9.0, 0.0]), output("probabilities", &[0.25, 0.75])];
    check(&outputs, &["cat", "dog"], (1, "dog", 0.75));
}

#[test]
fn else_the_only_output_with_one_value_for_each_label() {
    let outputs = [output("embedding", &[1.0; 5]), output("scores", &[0.1, 0.7, 0.2])];
    check(&outputs, &["a", "b", "c"], (1, "b", 0.7));
}

#[test]
fn without_labels_the_position_is_the_label() {
    check(&[output("probabilities", &[0.0, 0.1, 0.9])], &[], (2, "2", 0.9));
}

#[test]
fn a_number_that_is_none_never_wins() {
    check(&[output("probabilities", &[f32::NAN, 0.2])], &["a", "b"], (1, "b", 0.2));
    let text = "output \"probabilities\" holds no FP32 or FP64 numbers that can be compared";
    refused(&[output("probabilities", &[f32::NAN])], &["a"], text);
}

#[test]
fn what_does_not_fit_says_how_to_make_it_fit() {
    let pair = [output("x", &[0.5, 0.5]), output("y", &[0.5, 0.5])];
    refused(
        &pair,
        &["a", "b"],
        "no output holds probabilities: name one \"probabilities\", or let exactly one of \"x\", \"y\" end in 2 \
         values, one for each label",
    );
    refused(
        &[output("probabilities", &[0.5, 0.5])],
        &["a"],
        "output \"probabilities\" has 2 values and there are 1 labels: give one label for each value",
    );
}

#[track_caller]
fn check_confidence(values: &[f32], temperature: f32, want: f32) {
    let found = classify(&[output("probabilities", values)], &[], temperature).unwrap().confidence;
    assert!((found - want).abs() < 1e-4, "{found} for {want}");
}

/// The wanted figures were computed by hand from softmax(z / T), with `z` the logarithms where these are probabilities.
#[test]
fn a_temperature_above_one_makes_a_model_less_sure_and_one_below_more() {
    for (temperature, want) in [(1.0, 0.9), (2.0, 0.75), (0.5, 81.0 / 82.0)] {
        check_confidence(&[0.1, 0.9], temperature, want);
    }
    // Square roots of 0.64, 0.2025 and 0.1575 as shares of their sum.
    check_confidence(&[0.2025, 0.64, 0.1575], 2.0, 0.8 / (0.8 + 0.45 + 0.396_863));
}

#[test]
fn what_comes_before_the_softmax_gets_one() {
    let logits = [2.0, 0.0, -1.0];
    check_confidence(&logits, 1.0, 0.843_795);
    check_confidence(&logits, 2.0, 0.628_532);
    check_confidence(&[-3.0], 1.0, 0.047_426);
    check_confidence(&[f32::INFINITY, f32::INFINITY, 0.0], 1.0, 0.5);
}

#[test]
fn probabilities_that_do_not_exclude_each_other_count_each_for_itself() {
    check_confidence(&[0.9, 0.8], 1.0, 0.9);
    check_confidence(&[0.9, 0.8], 2.0, 0.75);
    check_confidence(&[0.0, 0.0], 3.0, 0.0);
    check_confidence(&[1.0, 1.0], 3.0, 1.0);
}
