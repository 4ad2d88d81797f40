//! What may be spent beside the requests themselves: runs here that are started in case the edge stays silent, looks at an
//! edge that was slow, requests sent once more. A share of all requests, with a small reserve for bad moments.

/// Runs here in reserve and looks at the edge, as a share of the requests: what the documentation promises is a little more.
const HEDGES_SHARE: f32 = 0.045;

/// Requests sent once more, as a share of the requests.
const RETRIES_SHARE: f32 = 0.1;

/// What can be saved up: a link that fades after a long good time needs several at once.
const HEDGES_MAX: f32 = 50.0;
const RETRIES_MAX: f32 = 10.0;

/// A debt is forgotten beyond this.
const DEBT_MAX: f32 = 8.0;

/// How probable a hedge may be, 0 to 1: from the first with a debt of `CHANCE_OVER` to the second with as much saved up.
const CHANCE: (f32, f32) = (0.05, 0.5);
const CHANCE_OVER: f32 = 4.0;

/// The two budgets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    hedges: f32,
    retries: f32,
}

impl Default for Budget {
    fn default() -> Self {
        Self { hedges: 1.0, retries: RETRIES_MAX }
    }
}

impl Budget {
    /// A request begins.
    pub fn earn(&mut self) {
        self.hedges = (self.hedges + HEDGES_SHARE).min(HEDGES_MAX);
        self.retries = (self.retries + RETRIES_SHARE).min(RETRIES_MAX);
    }

    /// A run here began in case the edge stays silent, or a look at the edge beside a run here.
    pub fn hedged(&mut self) {
        self.hedges = (self.hedges - 1.0).max(-DEBT_MAX);
    }

    /// How probable it may be that a request at the edge needs a run here after all, 0 to 1.
    #[must_use]
    pub fn hedge_chance_max(&self) -> f32 {
        let saved = ((self.hedges + CHANCE_OVER) / (2.0 * CHANCE_OVER)).clamp(0.0, 1.0);
        CHANCE.0 + (CHANCE.1 - CHANCE.0) * saved
    }

    /// Whether a look at the edge can be afforded.
    #[must_use]
    pub fn affords_a_look(&self) -> bool {
        0.0 <= self.hedges
    }

    /// Takes what one more try costs; false when it cannot be afforded.
    pub fn retry(&mut self) -> bool {
        let affords = 1.0 <= self.retries;
        if affords {
            self.retries -= 1.0;
        }
        affords
    }
}
