//! How long to wait before an offload is looked at again. Every wait has an upper end.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, Hasher as _, RandomState},
    sync::Mutex,
    time::{Duration, Instant},
};

use crds::InferenceOffload;
use kube::runtime::reflector::ObjectRef;

/// After the first failure in a row.
const FIRST: Duration = Duration::from_millis(500);
/// After any number of failures.
const MAX: Duration = Duration::from_secs(30);

/// Failures in a row, by offload.
#[derive(Default)]
pub struct Retries {
    in_a_row: Mutex<HashMap<ObjectRef<InferenceOffload>, Failures>>,
}

struct Failures {
    count: u32,
    /// When the last one was counted.
    at: Instant,
}

impl Retries {
    /// Counts a failure and says how long to wait: half a second, doubled each time, half a minute at most.
    ///
    /// A failure well before the wait is over does not count: changes of children must not make the waits longer.
    pub fn failed(&self, offload: &ObjectRef<InferenceOffload>) -> Duration {
        let now = Instant::now();
        let mut all = self.lock();
        let failures = all.entry(offload.clone()).or_insert(Failures { count: 0, at: now });
        if now.duration_since(failures.at) >= wait(failures.count) * 8 / 10 {
            *failures = Failures { count: failures.count.saturating_add(1), at: now };
        }
        jittered(wait(failures.count))
    }

    /// Forgets the failures of an offload that is well or gone.
    pub fn forget(&self, offload: &ObjectRef<InferenceOffload>) {
        self.lock().remove(offload);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<ObjectRef<InferenceOffload>, Failures>> {
        self.in_a_row.lock().expect("nothing panics while it holds the counts")
    }
}

fn wait(count: u32) -> Duration {
    FIRST.saturating_mul(1 << count.min(8)).min(MAX)
}

/// Up to a tenth more or less, so that what started together does not stay together.
#[must_use]
pub fn jittered(wait: Duration) -> Duration {
    // Every `RandomState` has fresh keys.
    let random = RandomState::new().build_hasher().finish() % 201;
    let percent = u32::try_from(random).unwrap_or(100);
    wait.saturating_mul(900 + percent) / 1000
}
