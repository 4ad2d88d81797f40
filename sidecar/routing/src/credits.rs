//! How much devices may ask of a sidecar and send to the fleet. In: who asks, and what the endpoints can do. Out: yes or
//! when to ask again, and a share for each device that asked lately.

mod classes;

use std::{
    collections::HashMap,
    hash::Hash,
    time::{Duration, Instant},
};

use wire::routes::Credits;

use crate::table::Table;
use classes::{Classes, Member};

/// Questions of one party at once, and how many more a second. Devices behind one address are one party, so nobody is held
/// to this while fewer than half of [`ALL`] are asked.
const EACH: Bucket = Bucket { questions: 8.0, per_second: 1.0 };

/// The same of all parties together.
const ALL: Bucket = Bucket { questions: 200.0, per_second: 200.0 };

/// More parties than this share one account.
const PARTIES_MAX: usize = 4096;

/// Whoever has not asked for this long takes no share.
const PRESENT: Duration = Duration::from_secs(30);

/// Shares are told for a second.
const PER_MILLISECONDS: u32 = 1_000;

/// No share is larger.
const REQUESTS_MAX: f32 = 10_000.0;

/// A device with a shorter deadline is not taken to send more than one with this.
const SHORTEST: Duration = Duration::from_millis(10);

/// Devices come by chance, and not all at their limit.
const OVERCOMMIT: f32 = 2.0;

/// How many questions.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    questions: f32,
    per_second: f32,
}

/// Who asked lately.
#[derive(Debug)]
pub struct Askers<P> {
    all: Account,
    accounts: HashMap<Option<P>, Account>,
    classes: Classes,
    swept: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Account {
    left: f32,
    at: Option<Instant>,
    /// Of which class it is, once it said so.
    member: Option<Member>,
}

impl<P> Default for Askers<P> {
    fn default() -> Self {
        let (accounts, classes) = (HashMap::new(), Classes::default());
        Self { all: Account::new(ALL), accounts, classes, swept: None }
    }
}

impl<P: Clone + Eq + Hash> Askers<P> {
    /// Lets a party ask, or tells how long it should wait.
    ///
    /// # Errors
    /// The time after which it may ask again.
    pub fn enter(&mut self, now: Instant, party: &P) -> Result<(), Duration> {
        self.sweep(now);
        let key = self.key(party);
        let account = self.accounts.entry(key).or_insert(Account::new(EACH));
        self.all.fill(now, ALL);
        account.fill(now, EACH);
        let (all, own) = (self.all.left, account.left);
        if all < 1.0 || (own < 1.0 && all < ALL.questions / 2.0) {
            return Err(Duration::from_secs_f32((1.0 - own).max(0.0) / EACH.per_second));
        }
        account.left = (own - 1.0).max(0.0);
        self.all.left -= 1.0;
        Ok(())
    }

    /// The share of a party of this class in what the fleet can do in a second, which all sidecars that are heard share out:
    /// at least one request. It is taken to use no more than one request after another, each as long as its deadline, where
    /// others would go short.
    pub fn share(&mut self, table: &Table, party: &P, class: &str, deadline: Duration) -> Credits {
        let key = self.key(party);
        let account = self.accounts.entry(key).or_insert(Account::new(EACH));
        if let Some(before) = account.member {
            self.classes.leave(before);
        }
        let member = self.classes.join(class, deadline.max(SHORTEST));
        account.member = Some(member);
        let measured = table.per_second();
        let capacity = OVERCOMMIT * measured / table.heard().max(1) as f32;
        // That nobody has measured what serves is no reason to hold anybody back.
        let is_unmeasured = measured <= 0.0 && table.heard() > 0;
        let share = if is_unmeasured { REQUESTS_MAX } else { self.classes.share(member, capacity) };
        let requests = share.clamp(1.0, REQUESTS_MAX);
        Credits { requests: requests as u32, per_milliseconds: PER_MILLISECONDS }
    }

    /// The account of a party: its own, or the common one where there are too many.
    fn key(&self, party: &P) -> Option<P> {
        let own = Some(party.clone());
        if self.accounts.len() < PARTIES_MAX || self.accounts.contains_key(&own) { own } else { None }
    }

    fn sweep(&mut self, now: Instant) {
        if self.swept.is_some_and(|swept| now < swept + PRESENT / 4) {
            return;
        }
        self.swept = Some(now);
        let is_gone = |account: &Account| account.at.is_none_or(|at| at + PRESENT <= now);
        for (_, account) in self.accounts.extract_if(|_, account| is_gone(account)) {
            account.member.into_iter().for_each(|member| self.classes.leave(member));
        }
    }
}

impl Account {
    const fn new(bucket: Bucket) -> Self {
        Self { left: bucket.questions, at: None, member: None }
    }

    fn fill(&mut self, now: Instant, bucket: Bucket) {
        let since = self.at.map_or(0.0, |at| now.saturating_duration_since(at).as_secs_f32());
        self.left = (self.left + since * bucket.per_second).min(bucket.questions);
        self.at = Some(now);
    }
}

#[cfg(test)]
mod tests;
