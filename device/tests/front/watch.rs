//! `watch` on a terminal: what a person sees, read from the screen.

use std::io::Read;
use std::num::NonZero;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use crate::support::{Endpoint, Script, dead_url, folder};

const FRAMES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/person-detect/frames");

/// Longest wait for anything on the screen.
const PATIENCE: Duration = Duration::from_secs(60);

/// A terminal with the command in it.
struct Terminal {
    child: Child,
    output: std::process::ChildStdout,
    screen: vt100::Parser,
    /// All that the command wrote.
    written: String,
    pid_file: PathBuf,
}

impl Terminal {
    fn open(test: &str, (rows, columns): (u16, u16), environment: &str, arguments: &str) -> Self {
        let pid_file = folder(test).join("pid");
        let device = env!("CARGO_BIN_EXE_longshore-device");
        let line = format!(
            "stty rows {rows} columns {columns}; echo $$ > {pid}; {environment} exec {device} watch {arguments} --input {FRAMES}",
            pid = pid_file.display()
        );
        let mut child = Command::new("script")
            .args(["--quiet", "--return", "--command", &line, "/dev/null"])
            .env("TERM", "xterm")
            .env("SHELL", "/bin/sh")
            .env_remove("NO_COLOR")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = child.stdout.take().unwrap();
        let [rows, columns] = [rows, columns].map(|number| NonZero::new(number).unwrap());
        let screen = vt100::Parser::new(rows, columns, 0);
        Self { child, output, screen, written: String::new(), pid_file }
    }

    /// Reads on until the screen is as wanted.
    fn until(&mut self, what: &str, holds: impl Fn(&str) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !holds(&self.text()) {
            assert!(Instant::now() < end, "never saw {what}:\n{}", self.text());
            assert!(self.read(), "it ended before {what}:\n{}", self.text());
        }
    }

    /// Reads to the end of the command.
    fn finish(&mut self) -> Option<i32> {
        while self.read() {}
        self.child.wait().unwrap().code()
    }

    fn read(&mut self) -> bool {
        let mut bytes = [0; 4096];
        let length = self.output.read(&mut bytes).unwrap();
        self.screen.process(&bytes[..length]);
        self.written.push_str(&String::from_utf8_lossy(&bytes[..length]));
        length > 0
    }

    fn text(&self) -> String {
        self.screen.screen().contents()
    }

    fn lines(&self, beginning: &str) -> Vec<String> {
        self.text().lines().filter(|line| line.starts_with(beginning)).map(Into::into).collect()
    }

    fn signal(&self, name: &str) {
        let end = Instant::now() + PATIENCE;
        while fs::read_to_string(&self.pid_file).unwrap_or_default().trim().is_empty() {
            assert!(Instant::now() < end, "the command never began");
            thread::yield_now();
        }
        let pid = fs::read_to_string(&self.pid_file).unwrap();
        let killed = Command::new("sh").args(["-c", &format!("kill -{name} {pid}")]).status().unwrap();
        assert!(killed.success());
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn seeing(edge: &Endpoint) -> String {
    format!("--edge {} --model gauge --deadline-ms 10000 --period-ms 20 --battery-percent 50", edge.url)
}

#[test]
fn the_graph_tells_places_latencies_and_battery_without_colours_too() {
    let edge = Endpoint::start("oak", Script::Seeing);
    let mut terminal = Terminal::open("the_graph_tells", (30, 120), "NO_COLOR=1", &seeing(&edge));
    terminal.until("answers of the node", |text| text.contains("AAAA") && text.contains("A oak"));
    edge.turn(Script::Dropping);
    terminal.until("answers that failed", |text| text.contains("Axx") && text.contains("x failed"));
    terminal.signal("TERM");
    assert_eq!(terminal.finish(), Some(0));
    let latency = terminal.lines("latency  ");
    assert!(latency[0].contains('▁') && latency[0].contains(" of 10000 ms"), "{latency:?}");
    let battery = terminal.lines("battery  ");
    assert!(battery[0].contains("▅▅▅") && battery[0].contains("  50 %"), "{battery:?}");
    assert!(!terminal.written.contains("m▁") && !terminal.written.contains("\x1b[0m"), "there are colours");
    assert!(terminal.text().contains("answered there (oak)"), "{}", terminal.text());
}

#[test]
fn the_graph_is_drawn_in_place_and_fits_a_narrow_terminal() {
    let edge = Endpoint::start("a-node-with-a-name-that-is-longer-than-the-terminal-is-wide", Script::Seeing);
    let mut terminal =
        Terminal::open("drawn_in_place", (12, 40), "", &format!("{} --frames 30", seeing(&edge)));
    terminal.until("many answers", |text| text.contains("20 frames:"));
    for head in ["latency  ", "where    ", "battery  "] {
        assert_eq!(terminal.lines(head).len(), 1, "{}", terminal.text());
    }
    assert!(terminal.screen.screen().hide_cursor(), "the cursor is hidden while it draws");
    assert!(terminal.written.contains("\x1b[33mA"), "the node has a colour");
    assert_eq!(terminal.finish(), Some(0));
    assert!(!terminal.screen.screen().hide_cursor());
}

#[test]
fn a_signal_gives_the_cursor_back() {
    for signal in ["INT", "TERM"] {
        let arguments = format!("--edge {} --model gauge --period-ms 20", dead_url());
        let mut terminal = Terminal::open(&format!("a_signal_{signal}"), (24, 80), "", &arguments);
        // The graph has an x for each request without an answer.
        terminal.until("a graph of three frames", |text| text.contains(&"x".repeat(3)));
        assert!(terminal.screen.screen().hide_cursor());
        terminal.signal(signal);
        assert_eq!(terminal.finish(), Some(0));
        assert!(!terminal.screen.screen().hide_cursor());
    }
}

#[test]
fn a_terminal_that_cannot_move_its_cursor_gets_plain_lines() {
    let edge = Endpoint::start("oak", Script::Seeing);
    let mut terminal =
        Terminal::open("plain_lines", (24, 120), "TERM=dumb", &format!("{} --frames 3", seeing(&edge)));
    assert_eq!(terminal.finish(), Some(0));
    assert!(!terminal.written.contains('\x1b'), "{:?}", terminal.written);
    assert_eq!(terminal.text().matches("astronaut.jpg").count(), 1, "{}", terminal.text());
}
