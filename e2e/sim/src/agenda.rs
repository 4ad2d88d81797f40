//! What happens next: a heap of events by time, and beside it queues for what mostly is planned in order anyway. Events of
//! one time come out in the order in which they went in, so that a run is the same every time.

use std::{
    cmp::{Ordering, Reverse},
    collections::{BinaryHeap, VecDeque},
};

/// What is planned about as far ahead each time: those behind each other need no heap.
#[derive(Clone, Copy, Debug)]
pub enum Lane {
    /// Deadlines.
    Deadlines,
    /// Packets on their way.
    Packets,
}

/// Events to come, each at a time in seconds.
pub struct Agenda<E> {
    heap: BinaryHeap<Reverse<Entry<E>>>,
    lanes: [VecDeque<Entry<E>>; 2],
    count: u64,
}

struct Entry<E> {
    at: f64,
    number: u64,
    event: E,
}

impl<E> Default for Agenda<E> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), lanes: [VecDeque::new(), VecDeque::new()], count: 0 }
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

    /// Plans an event that most likely comes after all others of its lane.
    pub fn plan_in(&mut self, lane: Lane, at: f64, event: E) {
        let queue = &mut self.lanes[lane as usize];
        if queue.back().is_some_and(|last| at < last.at) {
            return self.plan(at, event);
        }
        queue.push_back(Entry { at, number: self.count, event });
        self.count += 1;
    }

    /// The next event and its time.
    pub fn pop(&mut self) -> Option<(f64, E)> {
        let fronts = self.lanes.iter_mut().filter(|lane| !lane.is_empty());
        let lane = fronts.min_by(|a, b| a.front().cmp(&b.front()));
        let heap = self.heap.peek().map(|Reverse(entry)| entry);
        let entry = match lane {
            Some(lane) if heap.is_none_or(|entry| lane.front() < Some(entry)) => lane.pop_front(),
            _ => self.heap.pop().map(|Reverse(entry)| entry),
        };
        entry.map(|entry| (entry.at, entry.event))
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
