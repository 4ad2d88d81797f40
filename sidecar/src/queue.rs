//! Slots of the model server and the queue before them, earliest deadline first. In: requests with deadlines. Out: a
//! [`Slot`] that gives itself back when dropped. A request whose future is dropped leaves the queue at once.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::{sync::oneshot, time::timeout_at};

use crate::quota::Bill;

/// Slots and those who wait for them.
#[derive(Debug)]
pub struct Queue {
    slots: u32,
    queue_max: u32,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    tickets: u64,
    /// When each request inside the server began.
    running: BTreeMap<u64, Instant>,
    waiting: BTreeMap<Place, oneshot::Sender<Slot>>,
}

/// Order of service.
type Place = (Instant, u64);

/// A place inside the model server.
#[derive(Debug)]
pub struct Slot {
    queue: Arc<Queue>,
    ticket: u64,
    /// For whoever pays for it.
    bill: Option<Bill>,
}

/// Why there was no slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoSlot {
    Full,
    Expired,
}

/// The queue as admission sees it.
#[derive(Clone, Copy, Debug)]
pub struct View {
    pub running: u32,
    pub queued: u32,
    /// Of the queued, those that go before the given deadline.
    pub ahead: u32,
    /// What is left of the work inside, if each request takes `mean`.
    pub work_left: Duration,
}

impl Queue {
    pub fn new(slots: u32, queue_max: u32) -> Arc<Self> {
        Arc::new(Self { slots, queue_max, state: Mutex::default() })
    }

    /// Waits for a slot; `start_by` is when starting stops making sense.
    pub async fn enter(self: &Arc<Self>, start_by: Instant) -> Result<Slot, NoSlot> {
        let (receiver, _place) = {
            let mut state = self.lock();
            state.tickets += 1;
            let ticket = state.tickets;
            if state.running.len() < self.slots as usize && state.waiting.is_empty() {
                state.running.insert(ticket, Instant::now());
                return Ok(Slot { queue: Arc::clone(self), ticket, bill: None });
            }
            if state.waiting.len() >= self.queue_max as usize {
                return Err(NoSlot::Full);
            }
            let (sender, receiver) = oneshot::channel();
            let place = (start_by, ticket);
            state.waiting.insert(place, sender);
            (receiver, Waiting { queue: self, place })
        };
        match timeout_at(start_by.into(), receiver).await {
            Ok(Ok(slot)) => Ok(slot),
            Ok(Err(_)) | Err(_) => Err(NoSlot::Expired),
        }
    }

    /// What admission needs to know about a request that would be served by `deadline`.
    pub fn view(&self, now: Instant, deadline: Instant, mean: Duration) -> View {
        let state = self.lock();
        let work_left = state.running.values().map(|began| {
            let left = mean.saturating_sub(now.saturating_duration_since(*began));
            // One that takes longer than others is not about to end just because it should have.
            left.max(mean / 4)
        });
        View {
            running: count(state.running.len()),
            queued: count(state.waiting.len()),
            ahead: count(state.waiting.range(..(deadline, 0)).count()),
            work_left: work_left.sum(),
        }
    }

    fn release(self: &Arc<Self>, ticket: u64) {
        let mut state = self.lock();
        state.running.remove(&ticket);
        while state.running.len() < self.slots as usize {
            let Some(((_, ticket), sender)) = state.waiting.pop_first() else { return };
            if sender.is_closed() {
                continue;
            }
            state.running.insert(ticket, Instant::now());
            drop(state);
            // Where the receiver has just gone, the slot comes back through its own drop.
            let _ = sender.send(Slot { queue: Arc::clone(self), ticket, bill: None });
            state = self.lock();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

impl Slot {
    /// Somebody pays for as long as it is taken.
    pub fn bill(&mut self, bill: Option<Bill>) {
        self.bill = bill;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.queue.release(self.ticket);
    }
}

/// Leaves the queue when the waiting ends, however it ends.
struct Waiting<'a> {
    queue: &'a Queue,
    place: Place,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.queue.lock().waiting.remove(&self.place);
    }
}
