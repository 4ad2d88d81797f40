//! Who had how much of the model server lately: pure. In: parties, their requests and the server time that these took.
//! Out: how far a party is over its share. A share limits nobody while there is room.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use slab::Slab;

use crate::party::Party;

/// More parties than this share one account.
const PARTIES_MAX: usize = 4096;

/// A party's account, until its last request has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Id(usize);

/// The accounts of all parties that asked lately.
#[derive(Debug)]
pub struct Shares {
    /// Time constant with which the past fades.
    memory: Duration,
    ids: HashMap<Party, usize>,
    accounts: Slab<Account>,
    swept: Option<Instant>,
}

#[derive(Debug)]
struct Account {
    party: Party,
    /// Requests that wait or run.
    inside: u32,
    /// Those that run.
    running: u32,
    /// Seconds of the server, fading.
    used: f64,
    at: Instant,
}

impl Shares {
    /// Who asks within `memory` shares the server.
    pub fn new(memory: Duration) -> Self {
        Self { memory, ids: HashMap::new(), accounts: Slab::new(), swept: None }
    }

    /// A request comes in. It is to be paid when it leaves.
    pub fn enter(&mut self, now: Instant, party: &Party) -> Id {
        self.sweep(now);
        let is_full = self.accounts.len() >= PARTIES_MAX && !self.ids.contains_key(party);
        let party = if is_full { &Party::Rest } else { party };
        let accounts = &mut self.accounts;
        let id = *self.ids.entry(party.clone()).or_insert_with(|| {
            accounts.insert(Account { party: party.clone(), inside: 0, running: 0, used: 0.0, at: now })
        });
        accounts[id].inside += 1;
        Id(id)
    }

    /// A request begins to run.
    pub fn begin(&mut self, id: Id) {
        self.accounts[id.0].running += 1;
    }

    /// A request leaves; `took` where it ran.
    pub fn leave(&mut self, now: Instant, id: Id, took: Option<Duration>) {
        let account = &mut self.accounts[id.0];
        account.inside -= 1;
        account.running -= u32::from(took.is_some());
        account.used = account.used_at(now, self.memory) + took.unwrap_or_default().as_secs_f64();
        account.at = now;
    }

    /// Requests of a party that wait.
    pub fn waiting(&self, id: Id) -> u32 {
        let account = &self.accounts[id.0];
        account.inside - account.running
    }

    /// The account of a party, if it has one.
    pub fn find(&self, party: &Party) -> Option<Id> {
        self.ids.get(party).copied().map(Id)
    }

    /// 0 up to twice its share, since requests come by chance; then one more with each doubling. A share is what each party
    /// would have if all wanted the most; what is inside counts as if it had run, each for `mean` on one of `slots`.
    pub fn excess(&self, now: Instant, party: &Party, slots: u32, mean: Duration) -> u32 {
        const EXCESS_MAX: f64 = 16.0;
        let account = self.find(party).map(|id| &self.accounts[id.0]);
        let parties = self.accounts.len() + usize::from(account.is_none());
        let has = account.map_or(0.0, |account| {
            account.used_at(now, self.memory) + f64::from(account.inside) * mean.as_secs_f64()
        });
        let share = f64::from(slots) * self.memory.as_secs_f64() / parties as f64;
        if parties == 1 { 0 } else { (has / (2.0 * share)).log2().ceil().clamp(0.0, EXCESS_MAX) as u32 }
    }

    fn sweep(&mut self, now: Instant) {
        if self.swept.is_some_and(|swept| now < swept + self.memory) {
            return;
        }
        self.swept = Some(now);
        let (ids, memory) = (&mut self.ids, self.memory);
        self.accounts.retain(|_, account| {
            let stays = account.inside > 0 || now < account.at + 2 * memory;
            if !stays {
                ids.remove(&account.party);
            }
            stays
        });
    }
}

impl Account {
    fn used_at(&self, now: Instant, memory: Duration) -> f64 {
        let age = now.saturating_duration_since(self.at);
        self.used * (-age.as_secs_f64() / memory.as_secs_f64()).exp()
    }
}
