//! How much devices may ask of a sidecar and send to the fleet. In: who asks, and what the endpoints can do. Out: yes or
//! when to ask again, and an equal share for each device that asked lately.

use std::{
    collections::HashMap,
    hash::Hash,
    time::{Duration, Instant},
};

use wire::routes::Credits;

use crate::table::Table;

/// Questions of one party at once, and how often one more.
const QUESTIONS: f32 = 8.0;
const QUESTIONS_PER_SECOND: f32 = 1.0;

/// More parties than this share one account.
const PARTIES_MAX: usize = 4096;

/// Whoever has not asked for this long takes no share.
const PRESENT: Duration = Duration::from_secs(30);

/// Shares are told for a second.
const PER_MILLISECONDS: u32 = 1_000;

/// Devices come by chance, and not all at their limit.
const OVERCOMMIT: f32 = 2.0;

/// Who asked lately.
#[derive(Debug)]
pub struct Askers<P> {
    accounts: HashMap<Option<P>, Account>,
    swept: Option<Instant>,
}

#[derive(Debug)]
struct Account {
    left: f32,
    at: Instant,
}

impl<P> Default for Askers<P> {
    fn default() -> Self {
        Self { accounts: HashMap::new(), swept: None }
    }
}

impl<P: Clone + Eq + Hash> Askers<P> {
    /// Lets a party ask, or tells how long it should wait.
    ///
    /// # Errors
    /// The time after which it may ask again.
    pub fn enter(&mut self, now: Instant, party: &P) -> Result<(), Duration> {
        self.sweep(now);
        let key = Some(party.clone());
        let key =
            if self.accounts.len() < PARTIES_MAX || self.accounts.contains_key(&key) { key } else { None };
        let account = self.accounts.entry(key).or_insert(Account { left: QUESTIONS, at: now });
        let since = now.saturating_duration_since(account.at).as_secs_f32();
        account.left = (account.left + since * QUESTIONS_PER_SECOND).min(QUESTIONS);
        account.at = now;
        if account.left < 1.0 {
            return Err(Duration::from_secs_f32((1.0 - account.left) / QUESTIONS_PER_SECOND));
        }
        account.left -= 1.0;
        Ok(())
    }

    /// The share of each of them in what the fleet can do in a second, if `askers` sidecars share it out: at least one
    /// request.
    #[must_use]
    pub fn share(&self, table: &Table, sidecars: usize) -> Credits {
        let capacity: f32 = table.endpoints().iter().map(|endpoint| endpoint.standing.per_second()).sum();
        let devices = self.accounts.len().max(1) * sidecars.max(1);
        let requests = (OVERCOMMIT * capacity / devices as f32).clamp(1.0, 10_000.0);
        Credits { requests: requests as u32, per_milliseconds: PER_MILLISECONDS }
    }

    fn sweep(&mut self, now: Instant) {
        if self.swept.is_some_and(|swept| now < swept + PRESENT / 4) {
            return;
        }
        self.swept = Some(now);
        self.accounts.retain(|_, account| now < account.at + PRESENT);
    }
}

#[cfg(test)]
mod tests;
