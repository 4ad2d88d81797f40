//! Here or there: an ordered list of small questions, the first answer wins.

use wire::bundle::{Fallback, Mode, OffloadPolicy};

use super::clock;
use super::cost;
use super::estimate::Forecast;
use super::event::Start;
use super::model::Model;
use super::outcome::Reason;
use super::profile::Profile;
use super::route::Route;

/// What a decision is made from.
#[derive(Clone, Debug, PartialEq)]
pub struct Inputs {
    /// The owner's wishes.
    pub policy: OffloadPolicy,
    /// Power figures of the device.
    pub profile: Profile,
    /// Time left until the deadline, in microseconds.
    pub left_us: u64,
    /// Length of the request body for the edge, in bytes.
    pub bytes: u32,
    /// How long the radio has been idle, in microseconds; infinite before its first exchange.
    pub radio_idle_us: f32,
    /// Battery level; `None` on mains power.
    pub battery_percent: Option<f32>,
    /// Why the input must not leave the device, if it must not.
    pub kept_here: Option<Reason>,
    /// The model on the device, or why it cannot run there.
    pub local: Result<Forecast, Reason>,
    /// The best endpoint, or why there is none.
    pub edge: Result<Forecast, Reason>,
    /// Whether work stands at the edge.
    pub at_edge: bool,
    /// Whether it has stood there for the policy's dwell time.
    pub dwelt: bool,
    /// Whether one more move stays within the policy's flap limit.
    pub may_move: bool,
    /// How probable it may be that a request at the edge needs a run here after all, 0 to 1.
    pub hedge_chance_max: f32,
    /// Whether it is time to look at a slow edge again, and a run at both places can be afforded.
    pub may_look: bool,
    /// Whether the site lets the device send another request.
    pub has_credit: bool,
    /// Whether the way to the endpoint was never measured, or too long ago.
    pub edge_unmeasured: bool,
}

impl Inputs {
    /// The inputs of one request, from what is known at `now_us`.
    #[must_use]
    pub fn gather(model: &Model, now_us: u64, start: &Start, route: Result<Route, Reason>) -> Self {
        let dwell_us = u64::from(model.policy.min_dwell_seconds) * 1_000_000;
        Self {
            policy: model.policy.clone(),
            profile: model.profile,
            left_us: start.deadline_us.saturating_sub(now_us),
            bytes: start.bytes,
            radio_idle_us: model.radio.idle_us(now_us),
            battery_percent: start.battery_percent,
            kept_here: model.kept_here(now_us),
            local: model.here(now_us),
            edge: route.map(|route| route.forecast),
            at_edge: model.standing.at_edge,
            dwelt: model.standing.since_us.is_none_or(|since_us| since_us + dwell_us <= now_us),
            may_move: model.account.moves.allow_another(now_us, model.policy.max_moves_per_minute),
            hedge_chance_max: model.budget.hedge_chance_max(),
            may_look: model.look.is_due(now_us)
                && model.budget.affords_a_look()
                && model.may_wake_radio(now_us),
            has_credit: model.credits.has_one(now_us),
            edge_unmeasured: route
                .ok()
                .and_then(|route| model.endpoint(route.endpoint))
                .is_some_and(|endpoint| endpoint.uplink.has_faded(now_us)),
        }
    }

    /// How long the edge may stay silent before a run here must begin, in microseconds; not above 0 when at once.
    fn late_start_us(&self, here: Forecast) -> f32 {
        self.left_us as f32 - here.p95_us() - clock::slack_us(self.left_us) as f32
    }
}

/// Where a request goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The model on the device.
    Local,
    /// The best endpoint; the model on the device when it stays silent.
    Edge,
    /// Both at once; the first answer counts.
    Both,
    /// The last result again.
    Cached,
    /// Nowhere.
    Nothing,
}

/// A choice and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Where.
    pub choice: Choice,
    /// Why.
    pub reason: Reason,
}

/// Time is short when a run here that begins once the edge had this share of the time of such a run would end too late.
const SLACK_SHARE: f32 = 0.5;

/// Both places are begun for a gain in latency of at least this share of the local time.
const GAIN_LEAST: f32 = 0.03;

/// The edge is too slow when it would be late with this probability.
const LATE_CHANCE: f32 = 0.9;

type Question = fn(&Inputs) -> Option<Decision>;

/// The first answer wins.
const QUESTIONS: &[Question] = &[
    must_it_stay_here,
    is_there_no_edge,
    is_there_no_local_model,
    must_it_go_to_the_edge,
    are_credits_spent,
    should_the_battery_rest,
    is_one_place_too_slow,
    is_there_no_time_to_wait,
    is_a_hedge_too_probable,
    is_another_look_due,
];

/// Decides where a request goes first.
#[must_use]
pub fn decide(inputs: &Inputs) -> Decision {
    QUESTIONS.iter().find_map(|question| question(inputs)).unwrap_or_else(|| cheaper_place(inputs))
}

fn must_it_stay_here(inputs: &Inputs) -> Option<Decision> {
    let reason = inputs.kept_here?;
    Some(if inputs.local.is_ok() { local(reason) } else { without_a_place(inputs, reason) })
}

fn is_there_no_edge(inputs: &Inputs) -> Option<Decision> {
    let reason = inputs.edge.err()?;
    Some(if inputs.local.is_ok() { local(reason) } else { without_a_place(inputs, reason) })
}

fn is_there_no_local_model(inputs: &Inputs) -> Option<Decision> {
    let reason = inputs.local.err()?;
    Some(if edge_meets(inputs) { edge(reason) } else { look_or(inputs, fallback(inputs)) })
}

fn must_it_go_to_the_edge(inputs: &Inputs) -> Option<Decision> {
    (inputs.policy.mode == Mode::OffloadOnly).then(|| {
        if edge_meets(inputs) { edge(Reason::ModeOffloadOnly) } else { look_or(inputs, fallback(inputs)) }
    })
}

/// Only where the device can help itself in time: a request without credit is better than no answer, and admission decides.
fn are_credits_spent(inputs: &Inputs) -> Option<Decision> {
    let can_wait = inputs.local.is_ok_and(|here| here.mean_us <= inputs.left_us as f32);
    (!inputs.has_credit && can_wait).then(|| local(Reason::CreditsSpent))
}

fn should_the_battery_rest(inputs: &Inputs) -> Option<Decision> {
    let low = f32::from(inputs.policy.battery_low_percent);
    let is_low = inputs.battery_percent.is_some_and(|battery| battery < low);
    (is_low && edge_meets(inputs)).then(|| edge(Reason::BatteryLow))
}

fn is_one_place_too_slow(inputs: &Inputs) -> Option<Decision> {
    let (Ok(here), Ok(there)) = (inputs.local, inputs.edge) else { return None };
    let left_us = inputs.left_us as f32;
    match (here.mean_us <= left_us, there.chance_after(left_us) < LATE_CHANCE) {
        (true, true) => None,
        (true, false) => Some(look_or(inputs, local(Reason::EdgeTooSlow))),
        (false, true) => Some(edge(Reason::LocalTooSlow)),
        (false, false) => Some(fallback(inputs)),
    }
}

/// Without the time to wait for the edge first: both, where that is worth it.
fn is_there_no_time_to_wait(inputs: &Inputs) -> Option<Decision> {
    let (Ok(here), Ok(there)) = (inputs.local, inputs.edge) else { return None };
    let late_start_us = inputs.late_start_us(here);
    if SLACK_SHARE * here.mean_us <= late_start_us {
        return None;
    }
    let costs = cost::of(inputs, here, there, late_start_us);
    let gains = costs.both <= costs.local * (1.0 - GAIN_LEAST);
    Some(if gains { both(Reason::NoSlack) } else { look_or(inputs, local(Reason::EdgeTooSlow)) })
}

fn is_a_hedge_too_probable(inputs: &Inputs) -> Option<Decision> {
    let (Ok(here), Ok(there)) = (inputs.local, inputs.edge) else { return None };
    let chance = there.chance_after(inputs.late_start_us(here));
    (inputs.hedge_chance_max < chance).then(|| look_or(inputs, local(Reason::HedgeBudget)))
}

/// What the edge was a while ago, or a guess, must not keep work here for ever. Where only the owner's margin, dwell
/// time or flap limit does, a recent figure is enough.
fn is_another_look_due(inputs: &Inputs) -> Option<Decision> {
    let Decision { choice, reason } = cheaper_place(inputs);
    let is_unsure = inputs.edge_unmeasured || reason == Reason::LocalCheaper;
    (choice == Choice::Local && is_unsure && inputs.may_look).then(|| both(Reason::Exploring))
}

/// The cheaper place, but work moves only for a gain above the margin, after the dwell time and within the flap limit.
fn cheaper_place(inputs: &Inputs) -> Decision {
    let (Ok(here), Ok(there)) = (inputs.local, inputs.edge) else { return fallback(inputs) };
    let costs = cost::of(inputs, here, there, inputs.late_start_us(here));
    let edge_is_cheaper = costs.edge < costs.local;
    if edge_is_cheaper == inputs.at_edge {
        return if edge_is_cheaper { edge(Reason::EdgeCheaper) } else { local(Reason::LocalCheaper) };
    }
    let (stay, go) = if inputs.at_edge { (costs.edge, costs.local) } else { (costs.local, costs.edge) };
    let margin = f32::from(inputs.policy.latency_margin_percent) / 100.0;
    let moves = go <= stay * (1.0 - margin);
    match (moves, inputs.dwelt, inputs.may_move) {
        (true, true, true) if edge_is_cheaper => edge(Reason::EdgeCheaper),
        (true, true, true) => local(Reason::LocalCheaper),
        (true, true, false) => staying(inputs, Reason::FlapLimit),
        (true, false, _) => staying(inputs, Reason::Dwell),
        (false, ..) => staying(inputs, Reason::WithinMargin),
    }
}

/// A look at an edge that was too slow, when one is due; the device answers beside it, if it can.
fn look_or(inputs: &Inputs, otherwise: Decision) -> Decision {
    match (inputs.may_look, inputs.local.is_ok()) {
        (false, _) => otherwise,
        (true, true) => both(Reason::Exploring),
        (true, false) => edge(Reason::Exploring),
    }
}

/// The policy's fallback. A place that is probably too slow is better than none, unless the owner says `Fail`.
fn fallback(inputs: &Inputs) -> Decision {
    match (inputs.policy.fallback, inputs.local.is_ok()) {
        (Fallback::Local, true) => local(Reason::Fallback),
        (Fallback::Local, false) => edge(Reason::Fallback),
        (Fallback::CachedResult | Fallback::Fail, _) => without_a_place(inputs, Reason::Fallback),
    }
}

fn without_a_place(inputs: &Inputs, reason: Reason) -> Decision {
    let cached = inputs.policy.fallback == Fallback::CachedResult;
    Decision { choice: if cached { Choice::Cached } else { Choice::Nothing }, reason }
}

fn edge_meets(inputs: &Inputs) -> bool {
    inputs.edge.is_ok_and(|forecast| forecast.meets(inputs.left_us))
}

fn staying(inputs: &Inputs, reason: Reason) -> Decision {
    if inputs.at_edge { edge(reason) } else { local(reason) }
}

const fn local(reason: Reason) -> Decision {
    Decision { choice: Choice::Local, reason }
}

const fn edge(reason: Reason) -> Decision {
    Decision { choice: Choice::Edge, reason }
}

const fn both(reason: Reason) -> Decision {
    Decision { choice: Choice::Both, reason }
}
