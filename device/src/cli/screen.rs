//! Where `watch` shows its answers: a live table with a graph under it on a terminal, plain lines or JSON elsewhere.

use std::env::var_os;
use std::io::{IsTerminal, Result, Write as _, stdout};
use std::time::Duration;

use longshore_device::Answer;

use super::args::WatchArgs;
use super::graph::Graph;
use super::report::Report;
use super::row;
use super::spent::Spent;
use super::tally::Tally;

/// The cursor, which would flicker.
const HIDE: &str = "\x1b[?25l";
const SHOW: &str = "\x1b[?25h";

/// One answer, to be shown.
pub(crate) struct Shot<'a> {
    /// Since the start.
    pub(crate) at: Duration,
    pub(crate) frame: &'a str,
    pub(crate) answer: &'a Answer,
    pub(crate) battery_percent: Option<f32>,
    pub(crate) spent: Spent,
}

pub(crate) enum Screen {
    /// Rows under a heading, and below them the graph and the counts, drawn anew each time.
    Terminal(Panel),
    Lines,
    Json,
}

/// What stands below the rows.
pub(crate) struct Panel {
    graph: Graph,
    /// Lines of it on the screen now.
    lines: usize,
}

impl Screen {
    pub(crate) fn open(args: &WatchArgs) -> Self {
        let can_redraw = stdout().is_terminal() && var_os("TERM").is_none_or(|name| name != "dumb");
        if args.json {
            Self::Json
        } else if can_redraw {
            let has_colours = var_os("NO_COLOR").is_none_or(|text| text.is_empty());
            let deadline = Duration::from_millis(args.device.deadline_ms);
            Self::Terminal(Panel { graph: Graph::new(deadline, has_colours), lines: 0 })
        } else {
            Self::Lines
        }
    }

    pub(crate) fn show(&mut self, shot: Shot, tally: &Tally) -> Result<()> {
        let Shot { at, frame, answer, battery_percent, spent } = shot;
        let row = || row::row(at, frame, answer, battery_percent);
        match self {
            Self::Json => writeln!(stdout(), "{}", Report::new(frame, answer, battery_percent, spent).line()),
            Self::Lines => writeln!(stdout(), "{}", row()),
            Self::Terminal(panel) => {
                panel.graph.add(answer, battery_percent);
                panel.draw(&row(), tally)
            }
        }
    }

    pub(crate) fn close(&mut self, tally: &Tally) -> Result<()> {
        match self {
            Self::Json => writeln!(stdout(), "{}", tally.json()),
            Self::Lines => write!(stdout(), "\n{}", tally.table()),
            Self::Terminal(panel) => {
                panel.leave()?;
                write!(stdout(), "\n{}", tally.table())
            }
        }
    }
}

impl Panel {
    /// Puts a row where the panel stood, and the panel below it. In one write, so that no half of it is ever seen.
    fn draw(&mut self, row: &str, tally: &Tally) -> Result<()> {
        let size = Size::of_terminal();
        let cut = |line: &str| -> String { line.chars().take(size.columns.into()).collect() };
        let mut text = match self.lines {
            0 => format!("{HIDE}{}\n", cut(&row::heading())),
            lines => format!("\x1b[{lines}F\x1b[J"),
        };
        let mut lines = if size.rows < ROWS_MIN { Vec::new() } else { self.graph.lines(size.columns) };
        lines.push(cut(&tally.line()));
        self.lines = lines.len();
        for line in std::iter::once(cut(row)).chain(lines) {
            text.push_str(&line);
            text.push('\n');
        }
        let mut out = stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    }

    /// Gives the terminal back as it was.
    fn leave(&mut self) -> Result<()> {
        if self.lines > 0 {
            self.lines = 0;
            write!(stdout(), "{SHOW}")?;
        }
        stdout().flush()
    }
}

impl Drop for Panel {
    fn drop(&mut self) {
        // After an error there is nobody left to tell another one.
        drop(self.leave());
    }
}

/// A terminal with fewer rows has no room for the graph.
const ROWS_MIN: u16 = 8;

struct Size {
    rows: u16,
    columns: u16,
}

impl Size {
    /// Asked for each time: a window is resized at any moment. One that does not tell is taken for a usual one.
    fn of_terminal() -> Self {
        match rustix::termios::tcgetwinsize(stdout()) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => {
                Self { rows: size.ws_row, columns: size.ws_col }
            }
            _ => Self { rows: 24, columns: 80 },
        }
    }
}
