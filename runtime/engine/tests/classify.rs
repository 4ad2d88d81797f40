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
    assert_eq!(classify(outputs, &labels(words)), Ok(Classification { index, label, confidence }));
}

#[track_caller]
fn refused(outputs: &[Tensor], words: &[&str], message: &str) {
    assert_eq!(classify(outputs, &labels(words)).unwrap_err().to_string(), message);
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
