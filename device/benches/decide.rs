//! Time of one decision with sixteen endpoints known, of tower's choice among as many in the same rounds, and the size of
//! the state. `cargo bench -p longshore-device`; nothing is asserted.

use std::array;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use longshore_device::core::endpoint::{EndpointId, Exchange, LoadSeen};
use longshore_device::core::estimate::Estimate;
use longshore_device::core::event::Start;
use longshore_device::core::model::{Bundle, ENDPOINTS_MAX, Local, Model};
use longshore_device::core::probe::Question;
use longshore_device::core::profile::Profile;
use longshore_device::core::request::Request;
use longshore_device::core::route;
use tower::Service;
use tower::balance::p2c::Balance;
use tower::discover::ServiceList;
use tower::load::{CompleteOnResponse, PeakEwma};
use wire::bundle::OffloadPolicy;

const ROUNDS: usize = 1_001;
const TIMES: u32 = 2_000;

const START: Start = Start { deadline_us: 1_200_000, bytes: 196_608, battery_percent: Some(60.0) };

fn main() {
    println!("state of one model          {:>6} bytes", size_of::<Model>());
    println!("state of one request        {:>6} bytes", size_of::<Request>());
    let (fresh, mut model, mut old) = (model(), model(), model());
    for index in 0..ENDPOINTS_MAX {
        let exchange = Exchange { total_us: 300_000, queue_us: 0, service_us: 5_000, bytes: START.bytes };
        old.endpoint_mut(EndpointId(index as u8)).expect("it was added").measured(0, exchange);
    }
    let mut balance = Balance::new(ServiceList::new::<()>((0..ENDPOINTS_MAX).map(|_| measured())));
    let mut alone = measured();
    // Short, and in turn: what else runs on the machine then troubles few of them, and all alike.
    let rounds: [[f64; 5]; ROUNDS] = array::from_fn(|_| {
        [
            nanoseconds(|random| black_box(route::first(&fresh, 1_000_000, random, &START)).is_ok()),
            nanoseconds(|random| black_box(route::first(&old, 8_000_000, random, &START)).is_ok()),
            nanoseconds(|random| decide(&mut model, random)),
            nanoseconds(|_| call(&mut balance)),
            nanoseconds(|_| call(&mut alone)),
        ]
    });
    show("pick among 16 endpoints", "ns", rounds.map(|[pick, ..]| pick));
    show("the same, all is stale", "ns", rounds.map(|[_, stale, ..]| stale));
    show("decide: pick, cost, effects", "ns", rounds.map(|[_, _, decide, ..]| decide));
    show("tower: pick among 16, call", "ns", rounds.map(|[.., two, _]| two));
    show("tower: call", "ns", rounds.map(|[.., one]| one));
    show("tower's pick of ours", "times", rounds.map(|[pick, .., two, one]| (two - one) / pick));
}

/// A model that heard of as many endpoints as it can.
fn model() -> Model {
    let mut speed = Estimate::guess(0.0, 0.0);
    speed.add(40_000.0);
    let mut model = Model::new(OffloadPolicy::default(), Profile::default(), Local::Ready(speed));
    model.bundle = Bundle::Until(u64::MAX);
    for index in 0..ENDPOINTS_MAX {
        let id = model.add_endpoint().expect("the table has room");
        let load = LoadSeen { wait_us: 100.0 * index as f32, service_p95_us: 5_000.0, draining: false };
        model.probed(0, 0, (id, Question::Load), Some((2_000, load)));
    }
    model
}

fn decide(model: &mut Model, random: u32) -> bool {
    let (mut request, effects) = Request::start(1_000_000, random, START, black_box(model));
    request.abandon(model);
    black_box(effects).into_iter().count() > 0
}

/// A service that answers at once, as tower measures it for its choice.
fn measured() -> PeakEwma<Idle> {
    PeakEwma::new(Idle, Duration::from_millis(5), 1e9, CompleteOnResponse::default())
}

struct Idle;

impl Service<()> for Idle {
    type Response = ();
    type Error = Infallible;
    type Future = Ready<Result<(), Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, (): ()) -> Self::Future {
        ready(Ok(()))
    }
}

fn call(service: &mut impl Service<(), Response = ()>) -> bool {
    let mut context = Context::from_waker(Waker::noop());
    service.poll_ready(&mut context).is_ready() && pin!(service.call(())).poll(&mut context).is_ready()
}

fn nanoseconds(mut work: impl FnMut(u32) -> bool) -> f64 {
    let began = Instant::now();
    let done = (0..TIMES).filter(|number| work(number.wrapping_mul(2_654_435_761))).count();
    assert_eq!(done, TIMES as usize);
    began.elapsed().as_secs_f64() * 1e9 / f64::from(TIMES)
}

fn show(what: &str, unit: &str, mut values: [f64; ROUNDS]) {
    values.sort_by(f64::total_cmp);
    let [low, median, high] = [10, 50, 90].map(|percent| values[ROUNDS * percent / 100]);
    println!("{what:<27} {median:>6.1} {unit:<5} ({low:.1} to {high:.1} in eight rounds of ten)");
}
