use super::finds::{Finds, Target};
use crate::random::Random;

const SECOND_US: u64 = 1_000_000;

/// Priority, weight and the last number of an address.
type Row = (u16, u16, u8);

fn target((priority, weight, host): Row) -> Target {
    let url = format!("http://192.0.2.{host}:30080").parse().expect("an address");
    Target { url, priority, weight }
}

fn take(finds: &mut Finds, second: u64, rows: &[Row]) {
    finds.take(second * SECOND_US, rows.iter().copied().map(target).collect(), &mut Random::new());
}

/// The last numbers of the addresses to use, in order, while those of `down` do not answer.
fn wanted(finds: &Finds, down: &[u8]) -> Vec<u8> {
    let down: Vec<_> = down.iter().map(|host| target((0, 0, *host)).url).collect();
    let last_number =
        |url: &crate::EdgeUrl| url.host().rsplit('.').next().and_then(|number| number.parse().ok());
    finds.wanted(|url| !down.contains(url)).iter().filter_map(last_number).collect()
}

#[test]
fn the_next_priority_is_for_when_all_of_the_one_before_are_down() {
    let mut finds = Finds::default();
    take(&mut finds, 0, &[(20, 1, 3), (10, 1, 1), (10, 1, 2), (30, 1, 4)]);
    let sorted = |down: &[u8]| {
        let mut wanted = wanted(&finds, down);
        wanted.sort_unstable();
        wanted
    };
    assert_eq!(sorted(&[]), [1, 2]);
    assert_eq!(sorted(&[1]), [1, 2]);
    assert_eq!(sorted(&[1, 2]), [1, 2, 3]);
    assert_eq!(sorted(&[1, 2, 3, 4]), [1, 2, 3, 4]);
}

#[test]
fn a_heavier_target_is_the_first_as_often_as_its_weight_says() {
    let mut finds = Finds::default();
    let mut random = Random::new();
    let first = (0..4_000).filter(|_| {
        finds.take(0, vec![target((0, 30, 1)), target((0, 10, 2)), target((0, 0, 3))], &mut random);
        wanted(&finds, &[])[0] == 1
    });
    let share = first.count() as f64 / 4_000.0;
    assert!((share - 0.75).abs() < 0.05, "{share}");
}

#[test]
fn a_target_leaves_when_answers_miss_it_for_two_minutes() {
    let mut finds = Finds::default();
    take(&mut finds, 0, &[(0, 0, 1), (0, 0, 2)]);
    take(&mut finds, 30, &[(0, 0, 1)]);
    take(&mut finds, 119, &[(0, 0, 1)]);
    assert_eq!(wanted(&finds, &[]).len(), 2);
    take(&mut finds, 120, &[(0, 0, 1)]);
    assert_eq!(wanted(&finds, &[]), [1]);
    take(&mut finds, 1_000, &[]);
    assert_eq!(wanted(&finds, &[]), [1], "an empty answer tells nothing");
}

#[test]
fn there_is_an_end_to_what_is_kept() {
    let mut finds = Finds::default();
    for second in 0..100 {
        take(&mut finds, second, &[(0, 1, second as u8)]);
    }
    let wanted = wanted(&finds, &[]);
    assert_eq!(wanted.len(), 16);
    assert!(wanted.contains(&99), "the latest are kept: {wanted:?}");
}
