//! Counts where answers came from.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use longshore_device::Answer;
use longshore_device::core::account::Account;
use longshore_device::core::outcome::Ending;
use serde::Serialize;

use super::spent::{Moved, Spent};

/// The counts of a loop.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Tally {
    frames: u64,
    /// Answered on the device.
    here: u64,
    /// The last answer repeated.
    cached: u64,
    /// Answered at the edge, by node.
    there: BTreeMap<String, u64>,
    late: u64,
    failed: u64,
    /// Taken and without an answer in time, the late and the failed ones among them.
    lost: u64,
    /// Answers by the word of their decision.
    reasons: BTreeMap<&'static str, u64>,
    /// How often the next answer came from another place than the one before.
    moves: u64,
    #[serde(skip)]
    place: Option<&'static str>,
    /// What the answers cost.
    #[serde(flatten)]
    spent: Spent,
    #[serde(flatten)]
    moved: Moved,
}

impl Tally {
    /// A frame was taken.
    pub(crate) fn taken(&mut self) {
        self.frames += 1;
        self.lost += 1;
    }

    /// Its answer came.
    pub(crate) fn answered(&mut self, answer: &Answer) {
        if answer.ending == Ending::Answered {
            self.lost -= 1;
        }
        *self.reasons.entry(answer.reason.word()).or_default() += 1;
        if answer.place.is_some() {
            let before = std::mem::replace(&mut self.place, answer.place);
            self.moves += u64::from(before.is_some_and(|before| Some(before) != answer.place));
        }
        match (answer.ending, &answer.endpoint, answer.place) {
            (Ending::Late, ..) => self.late += 1,
            (Ending::Failed, ..) => self.failed += 1,
            (Ending::Answered, _, Some("cache")) => self.cached += 1,
            (Ending::Answered, Some(node), _) => *self.there.entry(node.clone()).or_default() += 1,
            (Ending::Answered, None, _) => self.here += 1,
        }
    }

    /// What all answers cost so far, and how often work moved for that.
    pub(crate) fn account(&mut self, account: &Account) {
        self.spent = Spent::between(&Account::default(), account);
        self.moved = account.moves.into();
    }

    /// One line for a terminal.
    pub(crate) fn line(&self) -> String {
        let there: u64 = self.there.values().sum();
        format!(
            "{} frames: {} here, {there} there, {} late, {} failed",
            self.frames, self.here, self.late, self.failed
        )
    }

    /// The table at the end.
    pub(crate) fn table(&self) -> String {
        let mut rows = vec![("answered here (device)".to_owned(), self.here)];
        rows.extend(self.there.iter().map(|(node, count)| (format!("answered there ({node})"), *count)));
        if self.cached > 0 {
            rows.push(("repeated the last answer".to_owned(), self.cached));
        }
        rows.extend([
            ("late".to_owned(), self.late),
            ("failed".to_owned(), self.failed),
            ("lost".to_owned(), self.lost),
        ]);
        let mut rows: Vec<(String, String)> =
            rows.into_iter().map(|(name, count)| (name, count.to_string())).collect();
        rows.extend([
            ("joules here".to_owned(), format!("{:.1}", self.spent.device_joules)),
            ("joules for sending".to_owned(), format!("{:.1}", self.spent.edge_joules)),
            ("joules saved here".to_owned(), format!("{:.1}", self.spent.saved_joules)),
            ("bytes sent".to_owned(), self.spent.edge_bytes.to_string()),
            ("bytes not sent".to_owned(), self.spent.saved_bytes.to_string()),
            ("moves of work".to_owned(), self.moved.work_moves.to_string()),
            ("held by the margin".to_owned(), self.moved.held_by_margin.to_string()),
            ("held by the dwell time".to_owned(), self.moved.held_by_dwell.to_string()),
            ("held by the flap limit".to_owned(), self.moved.held_by_flap_limit.to_string()),
        ]);
        let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let mut table = String::new();
        for (name, count) in rows {
            writeln!(table, "{name:<width$}  {count:>6}").expect("writing to a string cannot fail");
        }
        table
    }

    /// The same as one JSON line.
    pub(crate) fn json(&self) -> String {
        serde_json::json!({ "summary": self }).to_string()
    }
}
