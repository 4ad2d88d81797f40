//! What a server measures of itself to report it.

/// Time constant of rates and utilisation, in seconds; that of the load reports of our sidecar.
const FADE_SECONDS: f64 = 5.0;

/// Latest queries kept for each number of queries in flight.
const KEPT: usize = 16;

/// Events per second and a level, the old fading; times by how many others a query met.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    at: f64,
    ended: f64,
    failed: f64,
    level: f64,
    met: Vec<Latest>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Latest {
    seconds: [f32; KEPT],
    count: u32,
}

impl Figures {
    /// Time passes at this level of load.
    pub fn advance(&mut self, now: f64, level: f64) {
        let kept = (-(now - self.at) / FADE_SECONDS).exp();
        self.ended *= kept;
        self.failed *= kept;
        self.level = self.level * kept + level * (1.0 - kept);
        self.at = now;
    }

    /// A query ended at the current time.
    pub fn ended(&mut self, is_well: bool) {
        self.ended += 1.0 / FADE_SECONDS;
        self.failed += f64::from(u8::from(!is_well)) / FADE_SECONDS;
    }

    /// A query that had met so many others took so many seconds.
    pub fn took(&mut self, met: u32, seconds: f64) {
        let met = met as usize;
        if self.met.len() <= met {
            self.met.resize(met + 1, Latest::default());
        }
        let latest = &mut self.met[met];
        latest.seconds[latest.count as usize % KEPT] = seconds as f32;
        latest.count += 1;
    }

    /// Queries per second that ended, those of them that failed, and the level.
    #[must_use]
    pub fn orca(&self) -> (f32, f32, f32) {
        (self.ended as f32, self.failed as f32, self.level as f32)
    }

    /// Median seconds of the latest queries that had met as many others as there are, or the nearest number (NSDI'24,
    /// section 4).
    #[must_use]
    pub fn latency(&self, in_flight: u32) -> f32 {
        let at = in_flight as usize;
        let known = |index: usize| self.met.get(index).filter(|latest| latest.count > 0);
        let nearest = (0..=self.met.len().max(at))
            .find_map(|distance| at.checked_sub(distance).and_then(known).or_else(|| known(at + distance)));
        nearest.map_or(0.0, Latest::median)
    }
}

impl Latest {
    fn median(&self) -> f32 {
        let mut seconds = self.seconds;
        let seconds = &mut seconds[..KEPT.min(self.count as usize)];
        let middle = seconds.len() / 2;
        *seconds.select_nth_unstable_by(middle, f32::total_cmp).1
    }
}
