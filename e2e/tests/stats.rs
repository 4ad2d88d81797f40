//! Figures that the benchmark prints, from values whose figures are known.

use e2e::stats::{Estimate, certainty, estimate, ratio};

#[test]
fn a_median_is_in_the_middle_whatever_the_order() {
    assert_eq!(estimate(&[3.0, 1.0, 2.0]).median, 2.0);
    assert_eq!(estimate(&[4.0, 1.0, 2.0, 3.0]).median, 2.5);
}

/// One wild round of nine moves neither the median nor the interval; two reach the interval.
#[test]
fn an_interval_leaves_out_as_much_as_its_certainty_allows() {
    let mut values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];
    assert_eq!(estimate(&values), Estimate { median: 5.0, low: 2.0, high: 8.0 });
    values[8] = 1000.0;
    assert_eq!(estimate(&values).high, 8.0);
    values[7] = 1000.0;
    assert_eq!(estimate(&values).high, 1000.0);
}

/// Against the tables of the sign test.
#[test]
fn certainty_is_that_of_the_sign_test() {
    let rounded = |count| {
        let (left_out, sure) = certainty(count);
        (left_out, (sure * 1000.0).round() / 1000.0)
    };
    assert_eq!(rounded(1), (0, 0.0));
    assert_eq!(rounded(5), (0, 0.938));
    assert_eq!(rounded(6), (0, 0.969));
    assert_eq!(rounded(9), (1, 0.961));
    assert_eq!(rounded(20), (5, 0.959));
}

/// Rounds are paired: what slows both down does not show.
#[test]
fn a_ratio_is_taken_within_each_round() {
    let noise = [1.0, 7.0, 3.0, 90.0, 2.0, 5.0];
    let ours = noise.map(|noise| noise * 0.5);
    assert_eq!(ratio(&ours, &noise), Estimate { median: 0.5, low: 0.5, high: 0.5 });
}
