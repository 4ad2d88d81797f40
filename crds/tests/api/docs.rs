//! Pages list what code lists. The words are read from the source, so that a word without its line on a page is found.

use crate::objects::read;

#[test]
fn every_reason_of_a_condition_has_its_line() {
    has_each("docs/conditions.md", quoted("operator/plan/src/reason.rs", "=> \""));
}

#[test]
fn every_reason_of_the_device_has_its_line() {
    has_each("docs/device.md", quoted("device/src/core/outcome.rs", "=> \""));
}

#[test]
fn every_outcome_has_its_line() {
    let rows = read("sidecar/wire/src/outcome.rs");
    let words =
        rows.lines().filter(|line| line.contains("=> row(")).filter_map(|line| line.split('"').nth(1));
    has_each("docs/sidecar-config.md", words.map(str::to_owned).collect());
}

#[test]
fn every_metric_has_its_line() {
    for program in ["operator", "sidecar"] {
        let names = registered(&read(&format!("{program}/src/metrics.rs")));
        let names = names.into_iter().map(|name| format!("longshore_{program}_{name}")).collect();
        has_each("docs/metrics.md", names);
    }
}

#[test]
fn every_key_of_the_sidecar_has_its_line() {
    let source = read("sidecar/wire/src/config.rs");
    let fields = source.lines().filter_map(|line| line.trim().strip_prefix("pub ")?.split_once(": "));
    has_each("docs/sidecar-config.md", fields.map(|(field, _)| camel_case(field)).collect());
}

#[track_caller]
fn has_each(page: &str, words: Vec<String>) {
    let text = read(page);
    assert!(words.len() > 4, "the source is read right: {words:?}");
    let missing: Vec<&String> = words.iter().filter(|word| !text.contains(word.as_str())).collect();
    assert!(missing.is_empty(), "{page} has no line for {missing:?}");
}

/// What stands in quotes after a mark.
fn quoted(path: &str, mark: &str) -> Vec<String> {
    let text = read(path);
    text.split(mark).skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
}

fn registered(source: &str) -> Vec<String> {
    let calls = source.split("registry.register(").skip(1);
    calls.filter_map(|call| call.split('"').nth(1)).map(str::to_owned).collect()
}

fn camel_case(field: &str) -> String {
    let mut parts = field.split('_');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |name, part| name + &part[..1].to_uppercase() + &part[1..])
}
