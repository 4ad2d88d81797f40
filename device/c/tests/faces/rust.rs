//! The page for Rust: its program is the package's example.

use std::env;
use std::fs;

use crate::built::{bounded, succeed};
use crate::edge::{Edge, folder, program};
use crate::page;

#[test]
fn committed_example_is_the_page() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/camera.rs");
    let page = page::block("rust.md", "rust", "fn main");
    if env::var_os("UPDATE").is_some() {
        fs::write(path, &page).unwrap();
    }
    assert!(fs::read_to_string(path).unwrap() == page, "run `make generate` and commit {path}");
}

#[test]
fn the_page_in_rust_finds_a_person() {
    let folder = folder("rust_page");
    let camera = program("examples/camera");
    let run = |url: &str| succeed(bounded(&camera).args([url, "frame.jpg", "20000"]).current_dir(&folder));
    let edge = Edge::start(&folder);
    let there = run(&edge.url);
    assert!(there.starts_with("person 92 %, oak, ") && there.contains("(battery_low)"), "{there}");
    drop(edge);
    let here = run("http://127.0.0.1:9");
    assert!(here.starts_with("person 92 %, here, ") && here.contains("(policy_unknown)"), "{here}");
}
