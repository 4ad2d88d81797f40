//! Time of one decision with sixteen endpoints known, and the size of the state. `cargo bench -p longshore-device`.

use std::hint::black_box;
use std::time::Instant;

use longshore_device::core::endpoint::LoadSeen;
use longshore_device::core::estimate::Estimate;
use longshore_device::core::event::Start;
use longshore_device::core::model::{Bundle, ENDPOINTS_MAX, Local, Model};
use longshore_device::core::probe::Question;
use longshore_device::core::profile::Profile;
use longshore_device::core::request::Request;
use longshore_device::core::route;
use wire::bundle::OffloadPolicy;

const ROUNDS: u32 = 1_000_000;

fn main() {
    let mut speed = Estimate::guess(0.0, 0.0);
    speed.add(40_000.0);
    let mut model = Model::new(OffloadPolicy::default(), Profile::default(), Local::Ready(speed));
    model.bundle = Bundle::Until(u64::MAX);
    for index in 0..ENDPOINTS_MAX {
        let id = model.add_endpoint().expect("the table has room");
        let load = LoadSeen { wait_us: 100.0 * index as f32, service_p95_us: 5_000.0, draining: false };
        model.probed(0, 0, (id, Question::Load), Some((2_000, load)));
    }
    let start = Start { deadline_us: 1_200_000, bytes: 196_608, battery_percent: Some(60.0) };
    println!("state of one model          {:>6} bytes", size_of::<Model>());
    println!("state of one request        {:>6} bytes", size_of::<Request>());
    per_round("pick among 16 endpoints", |round| {
        black_box(route::first(&model, 1_000_000, round.wrapping_mul(2_654_435_761), &start)).is_ok()
    });
    per_round("decide: pick, cost, effects", |round| {
        let (mut request, effects) =
            Request::start(1_000_000, round.wrapping_mul(2_654_435_761), start, black_box(&mut model));
        request.abandon(&mut model);
        black_box(effects).into_iter().count() > 0
    });
}

fn per_round(what: &str, mut work: impl FnMut(u32) -> bool) {
    let started = Instant::now();
    let done = (0..ROUNDS).filter(|round| work(*round)).count();
    let nanoseconds = started.elapsed().as_nanos() / u128::from(ROUNDS);
    println!("{what:<27} {nanoseconds:>6} ns ({done} rounds)");
}
