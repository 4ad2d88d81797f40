//! Means over all endpoints: they stand in where an endpoint's own figures are unknown or old.

use super::endpoint::Endpoint;

/// Time in the model server assumed until an endpoint or the bundle tells one, in microseconds.
const SERVICE_GUESS_US: f32 = 20_000.0;

/// What is assumed until something is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Guesses {
    /// Time to send one KiB, in microseconds.
    pub kibibyte_us: f32,
    /// Time in the model server as the bundle tells it, in microseconds; 0 when it does not.
    pub service_told_us: f32,
}

/// The means; 0 where nothing is known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FleetMean {
    pub(super) wait_us: f32,
    pub(super) service_us: f32,
    /// The radio is the same whichever endpoint is dialled: an upload to one tells much about the others.
    pub(super) kibibyte_us: f32,
}

impl FleetMean {
    /// The means over some endpoints.
    #[must_use]
    pub fn over<'a>(endpoints: impl Iterator<Item = &'a Endpoint>, now_us: u64) -> Self {
        let (mut wait, mut service) = (Mean::default(), Mean::default());
        let mut kibibyte = Mean::default();
        for endpoint in endpoints {
            if endpoint.load_at.is_some() && endpoint.service_us > 0.0 {
                wait.add(endpoint.wait_us);
                service.add(endpoint.service_us);
            }
            if endpoint.uplink.is_known() {
                kibibyte.add(endpoint.uplink.kibibyte_us(now_us, 0.0));
            }
        }
        Self { wait_us: wait.get(), service_us: service.get(), kibibyte_us: kibibyte.get() }
    }

    /// The same with guesses where nothing is known.
    #[must_use]
    pub fn or(self, guesses: Guesses) -> Self {
        let known = |mean: f32, guess: f32| if mean > 0.0 { mean } else { guess };
        let service_guess_us = known(guesses.service_told_us, SERVICE_GUESS_US);
        Self {
            wait_us: self.wait_us,
            service_us: known(self.service_us, service_guess_us),
            kibibyte_us: known(self.kibibyte_us, guesses.kibibyte_us),
        }
    }
}

#[derive(Default)]
struct Mean {
    sum: f32,
    count: f32,
}

impl Mean {
    fn add(&mut self, value: f32) {
        self.sum += value;
        self.count += 1.0;
    }

    fn get(&self) -> f32 {
        self.sum / self.count.max(1.0)
    }
}
