//! From a model's numbers to an honest probability: temperature scaling (Guo et al., "On Calibration of Modern Neural
//! Networks", ICML 2017, section 4.2).
//!
//! With the numbers before the softmax as `z` and the temperature as `T` it is `softmax(z / T)`. A model that gives
//! probabilities has done its softmax: there `z` is their logarithm, which differs by a constant that the softmax takes out.

/// Probabilities of classes that exclude each other sum to 1, but for this much of rounding.
const SUM_SLACK: f32 = 0.01;

/// How probable the largest of a model's numbers is, 0 to 1, at this temperature. `largest` is its position; the
/// temperature is above 0, and 1 leaves probabilities as they are.
///
/// Numbers from 0 to 1 are probabilities: of classes that exclude each other where they sum to 1, else each for itself. Any
/// others are the input of a softmax, or of a sigmoid where there is one only.
#[must_use]
pub fn confidence(values: &[f32], largest: usize, temperature: f32) -> f32 {
    let top = finite(values[largest]);
    let others = || {
        let rest = values.iter().enumerate().filter(|(index, value)| *index != largest && !value.is_nan());
        rest.map(|(_, value)| finite(*value))
    };
    let are_probabilities = (0.0..=1.0).contains(&top) && others().all(|value| 0.0 <= value);
    if are_probabilities && (temperature - 1.0).abs() < f32::EPSILON {
        return top;
    }
    let sum = top + others().sum::<f32>();
    let odds_against: f32 = match (are_probabilities, values.len()) {
        (true, _) if (sum - 1.0).abs() <= SUM_SLACK => {
            others().map(|value| (value / top).powf(1.0 / temperature)).sum()
        }
        (true, _) => ((1.0 - top) / top).powf(1.0 / temperature),
        (false, 1) => (-top / temperature).exp(),
        (false, _) => others().map(|value| ((value - top) / temperature).exp()).sum(),
    };
    1.0 / (1.0 + odds_against)
}

/// Infinities have no difference; the largest finite numbers have.
const fn finite(value: f32) -> f32 {
    value.clamp(f32::MIN, f32::MAX)
}
