//! All that is kept for one model: policy, the device's own speed, the table of endpoints, where work stands.

use wire::Outcome;
use wire::bundle::{DataClass, Fallback, Mode, OffloadPolicy};

use super::account::Account;
use super::budget::Budget;
use super::credits::Credits;
use super::endpoint::{Endpoint, EndpointId, LoadSeen};
use super::estimate::{Estimate, Forecast};
use super::fleet::{FleetMean, Guesses};
use super::guide::{Guide, HURRY_EVERY_US};
use super::look::Look;
use super::outcome::Reason;
use super::profile::Profile;
use super::radio::Radio;
use super::when::When;

/// Endpoints kept at most; a larger fleet is cut to these, so that the state stays under 2 KiB.
pub const ENDPOINTS_MAX: usize = 16;

/// The model on the device, or why it cannot run there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Local {
    /// It runs here, in this time (microseconds).
    Ready(Estimate),
    /// It does not run here.
    Absent(Reason),
}

/// The owner's leave to send anything to the edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bundle {
    /// No endpoint told its policy yet.
    Unknown,
    /// The endpoints that answer refuse to tell their policy, in this word.
    Withheld(Outcome),
    /// The policy bundle is valid until this time, in microseconds.
    Until(u64),
    /// The endpoints say that they have no policy: bare model servers, or sidecars that were given none.
    Waived,
}

impl Bundle {
    /// Whether the owner's wishes are still to be heard.
    #[must_use]
    pub const fn is_unheard(self) -> bool {
        matches!(self, Self::Unknown | Self::Withheld(_))
    }

    /// Whether another one should be asked for whatever that costs, after a question at `asked_us`: in the second half of its
    /// life, and the sooner again the less is left of it.
    #[must_use]
    pub const fn is_urgent(self, now_us: u64, life_us: u64, asked_us: u64) -> bool {
        const PARTS: u64 = 4;
        let Self::Until(at_us) = self else { return false };
        let left_us = at_us.saturating_sub(now_us);
        0 < left_us && left_us <= life_us / 2 && left_us / PARTS <= now_us.saturating_sub(asked_us)
    }

    /// Whether there is one that is too old to act on.
    #[must_use]
    pub fn is_expired(self, now_us: u64) -> bool {
        matches!(self, Self::Until(at_us) if at_us <= now_us)
    }
}

/// Where requests went last, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whether that is the edge.
    pub at_edge: bool,
    /// When work moved there, in microseconds; `None` before the first decision.
    pub since_us: Option<u64>,
}

/// State of one model on one device.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// The owner's wishes.
    pub policy: OffloadPolicy,
    /// Power and capacity of the device.
    pub profile: Profile,
    /// The model here.
    pub local: Local,
    /// Whether there is a policy bundle, and for how long.
    pub bundle: Bundle,
    /// Longest request body that endpoints take, in bytes.
    pub payload_bytes_max: u64,
    /// Time in the model server that the bundle tells, in microseconds; 0 when unknown.
    pub service_told_us: f32,
    /// Where work stands.
    pub standing: Standing,
    /// What may be spent beside the requests.
    pub budget: Budget,
    /// When to look at a slow edge again.
    pub look: Look,
    /// When to ask for routes.
    pub guide: Guide,
    /// How much the site lets this device send.
    pub credits: Credits,
    /// What it all cost.
    pub account: Account,
    /// The radio, and when it may be woken for something that no request asked for.
    pub radio: Radio,
    /// When a run here last began or ended, or the first request came.
    ran_at: Option<When>,
    /// Until when the runs here that were begun keep the processor, in microseconds.
    pub(super) busy_until_us: u64,
    /// Kept up to date when something is learned, so that a pick need not look at all endpoints twice.
    fleet: FleetMean,
    endpoints: [Option<Endpoint>; ENDPOINTS_MAX],
}

impl Model {
    /// A model of which nothing is measured yet.
    #[must_use]
    pub fn new(policy: OffloadPolicy, profile: Profile, local: Local) -> Self {
        Self {
            policy,
            profile,
            local,
            bundle: Bundle::Unknown,
            payload_bytes_max: u64::MAX,
            service_told_us: 0.0,
            standing: Standing { at_edge: false, since_us: None },
            budget: Budget::default(),
            look: Look::default(),
            guide: Guide::default(),
            credits: Credits::default(),
            account: Account::default(),
            radio: Radio::default(),
            ran_at: None,
            busy_until_us: 0,
            fleet: FleetMean::default(),
            endpoints: [None; ENDPOINTS_MAX],
        }
    }

    /// Gives a new endpoint a place in the table; `None` when it is full.
    pub fn add_endpoint(&mut self) -> Option<EndpointId> {
        let free = self.endpoints.iter().position(Option::is_none)?;
        self.endpoints[free] = Some(Endpoint::unknown());
        Some(EndpointId(u8::try_from(free).expect("the table has fewer than 256 places")))
    }

    /// Forgets an endpoint. Requests still out there end as they end.
    pub fn remove_endpoint(&mut self, id: EndpointId) {
        if let Some(place) = self.endpoints.get_mut(usize::from(id.0)) {
            *place = None;
        }
    }

    /// Takes in what a sidecar told of an endpoint's load and what was true at `at_us`. Newer knowledge stays.
    pub fn routed(&mut self, now_us: u64, id: EndpointId, at_us: u64, load: LoadSeen) {
        if let Some(endpoint) = self.endpoint_mut(id) {
            endpoint.routed(at_us, load);
            self.learned(now_us);
        }
    }

    /// An endpoint that is new here answered in this time, and told its load.
    pub fn met(&mut self, now_us: u64, id: EndpointId, round_trip_us: u64, load: LoadSeen) {
        if let Some(endpoint) = self.endpoint_mut(id) {
            endpoint.round_trip(round_trip_us);
            endpoint.told(now_us, load);
            self.learned(now_us);
        }
    }

    /// The device is at another place: every way to the edge is another one, and is measured anew.
    pub fn moved(&mut self, now_us: u64) {
        self.guide.moved(now_us);
        self.endpoints.iter_mut().flatten().for_each(Endpoint::moved);
    }

    /// The link to an endpoint fades: while it still serves, others are asked for, and those that are known are heard and
    /// dialled again.
    pub(super) fn fades(&mut self, now_us: u64, id: EndpointId) {
        self.guide.hurry(now_us);
        let others = (0u8..).zip(&mut self.endpoints).filter(|(index, _)| *index != id.0);
        others
            .filter_map(|(_, place)| place.as_mut())
            .for_each(|endpoint| endpoint.wake(now_us, HURRY_EVERY_US));
    }

    /// Takes what was learned of an endpoint into the means over all.
    pub(super) fn learned(&mut self, now_us: u64) {
        self.fleet = FleetMean::over(self.endpoints.iter().flatten(), now_us);
    }

    /// What stands in where an endpoint's own figures are unknown or old.
    pub(super) fn fleet(&self) -> FleetMean {
        self.fleet
            .or(Guesses { kibibyte_us: self.profile.kibibyte_us(), service_told_us: self.service_told_us })
    }

    /// The places of the table.
    #[inline]
    pub(super) const fn places(&self) -> &[Option<Endpoint>; ENDPOINTS_MAX] {
        &self.endpoints
    }

    /// One endpoint, as long as it is known.
    #[must_use]
    pub fn endpoint(&self, id: EndpointId) -> Option<&Endpoint> {
        self.endpoints.get(usize::from(id.0))?.as_ref()
    }

    /// One endpoint, to learn about it.
    pub fn endpoint_mut(&mut self, id: EndpointId) -> Option<&mut Endpoint> {
        self.endpoints.get_mut(usize::from(id.0))?.as_mut()
    }

    /// The known endpoints.
    pub fn endpoints(&self) -> impl Iterator<Item = (EndpointId, &Endpoint)> {
        (0u8..).zip(&self.endpoints).filter_map(|(index, place)| Some((EndpointId(index), place.as_ref()?)))
    }

    /// What a run here would take, behind those that were begun, or why there may be none.
    pub fn here(&self, now_us: u64) -> Result<Forecast, Reason> {
        match self.local {
            Local::Absent(reason) => Err(reason),
            Local::Ready(_)
                if self.policy.mode == Mode::OffloadOnly && self.policy.fallback != Fallback::Local =>
            {
                Err(Reason::ModeOffloadOnly)
            }
            Local::Ready(estimate) => {
                let idle_us = self.ran_at.map_or(0, |at| at.age_us(now_us));
                let wait_us = self.busy_until_us.saturating_sub(now_us);
                Ok(Forecast::local(estimate.unused_for(idle_us as f32), wait_us as f32))
            }
        }
    }

    /// Why the input must not leave the device, if it must not.
    #[must_use]
    pub fn kept_here(&self, now_us: u64) -> Option<Reason> {
        match (self.policy.mode, self.policy.data_class, self.bundle) {
            (_, DataClass::Restricted, _) => Some(Reason::DataRestricted),
            (Mode::LocalOnly, _, _) => Some(Reason::ModeLocalOnly),
            (_, _, Bundle::Unknown) => Some(Reason::PolicyUnknown),
            (_, _, Bundle::Withheld(outcome)) => Some(Reason::Refused(outcome)),
            (_, _, bundle) if bundle.is_expired(now_us) => Some(Reason::BundleExpired),
            _ => None,
        }
    }

    /// A run here begins as soon as the processor is free: when that is, in microseconds.
    pub(super) fn occupy(&mut self, now_us: u64) -> u64 {
        let begins_us = now_us.max(self.busy_until_us);
        if let Local::Ready(estimate) = self.local {
            self.busy_until_us = begins_us + estimate.mean() as u64;
            self.ran_at = Some(When::at(now_us));
        }
        begins_us
    }

    /// A run here ended that began at `since_us`: the device's speed, and the processor is free for the next.
    pub(super) fn ran(&mut self, now_us: u64, since_us: u64) {
        if let Local::Ready(estimate) = &mut self.local {
            let expected_us = since_us + estimate.mean() as u64;
            let took_us = now_us.saturating_sub(since_us) as f32;
            estimate.add(took_us);
            self.ran_at = Some(When::at(now_us));
            self.account.device_microjoules += f64::from(self.profile.compute_milliwatts * took_us) / 1e3;
            // Runs that wait behind it end later or earlier by as much.
            self.busy_until_us = (self.busy_until_us + now_us).saturating_sub(expected_us);
        }
    }

    /// A run here goes on for nobody: it costs what it was expected to.
    pub(super) fn wasted(&mut self) {
        if let Local::Ready(estimate) = self.local {
            let nanojoules = self.profile.compute_milliwatts * estimate.mean();
            self.account.device_microjoules += f64::from(nanojoules) / 1e3;
        }
    }

    /// An answer of the edge made a run here unnecessary.
    pub(super) fn spared(&mut self) {
        if let Local::Ready(estimate) = self.local {
            let nanojoules = self.profile.compute_milliwatts * estimate.mean();
            self.account.saved_microjoules += f64::from(nanojoules) / 1e3;
        }
    }

    /// A request of so many bytes begins: a share of what it costs may be spent on curiosity. From the first one on the
    /// device's speed ages while it is not measured.
    pub(super) fn earn(&mut self, now_us: u64, on_battery: bool, bytes: u32) {
        self.budget.earn();
        self.ran_at.get_or_insert(When::at(now_us));
        let nanojoules = match self.local {
            Local::Ready(estimate) => self.profile.compute_milliwatts * estimate.mean(),
            Local::Absent(_) => {
                let transmit_us = bytes as f32 / 1_024.0 * self.profile.kibibyte_us();
                self.profile.exchange_nanojoules(bytes, transmit_us, transmit_us, f32::INFINITY)
            }
        };
        self.radio.earn(now_us, on_battery, nanojoules);
    }

    /// Whether an exchange that no request asked for is worth its energy now.
    #[must_use]
    pub fn may_wake_radio(&self, now_us: u64) -> bool {
        self.radio.may_wake(now_us, &self.profile)
    }

    /// An exchange that no request asked for begins.
    pub fn wake_radio(&mut self, now_us: u64) {
        let nanojoules = self.radio.pay(now_us, &self.profile);
        self.radio.works(now_us);
        self.account.edge_microjoules += f64::from(nanojoules) / 1e3;
    }

    /// An exchange with an endpoint that began at `since_us` is over.
    pub(super) fn exchanged(&mut self, now_us: u64, since_us: u64, id: EndpointId, bytes: u32) {
        let total_us = now_us.saturating_sub(since_us) as f32;
        let kibibyte_us = self.endpoint(id).map_or(0.0, |endpoint| endpoint.uplink.kibibyte_us(now_us, 0.0));
        let transmit_us = (bytes as f32 / 1_024.0 * kibibyte_us).min(total_us);
        let idle_us = self.radio.idle_us(since_us);
        let nanojoules = self.profile.exchange_nanojoules(bytes, transmit_us, total_us, idle_us);
        self.account.edge_microjoules += f64::from(nanojoules) / 1e3;
        self.account.edge_bytes += u64::from(bytes);
        self.radio.works(now_us);
    }

    /// Notes where work stands.
    pub(super) fn stand(&mut self, now_us: u64, at_edge: bool) {
        let is_first = self.standing.since_us.is_none();
        if self.standing.at_edge != at_edge || is_first {
            if !is_first {
                self.account.moves.moved(now_us);
            }
            self.standing = Standing { at_edge, since_us: Some(now_us) };
        }
    }
}
