//! Programs in C, compiled against the committed header and both libraries.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::built::{bounded, libraries, succeed};
use crate::edge::{Edge, folder, policies_that_hold};
use crate::page;

#[derive(Clone, Copy)]
pub enum Linked {
    /// `liblongshore.a`
    In,
    /// `liblongshore.so`
    Shared,
}

/// Compiles a program, with every warning an error.
pub fn compile(folder: &Path, source: &str, linked: Linked, options: &[&str]) -> PathBuf {
    let (program, file) = (folder.join("program"), folder.join("program.c"));
    fs::write(&file, source).unwrap();
    let (include, lib) = (libraries().join("include"), libraries().join("lib"));
    let mut cc = Command::new("cc");
    cc.args(["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-o"]).arg(&program).arg(&file);
    cc.arg("-I").arg(include).args(options);
    match linked {
        Linked::In => cc.arg(lib.join("liblongshore.a")).args(["-lm", "-pthread", "-Wl,-z,noexecstack"]),
        Linked::Shared => cc.arg("-L").arg(&lib).args(["-llongshore", "-pthread"]),
    };
    succeed(&mut cc);
    program
}

fn run(program: &Path, folder: &Path, arguments: &[&str]) -> String {
    let mut command = bounded(program);
    succeed(command.args(arguments).current_dir(folder).env("LD_LIBRARY_PATH", libraries().join("lib")))
}

fn the_page_finds_a_person(test: &str, linked: Linked) {
    let folder = folder(test);
    let program = compile(&folder, &page::block("c.md", "c", "int main"), linked, &[]);
    let edge = Edge::start(&folder);
    let there = run(&program, &folder, &[&edge.url, "frame.jpg", "20000"]);
    assert!(there.starts_with("person 92 %, oak, ") && there.contains("(battery_low)"), "{there}");
    drop(edge);
    let here = run(&program, &folder, &["http://127.0.0.1:9", "frame.jpg", "20000"]);
    assert!(here.starts_with("person 92 %, here, ") && here.contains("(policy_unknown)"), "{here}");
}

#[test]
fn the_page_in_c_finds_a_person_with_the_shared_library() {
    the_page_finds_a_person("c_shared", Linked::Shared);
}

#[test]
fn the_page_in_c_finds_a_person_with_the_library_linked_in() {
    the_page_finds_a_person("c_linked_in", Linked::In);
}

/// What callers do wrong, and what the page does not show. The address sanitizer watches the caller's buffers and counts what
/// is not given back.
#[test]
fn every_call_in_c_says_what_is_wrong() {
    let folder = folder("c_misuse");
    policies_that_hold(&folder);
    let version = format!("-DVERSION=\"{}\"", env!("CARGO_PKG_VERSION"));
    let program =
        compile(&folder, include_str!("calls.c"), Linked::Shared, &["-g", "-fsanitize=address", &version]);
    let edge = Edge::start(&folder);
    assert_eq!(run(&program, &folder, &[&edge.url]), "every call did as it should\n");
}
