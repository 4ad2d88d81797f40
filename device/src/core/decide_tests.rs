use wire::bundle::{Fallback, Mode, OffloadPolicy};

use super::decide::{Choice, Decision, Inputs, decide};
use super::estimate::Forecast;
use super::outcome::Reason;
use super::profile::Profile;

/// A camera on a good network: 40 ms here, 60 ms there, 200 ms to answer, a full battery.
fn ordinary_camera() -> Inputs {
    Inputs {
        policy: OffloadPolicy::default(),
        profile: Profile::default(),
        left_us: 200_000,
        bytes: 50_000,
        radio_idle_us: f32::INFINITY,
        battery_percent: Some(100.0),
        kept_here: None,
        local: Ok(Forecast { mean_us: 40_000.0, deviation_us: 1_000.0, transmit_us: 0.0, queue_us: 0.0 }),
        edge: Ok(Forecast { mean_us: 60_000.0, deviation_us: 3_000.0, transmit_us: 45_000.0, queue_us: 0.0 }),
        at_edge: false,
        dwelt: true,
        may_move: true,
        hedge_chance_max: 0.1,
        may_look: false,
        has_credit: true,
        edge_unmeasured: false,
    }
}

#[track_caller]
fn check(change: impl FnOnce(&mut Inputs), choice: Choice, reason: Reason) {
    let mut inputs = ordinary_camera();
    change(&mut inputs);
    assert_eq!(decide(&inputs), Decision { choice, reason });
}

const QUICK_EDGE: Forecast =
    Forecast { mean_us: 8_000.0, deviation_us: 500.0, transmit_us: 4_000.0, queue_us: 0.0 };

#[test]
fn an_ordinary_camera_stays_on_the_device() {
    check(|_| {}, Choice::Local, Reason::LocalCheaper);
}

#[test]
fn the_owner_may_keep_work_on_the_device() {
    check(|inputs| inputs.kept_here = Some(Reason::ModeLocalOnly), Choice::Local, Reason::ModeLocalOnly);
}

#[test]
fn restricted_data_stays_even_without_a_model_here() {
    let change = |inputs: &mut Inputs| {
        inputs.kept_here = Some(Reason::DataRestricted);
        inputs.local = Err(Reason::NoLocalModel);
    };
    check(change, Choice::Nothing, Reason::DataRestricted);
}

#[test]
fn the_owner_may_send_all_work_to_the_edge() {
    check(|inputs| inputs.policy.mode = Mode::OffloadOnly, Choice::Edge, Reason::ModeOffloadOnly);
}

#[test]
fn offload_only_falls_back_when_the_edge_is_too_slow() {
    let change = |inputs: &mut Inputs| {
        inputs.policy.mode = Mode::OffloadOnly;
        inputs.left_us = 50_000;
    };
    check(change, Choice::Local, Reason::Fallback);
}

#[test]
fn no_endpoint_means_the_device() {
    check(|inputs| inputs.edge = Err(Reason::NoEndpoint), Choice::Local, Reason::NoEndpoint);
}

#[test]
fn a_model_too_large_for_the_device_means_the_edge() {
    check(|inputs| inputs.local = Err(Reason::ModelTooLarge), Choice::Edge, Reason::ModelTooLarge);
}

#[test]
fn neither_place_repeats_the_last_answer_if_the_owner_wants_that() {
    let change = |inputs: &mut Inputs| {
        inputs.local = Err(Reason::NoLocalModel);
        inputs.edge = Err(Reason::EndpointsUnreachable);
        inputs.policy.fallback = Fallback::CachedResult;
    };
    check(change, Choice::Cached, Reason::EndpointsUnreachable);
}

#[test]
fn a_low_battery_means_the_edge_although_the_device_is_faster() {
    check(|inputs| inputs.battery_percent = Some(19.9), Choice::Edge, Reason::BatteryLow);
}

#[test]
fn the_battery_threshold_itself_is_not_low() {
    let change = |inputs: &mut Inputs| {
        inputs.battery_percent = Some(20.0);
        // Sending costs a radio of this kind more than computing.
        inputs.profile.transmit_milliwatts = 5_000.0;
    };
    check(change, Choice::Local, Reason::LocalCheaper);
}

#[test]
fn a_low_battery_stays_on_the_device_when_the_edge_would_be_late() {
    let change = |inputs: &mut Inputs| {
        inputs.battery_percent = Some(5.0);
        inputs.left_us = 62_000;
    };
    check(change, Choice::Local, Reason::EdgeTooSlow);
}

#[test]
fn an_uncertain_uplink_counts_with_its_spread() {
    let change = |inputs: &mut Inputs| {
        inputs.edge =
            Ok(Forecast { mean_us: 60_000.0, deviation_us: 80_000.0, transmit_us: 45_000.0, queue_us: 0.0 });
        inputs.battery_percent = Some(5.0);
        inputs.hedge_chance_max = 0.05;
    };
    check(change, Choice::Local, Reason::HedgeBudget);
}

#[test]
fn a_probable_hedge_is_taken_where_hedges_are_left() {
    let change = |chance: f32| {
        move |inputs: &mut Inputs| {
            // One in five is later than the 141 ms at which a run here has to begin.
            inputs.edge = Ok(Forecast {
                mean_us: 110_000.0,
                deviation_us: 30_000.0,
                transmit_us: 95_000.0,
                queue_us: 0.0,
            });
            inputs.battery_percent = Some(21.0);
            inputs.profile.compute_milliwatts = 12_000.0;
            inputs.hedge_chance_max = chance;
        }
    };
    check(change(0.3), Choice::Edge, Reason::EdgeCheaper);
    check(change(0.1), Choice::Local, Reason::HedgeBudget);
}

#[test]
fn without_time_to_wait_both_are_begun() {
    let change = |inputs: &mut Inputs| {
        inputs.left_us = 60_000;
        inputs.battery_percent = None;
        inputs.edge = Ok(QUICK_EDGE);
    };
    check(change, Choice::Both, Reason::NoSlack);
}

#[test]
fn without_time_to_wait_a_slower_edge_is_left_alone() {
    let change = |inputs: &mut Inputs| {
        inputs.left_us = 62_000;
        inputs.battery_percent = None;
    };
    check(change, Choice::Local, Reason::EdgeTooSlow);
}

#[test]
fn a_slow_edge_is_looked_at_again_beside_a_run_here() {
    let change = |inputs: &mut Inputs| {
        inputs.edge =
            Ok(Forecast { mean_us: 400_000.0, deviation_us: 1_000.0, transmit_us: 0.0, queue_us: 0.0 });
        inputs.may_look = true;
    };
    check(change, Choice::Both, Reason::Exploring);
}

#[test]
fn the_owners_margin_is_no_reason_to_look_unless_all_is_a_guess() {
    let change = |unmeasured: bool| {
        move |inputs: &mut Inputs| {
            inputs.edge = Ok(QUICK_EDGE);
            inputs.policy.latency_margin_percent = 100;
            inputs.may_look = true;
            inputs.edge_unmeasured = unmeasured;
        }
    };
    check(change(false), Choice::Local, Reason::WithinMargin);
    check(change(true), Choice::Both, Reason::Exploring);
}

#[test]
fn a_device_too_slow_for_the_deadline_means_the_edge() {
    let slow = Forecast { mean_us: 400_000.0, deviation_us: 10_000.0, transmit_us: 0.0, queue_us: 0.0 };
    check(|inputs| inputs.local = Ok(slow), Choice::Edge, Reason::LocalTooSlow);
}

#[test]
fn no_place_in_time_means_the_declared_fallback() {
    let change = |inputs: &mut Inputs| inputs.left_us = 10_000;
    check(change, Choice::Local, Reason::Fallback);
    let change = |inputs: &mut Inputs| {
        inputs.left_us = 10_000;
        inputs.policy.fallback = Fallback::Fail;
    };
    check(change, Choice::Nothing, Reason::Fallback);
}

#[test]
fn a_much_cheaper_edge_gets_the_work() {
    check(|inputs| inputs.edge = Ok(QUICK_EDGE), Choice::Edge, Reason::EdgeCheaper);
}

#[test]
fn a_gain_below_the_margin_moves_nothing() {
    let change = |inputs: &mut Inputs| {
        inputs.battery_percent = None;
        inputs.edge =
            Ok(Forecast { mean_us: 36_000.0, deviation_us: 500.0, transmit_us: 4_000.0, queue_us: 0.0 });
    };
    check(change, Choice::Local, Reason::WithinMargin);
}

#[test]
fn work_that_moved_a_moment_ago_stays() {
    let change = |inputs: &mut Inputs| {
        inputs.edge = Ok(QUICK_EDGE);
        inputs.dwelt = false;
    };
    check(change, Choice::Local, Reason::Dwell);
}

#[test]
fn work_that_moved_too_often_stays() {
    let change = |inputs: &mut Inputs| {
        inputs.edge = Ok(QUICK_EDGE);
        inputs.may_move = false;
    };
    check(change, Choice::Local, Reason::FlapLimit);
    let change = |inputs: &mut Inputs| {
        inputs.battery_percent = None;
        inputs.at_edge = true;
        inputs.may_move = false;
    };
    check(change, Choice::Edge, Reason::FlapLimit);
}

#[test]
fn energy_counts_more_as_the_battery_falls() {
    // There a little slower than here, and cheaper in energy.
    let edge = Forecast { mean_us: 60_000.0, deviation_us: 300.0, transmit_us: 10_000.0, queue_us: 0.0 };
    let change = |level: f32| {
        move |inputs: &mut Inputs| {
            inputs.edge = Ok(edge);
            inputs.left_us = 115_000;
            inputs.battery_percent = Some(level);
        }
    };
    check(change(100.0), Choice::Local, Reason::LocalCheaper);
    check(change(25.0), Choice::Edge, Reason::EdgeCheaper);
}

#[test]
fn without_credit_the_device_answers_itself_where_it_can_in_time() {
    let without = |change: fn(&mut Inputs)| {
        move |inputs: &mut Inputs| {
            inputs.has_credit = false;
            inputs.edge = Ok(QUICK_EDGE);
            inputs.battery_percent = Some(5.0);
            change(inputs);
        }
    };
    check(without(|_| {}), Choice::Local, Reason::CreditsSpent);
    check(without(|inputs| inputs.left_us = 20_000), Choice::Edge, Reason::BatteryLow);
    check(without(|inputs| inputs.local = Err(Reason::NoLocalModel)), Choice::Edge, Reason::NoLocalModel);
}
