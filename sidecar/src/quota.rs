//! What one device may have: requests in flight, and the server's time. In: devices, by the name that their credentials
//! give them. Out: a place, or when to ask again. Time is paid when it was used, so that no request is cut short: who has
//! used more than its share waits until the share has grown past that.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use admission::party::Device;

use crate::config::Quota;

/// Below this, accounts of devices that are gone cost nothing worth looking for.
const ACCOUNTS_MIN: usize = 1024;
/// What may be used at once: the share of this time.
const BURST: Duration = Duration::from_secs(1);

/// The accounts of all devices.
pub struct Quotas {
    quota: Option<Quota>,
    accounts: Mutex<Accounts>,
}

struct Accounts {
    of: HashMap<Device, Arc<Account>>,
    /// At so many, those of devices that are gone are dropped.
    sweep_at: usize,
}

/// One device's.
pub struct Account {
    quota: Quota,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug)]
struct State {
    in_flight: u32,
    /// Server time that the share has not yet made good.
    used: Duration,
    at: Instant,
}

/// A request in flight.
pub struct Place {
    account: Arc<Account>,
}

/// Server time on its way to an account.
#[derive(Debug)]
pub struct Bill {
    account: Arc<Account>,
    since: Instant,
}

impl Quotas {
    pub fn new(quota: Option<Quota>) -> Self {
        Self { quota, accounts: Mutex::new(Accounts { of: HashMap::new(), sweep_at: ACCOUNTS_MIN }) }
    }

    /// The account of a device; none where nothing is counted.
    pub fn account(&self, device: Option<&Device>, now: Instant) -> Option<Arc<Account>> {
        let (quota, device) = (self.quota?, device?);
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(account) = accounts.of.get(device) {
            return Some(Arc::clone(account));
        }
        if accounts.of.len() >= accounts.sweep_at {
            accounts.of.retain(|_, account| Arc::strong_count(account) > 1 || account.owes(now));
            accounts.sweep_at = (accounts.of.len() * 2).max(ACCOUNTS_MIN);
        }
        let account = Arc::new(Account::new(quota, now));
        accounts.of.insert(device.clone(), Arc::clone(&account));
        Some(account)
    }
}

impl Account {
    fn new(quota: Quota, now: Instant) -> Self {
        let state = State { in_flight: 0, used: Duration::ZERO, at: now };
        Self { quota, state: Mutex::new(state) }
    }

    /// A place for a request, or after which time to ask again.
    pub fn enter(self: &Arc<Self>, now: Instant) -> Result<Place, Duration> {
        self.with(now, |state| {
            let share = self.quota.server_share;
            let over = state.used.saturating_sub(BURST.mul_f64(share));
            if !over.is_zero() {
                return Err(over.div_f64(share));
            }
            if state.in_flight >= self.quota.in_flight_max {
                return Err(Duration::ZERO);
            }
            state.in_flight += 1;
            Ok(Place { account: Arc::clone(self) })
        })
    }

    /// Counts the server's time from `since` until the bill is dropped.
    pub fn bill(self: &Arc<Self>, since: Instant) -> Bill {
        Bill { account: Arc::clone(self), since }
    }

    fn owes(&self, now: Instant) -> bool {
        self.with(now, |state| !state.used.is_zero())
    }

    fn with<T>(&self, now: Instant, f: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let made_good = now.saturating_duration_since(state.at).mul_f64(self.quota.server_share);
        state.used = state.used.saturating_sub(made_good);
        state.at = state.at.max(now);
        f(&mut state)
    }
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account").finish_non_exhaustive()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.account.with(Instant::now(), |state| state.in_flight -= 1);
    }
}

impl Drop for Bill {
    fn drop(&mut self) {
        let now = Instant::now();
        self.account.with(now, |state| state.used += now.saturating_duration_since(self.since));
    }
}

#[cfg(test)]
mod tests;
