//! An answer as one line of a table.

use std::time::Duration;

use longshore_device::Answer;
use longshore_device::core::outcome::Ending;

/// Headings of the columns.
pub(crate) fn heading() -> String {
    columns("time", "frame", "where", "label", "conf", "ms", "reason", "battery")
}

/// One line.
pub(crate) fn row(at: Duration, frame: &str, answer: &Answer, battery_percent: Option<f32>) -> String {
    let none = || "-".to_owned();
    columns(
        &format!("{:.1}s", at.as_secs_f32()),
        frame,
        &place(answer),
        answer.label.as_deref().unwrap_or("-"),
        &answer.confidence.map_or_else(none, |confidence| format!("{confidence:.2}")),
        &format!("{:.1}", answer.latency.as_secs_f64() * 1_000.0),
        answer.reason.word(),
        &battery_percent.map_or_else(|| "mains".to_owned(), |percent| format!("{percent:.0} %")),
    )
}

/// Where an answer comes from: `device`, a node's name, or how the request ended without one.
pub(crate) fn place(answer: &Answer) -> String {
    match (answer.ending, &answer.endpoint) {
        (Ending::Answered, Some(endpoint)) => endpoint.clone(),
        (Ending::Answered, None) => answer.place.unwrap_or("-").to_owned(),
        (ending, _) => ending.word().to_owned(),
    }
}

#[expect(clippy::too_many_arguments, reason = "the columns of a table, in order")]
fn columns(
    time: &str,
    frame: &str,
    place: &str,
    label: &str,
    conf: &str,
    ms: &str,
    reason: &str,
    battery: &str,
) -> String {
    let row = format!(
        "{time:>7}  {frame:<20}  {place:<22}  {label:<12}  {conf:>5}  {ms:>7}  {reason:<22}  {battery:>7}"
    );
    // Names come from files and from endpoints: none of them steers the terminal.
    row.replace(char::is_control, "?")
}
