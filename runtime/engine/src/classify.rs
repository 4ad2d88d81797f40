//! From a model's outputs to a word and a confidence.
//!
//! Enters: outputs (or only their descriptions) and the labels. Leaves: the largest probability and its label. By
//! convention the probabilities are the output named `probabilities`, else the only output whose last extent is the
//! number of labels.

use crate::{Tensor, calibrate};

/// The output that is taken without further question.
pub const PROBABILITIES: &str = "probabilities";

/// What a model says the input shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Classification {
    /// Position of the largest probability.
    pub index: usize,
    /// Its label; the position in decimal when there are no labels.
    pub label: String,
    /// How probable it is, 0 to 1 ([`calibrate::confidence`]).
    pub confidence: f32,
}

/// Why outputs gave no label.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClassifyError {
    /// No output to read.
    #[error(
        "no output holds probabilities: name one \"probabilities\", or let exactly one of {outputs} end in {labels} values, one for each label"
    )]
    NoProbabilities {
        /// The outputs there are.
        outputs: String,
        /// How many labels there are.
        labels: usize,
    },
    /// The output is not one number per label.
    #[error(
        "output {output:?} has {values} values and there are {labels} labels: give one label for each value"
    )]
    Labels {
        /// The output.
        output: String,
        /// Its number of elements.
        values: usize,
        /// How many labels there are.
        labels: usize,
    },
    /// The output holds no floats, or none that can be compared.
    #[error("output {output:?} holds no FP32 or FP64 numbers that can be compared")]
    NotNumbers {
        /// The output.
        output: String,
    },
}

/// Name of the output that `classify` will read, so that a client can ask for that one alone. `outputs` are names with
/// the last extent of their shapes.
pub fn probabilities_output<'a>(
    outputs: impl Iterator<Item = (&'a str, Option<i64>)> + Clone,
    labels: usize,
) -> Result<&'a str, ClassifyError> {
    if let Some((name, _)) = outputs.clone().find(|(name, _)| *name == PROBABILITIES) {
        return Ok(name);
    }
    let mut fitting = outputs
        .clone()
        .filter(|(_, last)| labels > 0 && last.is_some_and(|last| usize::try_from(last) == Ok(labels)));
    match (fitting.next(), fitting.next()) {
        (Some((name, _)), None) => Ok(name),
        _ => {
            let names: Vec<String> = outputs.map(|(name, _)| format!("{name:?}")).collect();
            Err(ClassifyError::NoProbabilities { outputs: names.join(", "), labels })
        }
    }
}

/// The largest probability among a model's outputs at a temperature (1: as the model gives it), with its label. Without
/// labels the label is the position.
pub fn classify(
    outputs: &[Tensor],
    labels: &[String],
    temperature: f32,
) -> Result<Classification, ClassifyError> {
    let ends = outputs.iter().map(|tensor| {
        let last = tensor.shape.last().and_then(|extent| i64::try_from(*extent).ok());
        (tensor.name.as_str(), last)
    });
    let name = probabilities_output(ends, labels.len())?;
    let tensor = outputs.iter().find(|tensor| tensor.name == name).expect("the name is one of theirs");
    let not_numbers = || ClassifyError::NotNumbers { output: name.to_owned() };
    let values = tensor.to_f32().ok_or_else(not_numbers)?;
    if !labels.is_empty() && values.len() != labels.len() {
        let (output, values) = (name.to_owned(), values.len());
        return Err(ClassifyError::Labels { output, values, labels: labels.len() });
    }
    let comparable = values.iter().enumerate().filter(|(_, value)| !value.is_nan());
    let largest = comparable.reduce(|best, next| if next.1 > best.1 { next } else { best });
    let (index, _) = largest.ok_or_else(not_numbers)?;
    let confidence = calibrate::confidence(&values, index, temperature);
    let label = labels.get(index).cloned().unwrap_or_else(|| index.to_string());
    Ok(Classification { index, label, confidence })
}
