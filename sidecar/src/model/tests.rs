use std::time::Duration;

use clap::Parser;

use super::get::SILENCE_MAX;
use crate::args::{Arguments, Command};

#[test]
fn a_host_that_never_answers_is_told_within_45_seconds() {
    let words = ["longshore-sidecar", "fetch", "--url", "https://h/m.onnx", "--to", "/models/m.onnx"];
    let Some(Command::Fetch(fetch)) = Arguments::parse_from(words).command else { panic!("not fetch") };
    let pauses: u64 = (1..fetch.tries).map(|tried| fetch.retry_pause_ms << (tried - 1)).sum();
    let longest = SILENCE_MAX * fetch.tries + Duration::from_millis(pauses);
    assert!(longest <= Duration::from_secs(45), "{longest:?}");
}
