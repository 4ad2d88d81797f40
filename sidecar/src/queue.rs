//! The queue before the model server. In: requests. Out: a [`Slot`] that gives itself back when dropped. A request whose
//! future is dropped leaves the queue at once. Who goes first is [`admission::line`]'s.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use admission::line::{Ask, Entered, Line, Place, View};
use tokio::{sync::oneshot, time::timeout_at};

use crate::quota::Bill;

/// Slots and those who wait for them.
#[derive(Debug)]
pub struct Queue {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    line: Line,
    /// Where those who wait learn of their slot, by ticket.
    doors: HashMap<u64, oneshot::Sender<Slot>>,
}

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

impl Queue {
    pub fn new(slots: u32, queue_max: u32, patience: Duration) -> Arc<Self> {
        let line = Line::new(slots, queue_max, patience);
        Arc::new(Self { state: Mutex::new(State { line, doors: HashMap::new() }) })
    }

    /// Waits for a slot.
    pub async fn enter(self: &Arc<Self>, ask: &Ask) -> Result<Slot, NoSlot> {
        let (receiver, _waiting) = {
            let mut state = self.lock();
            let place = match state.line.enter(Instant::now(), ask) {
                Entered::Begins { ticket } => return Ok(self.slot(ticket)),
                Entered::Full => return Err(NoSlot::Full),
                Entered::Waits { place, instead_of } => {
                    // Without its door it knows that it has to go.
                    instead_of.and_then(|place| state.doors.remove(&place.ticket));
                    place
                }
            };
            let (sender, receiver) = oneshot::channel();
            state.doors.insert(place.ticket, sender);
            (receiver, Waiting { queue: self, place })
        };
        match timeout_at(ask.start_by.into(), receiver).await {
            Ok(Ok(slot)) => Ok(slot),
            Ok(Err(_)) => Err(NoSlot::Full),
            Err(_) => Err(NoSlot::Expired),
        }
    }

    /// What admission needs to know about a request.
    pub fn view(&self, now: Instant, ask: &Ask, mean: Duration) -> View {
        self.lock().line.view(now, ask, mean)
    }

    fn slot(self: &Arc<Self>, ticket: u64) -> Slot {
        Slot { queue: Arc::clone(self), ticket, bill: None }
    }

    fn release(self: &Arc<Self>, ticket: u64) {
        let mut state = self.lock();
        state.line.end(Instant::now(), ticket);
        while let Some(place) = state.line.begin(Instant::now()) {
            let door = state.doors.remove(&place.ticket);
            drop(state);
            // Where nobody waits behind the door any more, the slot comes back through its own drop.
            let slot = self.slot(place.ticket);
            if let Some(door) = door {
                let _ = door.send(slot);
            }
            state = self.lock();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
        let mut state = self.queue.lock();
        state.doors.remove(&self.place.ticket);
        state.line.give_up(Instant::now(), self.place);
    }
}
