//! Who is connected, and who makes room when every place is taken. In: accepted connections with the address they come
//! from. Out: a place for each; while all are taken, one connection of whoever has the most is asked to go for each that
//! comes. A cap per address would shut out the devices behind one NAT; this costs them something only when there is not
//! enough for all.

use std::{
    cmp::Reverse,
    collections::HashMap,
    future::poll_fn,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Poll,
    time::{Duration, Instant},
};

use admission::party::Source;
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::pace::{SharedPace, Standing, with};

/// One that was asked to go may just have begun a request. Another is asked after this.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// Everybody who is connected.
pub struct Crowd {
    places: Arc<Semaphore>,
    places_max: u32,
    strangers_max: usize,
    seats: Mutex<Seats>,
}

#[derive(Default)]
struct Seats {
    next: u64,
    taken: HashMap<u64, Seat>,
}

struct Seat {
    source: Source,
    pace: SharedPace,
    /// Present until it is asked to go.
    go: Option<Arc<Notify>>,
}

/// A place, given back when it is dropped.
pub struct Place {
    crowd: Arc<Crowd>,
    seat: u64,
    pace: SharedPace,
    go: Arc<Notify>,
    _permit: OwnedSemaphorePermit,
}

impl Crowd {
    pub fn new(places: u32, strangers_max: usize) -> Arc<Self> {
        Arc::new(Self {
            places: Arc::new(Semaphore::new(places as usize)),
            places_max: places,
            strangers_max,
            seats: Mutex::default(),
        })
    }

    /// A place for a connection, as soon as there is one. `asked` hears of each that has to go for it.
    pub async fn enter(self: &Arc<Self>, source: Source, pace: SharedPace, asked: impl Fn()) -> Place {
        let permit = loop {
            if let Ok(permit) = Arc::clone(&self.places).try_acquire_owned() {
                break permit;
            }
            if self.ask_one_to_go(source) {
                asked();
            }
            let left = timeout(ASK_AGAIN, Arc::clone(&self.places).acquire_owned());
            if let Ok(permit) = left.await {
                break permit.expect("the semaphore is never closed");
            }
        };
        let go = Arc::new(Notify::new());
        let mut seats = self.seats();
        let seat = seats.next;
        seats.next += 1;
        let taken = Seat { source, pace: Arc::clone(&pace), go: Some(Arc::clone(&go)) };
        seats.taken.insert(seat, taken);
        Place { crowd: Arc::clone(self), seat, pace, go, _permit: permit }
    }

    /// Waits until nobody is connected.
    pub async fn gone(&self) {
        let _ = self.places.acquire_many(self.places_max).await;
    }

    fn ask_one_to_go(&self, newcomer: Source) -> bool {
        let mut seats = self.seats();
        let standing = |seat: &Seat| with(&seat.pace, |pace| pace.standing());
        let staying = seats.taken.iter().filter(|(_, seat)| seat.go.is_some());
        let all: Vec<_> = staying.map(|(id, seat)| (*id, seat.source, standing(seat))).collect();
        let chosen = choose(&all, newcomer, self.strangers_max);
        let go = chosen.and_then(|id| seats.taken.get_mut(&id)?.go.take());
        go.map(|go| go.notify_one()).is_some()
    }

    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Waits until this connection must go, and never inside a request that makes progress. Whatever serves the connection
    /// is to be polled first: it may have a request that is not counted yet.
    pub async fn must_go(&self) {
        let mut asked = false;
        let mut go = pin!(self.go.notified());
        poll_fn(|cx| {
            asked = asked || go.as_mut().poll(cx).is_ready();
            let may_stay = !asked || with(&self.pace, |pace| pace.standing()) == Standing::Busy;
            if may_stay { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.crowd.seats().taken.remove(&self.seat);
    }
}

/// Who goes: of the source that has most (a newcomer's counts with it, and none that has less than it gives way), whoever
/// has asked for nothing yet where those are many, then who has been idle longest, then who takes no answer.
pub fn choose(all: &[(u64, Source, Standing)], newcomer: Source, strangers_max: usize) -> Option<u64> {
    let mut counts: HashMap<Source, (usize, usize)> = HashMap::from([(newcomer, (1, 0))]);
    for (_, source, standing) in all {
        let (everyone, strangers) = counts.entry(*source).or_default();
        *everyone += 1;
        *strangers += usize::from(matches!(standing, Standing::Stranger(_)));
    }
    let own = counts[&newcomer].0;
    let claim = |(id, source, standing): &(u64, Source, Standing)| {
        let (everyone, strangers) = counts[source];
        let (class, since): (u8, Instant) = match *standing {
            Standing::Busy => return None,
            Standing::Stranger(since) if strangers > strangers_max => (0, since),
            Standing::Idle(since) => (1, since),
            Standing::Stuck(since) => (2, since),
            Standing::Stranger(since) => (3, since),
        };
        (everyone >= own).then_some((Reverse(everyone), class, since, *id))
    };
    all.iter().filter_map(claim).min().map(|(.., id)| id)
}
