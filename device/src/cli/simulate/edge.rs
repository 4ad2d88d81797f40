//! The way to the edge and back: connections, one upload after the other, the answer.

use super::world::{Happening, Planned, SERVER_SIGMA, Sending, Stage, World};
use crate::cli::dice::Dice;

impl World<'_> {
    /// Sends a request to the edge, on an open connection or on one that must stand within `connect_max_us`.
    pub(super) fn send(&mut self, request: usize, connect_max_us: Option<u64>) {
        let send = self.sendings.len();
        let service_us = self.service_us(request);
        self.sendings.push(Sending { request, stage: Stage::Connecting, sent_us: self.now_us, service_us });
        self.asked[request].sending = Some(send);
        self.tally.sends += 1;
        self.count_both(request);
        self.meter.wake(&self.setting.profile, self.now_us);
        if 0 < self.idle {
            self.idle -= 1;
            return self.upload(send);
        }
        let connected_us = self.connected_us();
        let limit_us = connect_max_us.map_or(u64::MAX, |max_us| self.now_us + max_us);
        if connected_us <= limit_us {
            self.plan(connected_us, Planned::Connected { send });
        } else {
            self.plan(limit_us, Planned::Happens(Happening::Unconnected { request }));
        }
    }

    fn connected_us(&self) -> u64 {
        let up_us = self.trace.up_at(self.now_us);
        up_us + self.trace.at(up_us).round_trip_us
    }

    pub(super) fn upload(&mut self, send: usize) {
        self.sendings[send].stage = Stage::Uploading;
        self.sendings[send].sent_us = self.now_us;
        self.uploads.push_back(send);
        if self.uploads.len() == 1 {
            self.go_on_air();
        }
    }

    fn go_on_air(&mut self) {
        if let Some(send) = self.uploads.front().copied() {
            self.air_since_us = self.now_us;
            let at_us = self.trace.sent_at(self.now_us, self.bits());
            self.plan(at_us, Planned::Uploaded { send });
        }
    }

    fn leave_air(&mut self) {
        self.meter.sent(&self.setting.profile, self.trace, self.air_since_us, self.now_us);
        let air = self.trace.between(self.air_since_us, self.now_us);
        let bits: f64 = air.map(|(us, stretch)| us as f64 * stretch.kilobits_per_second / 1e3).sum();
        self.tally.bytes += bits.min(self.bits()) / 8.0;
        self.uploads.pop_front();
        self.go_on_air();
    }

    pub(super) fn uploaded(&mut self, send: usize) {
        self.leave_air();
        self.sendings[send].stage = Stage::Waiting;
        let at_us = self.returned_us(self.now_us, self.sendings[send].service_us);
        self.plan(at_us, Planned::Returned { send });
    }

    /// When the answer to what was sent by `uploaded_us` is here.
    fn returned_us(&self, uploaded_us: u64, service_us: u64) -> u64 {
        let half_us = self.trace.at(uploaded_us).round_trip_us / 2;
        self.trace.up_at(uploaded_us + half_us + service_us) + half_us
    }

    /// When an answer would be here if the request were sent now and nothing after it.
    pub(super) fn foreseen_us(&self, request: usize) -> u64 {
        let ready_us = if 0 < self.idle { self.now_us } else { self.connected_us() };
        let mut free_us = self.air_since_us;
        for _ in &self.uploads {
            free_us = self.trace.sent_at(free_us, self.bits());
        }
        let start_us = if self.uploads.is_empty() { ready_us } else { ready_us.max(free_us) };
        self.returned_us(self.trace.sent_at(start_us, self.bits()), self.service_us(request))
    }

    /// Closes the connection of what was sent for a request, and those that are idle, as the device's client does.
    pub(super) fn close(&mut self, request: usize) {
        if let Some(send) = self.asked[request].sending
            && self.sendings[send].stage != Stage::Over
        {
            self.end(send);
            self.idle = 0;
        }
    }

    pub(super) fn end(&mut self, send: usize) {
        self.meter.sleep(&self.setting.profile, self.now_us);
        self.sendings[send].stage = Stage::Over;
        if self.uploads.front() == Some(&send) {
            self.leave_air();
        } else {
            self.uploads.retain(|waiting| *waiting != send);
        }
    }

    /// Asks the endpoint something small; the answer counts for `limit_us`.
    pub(super) fn probe(&mut self, limit_us: u64) {
        self.meter.wake(&self.setting.profile, self.now_us);
        let begun_us = if 0 < self.idle { self.now_us } else { self.connected_us() };
        let on_air_us = self.uploads.front().map(|_| self.trace.sent_at(self.air_since_us, self.bits()));
        let up_us = self.trace.up_at(begun_us.max(on_air_us.unwrap_or(0)));
        let end_us = up_us + self.trace.at(up_us).round_trip_us;
        if end_us <= self.now_us + limit_us {
            self.idle = self.idle.max(1);
            let round_trip_us = Some(end_us - begun_us);
            self.plan(end_us, Planned::Happens(Happening::Probed { round_trip_us }));
        } else {
            self.idle = 0;
            let happening = Happening::Probed { round_trip_us: None };
            self.plan(self.now_us + limit_us, Planned::Happens(happening));
        }
    }

    fn bits(&self) -> f64 {
        f64::from(self.setting.bytes) * 8.0
    }

    fn service_us(&self, request: usize) -> u64 {
        let z = Dice::of(self.setting.seed, 2, request as u64).normal();
        (self.setting.server_us * (SERVER_SIGMA * z).exp()) as u64
    }
}
