//! Slots and the line before them: pure, time is an argument. In: requests that come, give up or end. Out: who may begin.
//! The earliest deadline first within a priority.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::{
    party::Party,
    share::{Id, Shares},
};

/// How often a device would have asked in the time that counts for its share, if it waited for each answer.
const MEMORY: u32 = 5;

/// What a request says of itself.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Whom it counts for.
    pub party: Party,
    /// 1 goes first.
    pub priority: u8,
    /// When starting stops making sense.
    pub start_by: Instant,
}

/// Order of service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    priority: u8,
    start_by: Instant,
    /// Order of arrival.
    pub ticket: u64,
}

/// What became of a request that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entered {
    /// It has a slot.
    Begins {
        /// By which it ends ([`Line::end`]).
        ticket: u64,
    },
    /// It waits; with a full line, in the place of one that comes after it.
    Waits {
        /// Where.
        place: Place,
        /// Who had to leave for it.
        instead_of: Option<Place>,
    },
    /// There is no place for it.
    Full,
}

/// The line as admission sees it.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// Requests that have a slot.
    pub running: u32,
    /// Requests that wait.
    pub queued: u32,
    /// Of the queued, those that go before the request in question.
    pub ahead: u32,
    /// The line is full, and none in it would yield.
    pub is_full: bool,
    /// How far the device is over its share, in doublings.
    pub excess: u32,
    /// What is left of the work inside, if each request takes `mean`.
    pub work_left: Duration,
}

/// Slots and those who wait for them.
#[derive(Debug)]
pub struct Line {
    slots: u32,
    queue_max: u32,
    tickets: u64,
    running: BTreeMap<u64, (Instant, Id)>,
    waiting: BTreeMap<Place, Id>,
    shares: Shares,
}

impl Line {
    /// Devices usually wait for `patience`.
    pub fn new(slots: u32, queue_max: u32, patience: Duration) -> Self {
        Self {
            slots,
            queue_max,
            tickets: 0,
            running: BTreeMap::new(),
            waiting: BTreeMap::new(),
            shares: Shares::new(MEMORY * patience),
        }
    }

    /// A request comes.
    pub fn enter(&mut self, now: Instant, ask: &Ask) -> Entered {
        self.tickets += 1;
        let ticket = self.tickets;
        let place = Place { priority: ask.priority, start_by: ask.start_by, ticket };
        if self.has_slot() && self.waiting.is_empty() {
            let id = self.shares.enter(now, &ask.party);
            self.run(now, ticket, id);
            return Entered::Begins { ticket };
        }
        let mut instead_of = None;
        if self.is_full() {
            instead_of = self.yields(ask);
            let Some(last) = instead_of else { return Entered::Full };
            self.give_up(now, last);
        }
        let id = self.shares.enter(now, &ask.party);
        self.waiting.insert(place, id);
        Entered::Waits { place, instead_of }
    }

    /// Whoever goes first takes a free slot.
    pub fn begin(&mut self, now: Instant) -> Option<Place> {
        if !self.has_slot() {
            return None;
        }
        let (place, id) = self.waiting.pop_first()?;
        self.run(now, place.ticket, id);
        Some(place)
    }

    /// One that waits goes away.
    pub fn give_up(&mut self, now: Instant, place: Place) {
        if let Some(id) = self.waiting.remove(&place) {
            self.shares.leave(now, id, None);
        }
    }

    /// One that ran has ended.
    pub fn end(&mut self, now: Instant, ticket: u64) {
        if let Some((began, id)) = self.running.remove(&ticket) {
            self.shares.leave(now, id, Some(now.saturating_duration_since(began)));
        }
    }

    /// What admission needs to know about a request.
    pub fn view(&self, now: Instant, ask: &Ask, mean: Duration) -> View {
        let work_left = self.running.values().map(|(began, _)| {
            let left = mean.saturating_sub(now.saturating_duration_since(*began));
            // One that takes longer than others is not about to end just because it should have.
            left.max(mean / 4)
        });
        let place = Place { priority: ask.priority, start_by: ask.start_by, ticket: 0 };
        View {
            running: count(self.running.len()),
            queued: count(self.waiting.len()),
            ahead: count(self.waiting.range(..place).count()),
            is_full: self.is_full() && self.yields(ask).is_none(),
            excess: self.shares.excess(now, &ask.party, self.slots, mean),
            work_left: work_left.sum(),
        }
    }

    /// Who makes room for a request when the line is full: the last of the party with most in it, unless that is the
    /// request's own; then its own last, if that is less urgent. A later deadline alone is no reason: it would have been
    /// kept waiting for nothing.
    fn yields(&self, ask: &Ask) -> Option<Place> {
        let waiting = |id: Id| self.shares.waiting(id);
        let own = self.shares.find(&ask.party);
        let most = self.waiting.values().copied().max_by_key(|id| waiting(*id))?;
        let is_more = waiting(most) > own.map_or(0, waiting) + 1;
        let from = if is_more { most } else { own? };
        let (last, _) = self.waiting.iter().rev().find(|(_, id)| **id == from)?;
        (is_more || last.priority > ask.priority).then_some(*last)
    }

    fn run(&mut self, now: Instant, ticket: u64, id: Id) {
        self.shares.begin(id);
        self.running.insert(ticket, (now, id));
    }

    fn is_full(&self) -> bool {
        self.waiting.len() >= self.queue_max as usize
    }

    fn has_slot(&self) -> bool {
        self.running.len() < self.slots as usize
    }
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
