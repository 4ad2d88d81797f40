//! Counts where answers came from.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use longshore_device::Answer;
use longshore_device::core::account::Account;
use longshore_device::core::outcome::Ending;
use serde::Serialize;

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
}

/// Energy as the device's profile counts it, and bytes, by place.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Spent {
    device_joules: f64,
    edge_joules: f64,
    edge_bytes: u64,
    saved_joules: f64,
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

    /// What all answers cost so far.
    pub(crate) fn spent(&mut self, account: Account) {
        let joules = |microjoules: f64| (microjoules / 1e3).round() / 1e3;
        self.spent = Spent {
            device_joules: joules(account.device_microjoules),
            edge_joules: joules(account.edge_microjoules),
            edge_bytes: account.edge_bytes,
            saved_joules: joules(account.saved_microjoules),
        };
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
            ("bytes sent".to_owned(), self.spent.edge_bytes.to_string()),
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
