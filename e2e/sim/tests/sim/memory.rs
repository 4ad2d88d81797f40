use longshore_sim::{server::Fault, world::memory};

/// A query each 10 ms for a minute, but not in these times.
fn sends(but: &[(f64, f64)]) -> Vec<f32> {
    let all = (0..6_000).map(|step| f64::from(step) / 100.0);
    all.filter(|at| !but.iter().any(|(from, to)| (*from..*to).contains(at))).map(|at| at as f32).collect()
}

fn silence(from: f64, to: f64) -> Vec<Fault> {
    vec![Fault { from, to, is_fast: false }]
}

#[test]
fn whoever_stays_away_for_a_second_has_noticed_and_takes_that_second_to_forget() {
    let (sends, faults) = ([sends(&[(20.5, 24.0)])], [silence(20.0, 23.0)]);
    assert_eq!(memory::noticed(&sends, &faults), Some(0.5));
    assert_eq!(memory::forgotten(&sends, &faults), Some(1.0));
}

#[test]
fn whoever_never_comes_back_has_not_forgotten() {
    let (sends, faults) = ([sends(&[(20.0, 60.0)]), sends(&[])], [silence(20.0, 23.0), Vec::new()]);
    assert_eq!(memory::forgotten(&sends, &faults), None);
}

#[test]
fn whoever_does_not_notice_has_nothing_to_forget() {
    let (sends, faults) = ([sends(&[])], [silence(20.0, 23.0)]);
    assert_eq!((memory::noticed(&sends, &faults), memory::forgotten(&sends, &faults)), (None, Some(0.0)));
}

/// Nobody is told to have stayed away because the run was over.
#[test]
fn a_silence_at_the_end_of_a_run_does_not_count() {
    let (sends, faults) = ([sends(&[])], [silence(57.0, 60.0)]);
    assert_eq!(memory::forgotten(&sends, &faults), Some(0.0));
}
