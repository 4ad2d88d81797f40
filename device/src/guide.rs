//! Follows routes: asks an endpoint which ones to use, and gets to know new ones before any request goes there.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tracing::debug;
use wire::routes::{NAMES_MAX, Observed, Route, RouteDevice, RouteModel, RouteQuestion, Routes};

use crate::core::endpoint::{Endpoint, EndpointId, LoadSeen};
use crate::core::model::Model;
use crate::directory::{Directory, Entry};
use crate::http::connection::Connections;
use crate::http::control::{self, Guidance};
use crate::http::reply::micros;
use crate::learner;
use crate::state::Shared;

/// Endpoints asked, one after the other, until one answers.
const ASKED_MAX: usize = 3;

/// Endpoints of an answer that are looked at.
const FOLLOWED_MAX: usize = 8;

/// An answer that names no time is good for this long.
const TTL: Duration = Duration::from_secs(15);

/// Who does not know the question is asked again after this long: it may have been replaced by then.
const UNKNOWN_TTL: Duration = Duration::from_secs(60);

/// Credits count for this many times as long as the order that they came with; after that nobody knows them any more.
const CREDITS_TTLS: u64 = 2;

/// Asks for routes in the background when it is time.
pub(crate) fn ask_when_due(shared: &Arc<Shared>) {
    let now_us = shared.now_us();
    let mut state = shared.lock();
    let random = state.random.next_u32();
    // Without anybody to ask nothing is sent.
    if !state.directory.entries().is_empty() && state.model.asks_for_routes(now_us, random) {
        tokio::spawn(ask(Arc::clone(shared)));
    }
}

async fn ask(shared: Arc<Shared>) {
    let question = question(&shared);
    for connections in to_ask(&shared) {
        match control::routes(&connections, &question).await {
            Ok(Guidance::Routes(routes)) => return follow(&shared, routes).await,
            Ok(Guidance::Stay) => return shared.heed(TTL),
            Ok(Guidance::Later(pause)) => return shared.heed(pause),
            Ok(Guidance::Unknown) => return shared.heed(UNKNOWN_TTL),
            Err(error) => debug!(%error, "an endpoint did not tell routes"),
        }
    }
}

/// What is known here and matters there.
fn question(shared: &Shared) -> RouteQuestion {
    let now_us = shared.now_us();
    let state = shared.lock();
    let (payload_bytes, deadline_milliseconds) = state.asked.unzip();
    let named = || {
        let entries = state.directory.entries().iter();
        entries
            .filter_map(|entry| Some((entry.name.clone()?, state.model.endpoint(entry.id)?)))
            .take(NAMES_MAX)
    };
    let observed = named().map(|(endpoint_id, endpoint)| Observed {
        endpoint_id,
        rtt_milliseconds: endpoint.measured_round_trip_us().map(|us| us / 1_000.0),
        uplink_kilobits_per_second: endpoint.measured_uplink_kilobits(now_us),
    });
    let is_out = |(name, endpoint): (String, &Endpoint)| (!endpoint.breaker.is_closed()).then_some(name);
    RouteQuestion {
        model: RouteModel { name: shared.model_name.clone(), digest: None },
        payload_bytes: payload_bytes.unwrap_or(0).into(),
        deadline_milliseconds,
        data_class: state.model.policy.data_class,
        device: RouteDevice { class: state.class.clone(), zone_hint: state.zone.clone() },
        observed: observed.collect(),
        exclude: named().filter_map(is_out).collect(),
    }
}

/// Any of those that answer, so that not all devices ask the one that all were given; then the others.
fn to_ask(shared: &Shared) -> Vec<Arc<Connections>> {
    let mut state = shared.lock();
    let random = state.random.next_u32();
    let answers = |entry: &&Entry| state.model.endpoint(entry.id).is_some_and(|known| known.is_answering());
    let (mut all, silent): (Vec<&Entry>, Vec<&Entry>) = state.directory.entries().iter().partition(answers);
    let first = random as usize % all.len().max(1);
    all.rotate_left(first);
    all.extend(silent);
    all.iter().take(ASKED_MAX).map(|entry| Arc::clone(&entry.connections)).collect()
}

/// Takes an answer in: loads at once, new endpoints once they are known to answer, a new policy where there is one.
async fn follow(shared: &Arc<Shared>, routes: Routes) {
    let ttl = Duration::from_millis(routes.ttl_milliseconds.into());
    shared.heed(ttl);
    let (newcomers, has_new_policy) = {
        let now_us = shared.now_us();
        let state = &mut *shared.lock();
        let credits = routes.credits;
        let until_us = now_us.saturating_add(CREDITS_TTLS * micros(ttl));
        let period_us = u64::from(credits.per_milliseconds) * 1_000;
        state.model.credits.grant(now_us, until_us, credits.requests, period_us);
        let held = state.bundle.as_ref().map(|bundle| bundle.revision.as_str());
        let is_new = !routes.policy_revision.is_empty() && held != Some(routes.policy_revision.as_str());
        let routes = routes.application_endpoints.into_iter().take(FOLLOWED_MAX);
        let newcomers: Vec<Route> =
            routes.filter(|route| !told(now_us, route, &mut state.directory, &mut state.model)).collect();
        (newcomers, is_new)
    };
    meet(shared, newcomers).await;
    if has_new_policy {
        learner::learn_policy(shared).await.ok();
    }
}

/// Takes in what a route says of an endpoint that is known; false when it is not.
fn told(now_us: u64, route: &Route, directory: &mut Directory, model: &mut Model) -> bool {
    let Some(id) = directory.route(now_us, &route.endpoint_id, &route.url, model) else { return false };
    load(now_us, route, id, model);
    true
}

fn load(now_us: u64, route: &Route, id: EndpointId, model: &mut Model) {
    let Some(age_ms) = route.load_age_milliseconds else { return };
    let micros = |milliseconds: f32| milliseconds.clamp(0.0, 60_000.0) * 1_000.0;
    let load = LoadSeen {
        wait_us: micros(route.estimated_wait_milliseconds),
        service_p95_us: micros(route.service_time_p95_milliseconds),
        draining: false,
    };
    model.routed(now_us, id, now_us.saturating_sub(u64::from(age_ms) * 1_000), load);
}

/// Dials new endpoints. One that answers, and by the name that it was announced by, may have requests from then on, on a
/// connection that is open.
async fn meet(shared: &Arc<Shared>, newcomers: Vec<Route>) {
    let mut meetings = JoinSet::new();
    for route in newcomers {
        let Some(connections) = shared.lock().directory.dial(&route.url) else { continue };
        meetings.spawn(async move {
            let met = async {
                let identity = control::identity(&connections).await?;
                control::load(&connections).await.map(|(report, took)| (identity, report, took))
            };
            (met.await, connections, route)
        });
    }
    while let Some(Ok((met, connections, route))) = meetings.join_next().await {
        match met {
            Ok((identity, report, took)) if identity.endpoint_id == route.endpoint_id => {
                let now_us = shared.now_us();
                let state = &mut *shared.lock();
                let entering = (route.endpoint_id.as_str(), connections);
                if let Some(id) = state.directory.enter(now_us, entering, &mut state.model) {
                    state.model.met(now_us, id, micros(took), LoadSeen::from(&report));
                }
            }
            Ok((identity, ..)) => {
                debug!(
                    wanted = route.endpoint_id,
                    found = identity.endpoint_id,
                    "another endpoint answers there"
                );
            }
            Err(error) => debug!(%error, "a route leads to nobody"),
        }
    }
}

impl Shared {
    /// No question for so long.
    fn heed(&self, ttl: Duration) {
        let now_us = self.now_us();
        self.lock().model.guide.answered(now_us, micros(ttl));
    }
}
