use std::time::{Duration, Instant};

use super::{Ask, Entered, Line, Place};
use crate::{
    party::{Party, Source},
    share::Shares,
};

const MEAN: Duration = Duration::from_millis(100);
const SOON: Duration = Duration::from_secs(1);
const LATER: Duration = Duration::from_secs(2);

fn party(number: u8) -> Party {
    Party::Source(Source::V4([192, 0, 2, number]))
}

fn ask(number: u8, start_by: Instant) -> Ask {
    Ask { party: party(number), priority: 3, start_by }
}

/// One slot, taken.
fn busy(now: Instant, queue_max: u32) -> (Line, u64) {
    let mut line = Line::new(1, queue_max, SOON / 5);
    let Entered::Begins { ticket } = line.enter(now, &ask(1, now + SOON)) else { panic!("no slot") };
    (line, ticket)
}

#[track_caller]
fn waits(line: &mut Line, now: Instant, ask: &Ask) -> Place {
    match line.enter(now, ask) {
        Entered::Waits { place, instead_of: None } => place,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_earlier_deadline_goes_first_within_a_priority() {
    let now = Instant::now();
    let (mut line, ticket) = busy(now, 8);
    let later = waits(&mut line, now, &ask(1, now + LATER));
    let soon = waits(&mut line, now, &ask(1, now + SOON));
    let urgent = waits(&mut line, now, &Ask { priority: 1, ..ask(1, now + LATER) });
    assert_eq!(line.begin(now), None, "the slot is taken");
    let mut order = Vec::new();
    let mut running = ticket;
    for _ in 0..3 {
        line.end(now, running);
        let place = line.begin(now).unwrap();
        running = place.ticket;
        order.push(place);
    }
    assert_eq!(order, [urgent, soon, later]);
}

#[test]
fn a_share_is_of_the_last_second_and_what_is_inside_counts() {
    let now = Instant::now();
    let (mut line, ticket) = busy(now, 8);
    let excess = |line: &Line, now, number| line.view(now, &ask(number, now + LATER), MEAN).excess;
    assert_eq!(excess(&line, now, 1), 0, "alone it may have all");
    waits(&mut line, now, &ask(2, now + LATER));
    for _ in 0..6 {
        waits(&mut line, now, &ask(1, now + LATER));
    }
    assert_eq!((excess(&line, now, 1), excess(&line, now, 2)), (0, 0), "700 ms are not twice half a second");
    line.end(now + 20 * MEAN, ticket);
    assert_eq!(excess(&line, now + 20 * MEAN, 1), 2, "2600 ms are");
    assert_eq!(excess(&line, now + 60 * MEAN, 1), 0, "what was used fades");
    assert_eq!(excess(&line, now + 60 * MEAN, 3), 0);
}

#[test]
fn a_full_line_turns_out_whoever_has_more_and_nobody_else() {
    let now = Instant::now();
    let (mut line, _) = busy(now, 4);
    let places: Vec<_> = (0..4).map(|_| waits(&mut line, now, &ask(1, now + SOON))).collect();
    assert_eq!(line.enter(now, &ask(1, now + SOON / 2)), Entered::Full, "alone it may have all, once");
    let view = line.view(now, &ask(2, now + LATER), MEAN);
    assert!(!view.is_full && view.queued == 4);
    match line.enter(now, &ask(2, now + LATER)) {
        Entered::Waits { instead_of: Some(last), .. } => assert_eq!(last, *places.last().unwrap()),
        other => panic!("{other:?}"),
    }
    assert!(line.view(now, &ask(1, now + SOON / 2), MEAN).is_full);
}

#[test]
fn strangers_beyond_measure_share_one_account() {
    let (mut shares, now) = (Shares::new(SOON), Instant::now());
    let mut enter = |number: u32| shares.enter(now, &Party::Source(Source::V4(number.to_be_bytes())));
    let known = enter(1);
    for number in 2..5000 {
        enter(number);
    }
    assert_eq!(enter(5000), enter(5001));
    assert_eq!(enter(1), known);
}
