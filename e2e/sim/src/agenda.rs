//! What happens next: a heap of events by time. Events of one time come out in the order in which they went in, so that a
//! run is the same every time.

use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
};

/// Events to come, each at a time in seconds.
pub struct Agenda<E> {
    heap: BinaryHeap<Reverse<Entry<E>>>,
    count: u64,
}

struct Entry<E> {
    at: f64,
    number: u64,
    event: E,
}

impl<E> Default for Agenda<E> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), count: 0 }
    }
}

impl<E> Agenda<E> {
    /// Plans an event. One that is never to happen (an infinite time) is not kept.
    pub fn plan(&mut self, at: f64, event: E) {
        if at.is_finite() {
            self.heap.push(Reverse(Entry { at, number: self.count, event }));
            self.count += 1;
        }
    }

    /// The next event and its time.
    pub fn pop(&mut self) -> Option<(f64, E)> {
        self.heap.pop().map(|Reverse(entry)| (entry.at, entry.event))
    }
}

impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.at.total_cmp(&other.at).then(self.number.cmp(&other.number))
    }
}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<E> Eq for Entry<E> {}
