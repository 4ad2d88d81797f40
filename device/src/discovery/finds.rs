//! What one search found: who is tried first, and who has vanished. Pure: time and chance are arguments.

use crate::http::url::EdgeUrl;
use crate::random::Random;

/// A target leaves when answers miss it for this long, in microseconds: one answer may lack what a lost packet held.
const MISSING_MAX_US: u64 = 120_000_000;

/// Targets taken from one answer, and kept.
pub(super) const TARGETS_MAX: usize = 16;

/// Where an endpoint is, as an SRV record tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) url: EdgeUrl,
    /// Lower ones are tried first.
    pub(super) priority: u16,
    /// Among those of one priority: a higher one is more often the first.
    pub(super) weight: u16,
}

/// The targets of one search.
#[derive(Default)]
pub(super) struct Finds {
    /// In the order in which they are tried.
    seen: Vec<Seen>,
}

struct Seen {
    target: Target,
    at_us: u64,
    /// Place within the priority: lower ones first.
    draw: f64,
}

impl Finds {
    /// Takes an answer in. An empty one tells nothing, as an empty table does not.
    pub(super) fn take(&mut self, now_us: u64, targets: Vec<Target>, random: &mut Random) {
        if targets.is_empty() {
            return;
        }
        self.seen.retain(|seen| {
            now_us < seen.at_us + MISSING_MAX_US && targets.iter().all(|target| target.url != seen.target.url)
        });
        for target in targets {
            let draw = -random.fraction().max(f64::MIN_POSITIVE).ln() / f64::from(target.weight);
            self.seen.push(Seen { target, at_us: now_us, draw });
        }
        // Where there are too many, those that are missed longest go.
        self.seen.sort_by_key(|seen| u64::MAX - seen.at_us);
        self.seen.truncate(TARGETS_MAX);
        self.seen.sort_by(|a, b| {
            a.target.priority.cmp(&b.target.priority).then_with(|| a.draw.total_cmp(&b.draw))
        });
    }

    /// Whom to use: those of the lowest priority, and of the next one as long as none of the ones before is up.
    pub(super) fn wanted(&self, is_up: impl Fn(&EdgeUrl) -> bool) -> Vec<EdgeUrl> {
        let mut wanted = Vec::new();
        for group in self.seen.chunk_by(|a, b| a.target.priority == b.target.priority) {
            let has_one_up = group.iter().any(|seen| is_up(&seen.target.url));
            wanted.extend(group.iter().map(|seen| seen.target.url.clone()));
            if has_one_up {
                break;
            }
        }
        wanted
    }
}
