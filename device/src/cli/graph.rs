//! The last answers as three strips, one column for each: how late, where, how full the battery.
//!
//! Enters: answers. Leaves: lines of a terminal's width. Each strip reads without its colours.

use std::collections::VecDeque;
use std::time::Duration;

use longshore_device::Answer;
use longshore_device::core::outcome::Ending;

use super::row;

/// Answers kept: no terminal is wider.
const SHOTS_MAX: usize = 512;

/// Columns before a strip, and those kept free behind it.
const HEAD: usize = 9;
const TAIL: usize = 28;

/// An eighth of a column's height each.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

const GREEN: u8 = 32;
const RED: u8 = 31;
/// Nodes by their letter, over and over: yellow, blue, magenta, cyan.
const NODES: [u8; 4] = [33, 34, 35, 36];

pub(crate) struct Graph {
    deadline: Duration,
    has_colours: bool,
    shots: VecDeque<Shot>,
    /// Nodes by their letter, in the order in which they first answered.
    nodes: Vec<String>,
}

#[derive(Clone, Copy)]
struct Shot {
    latency: Duration,
    mark: Mark,
    battery_percent: Option<f32>,
}

/// Where an answer came from, or that there was none.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Device,
    Cache,
    Node(usize),
    Late,
    Failed,
}

impl Graph {
    pub(crate) fn new(deadline: Duration, has_colours: bool) -> Self {
        Self { deadline, has_colours, shots: VecDeque::new(), nodes: Vec::new() }
    }

    pub(crate) fn add(&mut self, answer: &Answer, battery_percent: Option<f32>) {
        let mark = self.mark(answer);
        if self.shots.len() == SHOTS_MAX {
            self.shots.pop_front();
        }
        self.shots.push_back(Shot { latency: answer.latency, mark, battery_percent });
    }

    fn mark(&mut self, answer: &Answer) -> Mark {
        match (answer.ending, answer.place) {
            (Ending::Late, _) => Mark::Late,
            (Ending::Failed, _) => Mark::Failed,
            (Ending::Answered, Some("cache")) => Mark::Cache,
            (Ending::Answered, Some("edge")) => {
                let name = row::place(answer);
                let known = self.nodes.iter().position(|node| *node == name);
                Mark::Node(known.unwrap_or_else(|| {
                    self.nodes.push(name);
                    self.nodes.len() - 1
                }))
            }
            (Ending::Answered, _) => Mark::Device,
        }
    }

    /// The strips, as many answers as fit. Without a battery there is no strip of it.
    pub(crate) fn lines(&self, columns: u16) -> Vec<String> {
        let columns = usize::from(columns);
        let shown = columns.saturating_sub(HEAD + TAIL).max(columns / 3);
        let shots: Vec<Shot> =
            self.shots.iter().skip(self.shots.len().saturating_sub(shown)).copied().collect();
        let mut lines = vec![self.latencies(&shots, columns), self.places(&shots, columns)];
        lines.extend(self.batteries(&shots, columns));
        lines
    }

    /// A full column is the deadline.
    fn latencies(&self, shots: &[Shot], columns: usize) -> String {
        let mut line = self.line("latency", columns);
        for shot in shots {
            line.paint(shot.mark.colour(), bar(shot.latency.as_secs_f32() / self.deadline.as_secs_f32()));
        }
        let last = shots.last().map_or(0.0, |shot| shot.latency.as_secs_f32() * 1_000.0);
        line.write(&format!("  {last:.0} of {} ms", self.deadline.as_millis()));
        line.end()
    }

    /// With a word for each letter that is to be seen.
    fn places(&self, shots: &[Shot], columns: usize) -> String {
        let mut line = self.line("where", columns);
        let mut seen: Vec<Mark> = Vec::new();
        for shot in shots {
            line.paint(shot.mark.colour(), shot.mark.letter());
            if !seen.contains(&shot.mark) {
                seen.push(shot.mark);
            }
        }
        for mark in seen {
            line.write("  ");
            line.paint(mark.colour(), mark.letter());
            let word = match mark {
                Mark::Node(index) => self.nodes[index].as_str(),
                Mark::Device => "device",
                Mark::Cache => "cache",
                Mark::Late => "late",
                Mark::Failed => "failed",
            };
            line.write(" ");
            line.write(word);
        }
        line.end()
    }

    fn batteries(&self, shots: &[Shot], columns: usize) -> Option<String> {
        let last = shots.last()?.battery_percent?;
        let mut line = self.line("battery", columns);
        for shot in shots {
            let percent = shot.battery_percent.unwrap_or_default();
            line.paint(if percent < 20.0 { RED } else { GREEN }, bar(percent / 100.0));
        }
        line.write(&format!("  {last:.0} %"));
        Some(line.end())
    }

    fn line(&self, head: &str, columns: usize) -> Line {
        let mut line =
            Line { text: String::new(), left: columns, has_colours: self.has_colours, colour: None };
        line.write(&format!("{head:<HEAD$}"));
        line
    }
}

impl Mark {
    fn letter(self) -> char {
        match self {
            Self::Device => 'd',
            Self::Cache => 'c',
            Self::Node(index) => (b'A'..=b'Z').nth(index % 26).map_or('?', char::from),
            Self::Late => '!',
            Self::Failed => 'x',
        }
    }

    const fn colour(self) -> u8 {
        match self {
            Self::Device | Self::Cache => GREEN,
            Self::Node(index) => NODES[index % NODES.len()],
            Self::Late | Self::Failed => RED,
        }
    }
}

/// A share of a full column, 0 to 1.
fn bar(share: f32) -> char {
    BARS[((share * BARS.len() as f32) as usize).min(BARS.len() - 1)]
}

/// A line that ends where the terminal does.
struct Line {
    text: String,
    /// Columns that are still free.
    left: usize,
    has_colours: bool,
    colour: Option<u8>,
}

impl Line {
    fn write(&mut self, text: &str) {
        self.colour(None);
        text.chars().for_each(|character| self.put(character));
    }

    fn paint(&mut self, colour: u8, character: char) {
        self.colour(Some(colour));
        self.put(character);
    }

    fn put(&mut self, character: char) {
        if self.left > 0 {
            self.left -= 1;
            // A name comes from an endpoint: it does not steer the terminal.
            self.text.push(if character.is_control() { '?' } else { character });
        }
    }

    fn colour(&mut self, colour: Option<u8>) {
        if self.has_colours && self.colour != colour {
            self.colour = colour;
            self.text.push_str(&format!("\x1b[{}m", colour.unwrap_or(0)));
        }
    }

    fn end(mut self) -> String {
        self.colour(None);
        self.text
    }
}
