//! Learns who the endpoints are, the policy, and the model's description.
//!
//! Every question has a short limit. It is asked in the background; only a request of a device that can do nothing itself
//! asks for what it lacks and waits, until its deadline.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;
use tracing::{debug, warn};
use wire::Outcome;

use crate::bundle_file;
use crate::http::connection::{Connections, ExchangeError};
use crate::http::control::{self, Offer, Tagged};
use crate::state::Shared;

/// Between two questions for the policy once there is one, and while there is none.
const POLICY_EVERY: Duration = Duration::from_secs(30);
const POLICY_RETRY: Duration = Duration::from_secs(2);

/// Endpoints asked for the policy at once; the first answer is taken.
const ASKED_MAX: usize = 4;

/// Keeps the policy fresh until the device is dropped.
pub(crate) async fn refresh_for_ever(shared: Weak<Shared>) {
    let mut asked_us = 0;
    loop {
        let (is_known, jitter) = {
            let Some(shared) = shared.upgrade() else { return };
            let mut state = shared.lock();
            let bundle = state.model.bundle;
            (!bundle.is_unheard() && !bundle.is_expired(shared.now_us()), state.random.fraction())
        };
        let pause = if is_known { POLICY_EVERY } else { POLICY_RETRY };
        sleep(pause.mul_f64(0.75 + jitter / 2.0)).await;
        let Some(shared) = shared.upgrade() else { return };
        if may_refresh(&shared, asked_us) {
            asked_us = shared.now_us();
            refresh(&shared).await;
        }
    }
}

/// Whether what is to be learned is worth waking the radio for: a policy that is about to expire is, and so is any to a device
/// in use that can do nothing without. The last question left at `asked_us`.
fn may_refresh(shared: &Shared, asked_us: u64) -> bool {
    let now_us = shared.now_us();
    let mut state = shared.lock();
    let model = &state.model;
    let has_leave = !model.bundle.is_unheard() && !model.bundle.is_expired(now_us);
    let is_helpless = shared.local.is_none() && !has_leave && model.radio.is_in_use(now_us);
    let life_us = u64::from(model.policy.bundle_ttl_seconds) * 1_000_000;
    let may =
        is_helpless || model.bundle.is_urgent(now_us, life_us, asked_us) || model.may_wake_radio(now_us);
    let asks = may && !state.directory.entries().is_empty();
    if asks {
        state.model.wake_radio(now_us);
    }
    asks
}

/// Asks endpoints for their names, the policy and, where no model is here, the model's description.
pub(crate) async fn refresh(shared: &Arc<Shared>) {
    learn_names(shared).await;
    // Why not is logged, and asked again soon.
    learn_policy(shared).await.ok();
    if shared.local.is_none() && shared.lock().metadata.is_none() {
        learn_metadata(shared).await;
    }
}

async fn learn_names(shared: &Arc<Shared>) {
    let mut questions = JoinSet::new();
    for entry in shared.lock().directory.entries().iter().filter(|entry| entry.name.is_none()) {
        let (id, connections) = (entry.id, Arc::clone(&entry.connections));
        questions.spawn(async move { (id, control::identity(&connections).await) });
    }
    while let Some(Ok((id, identity))) = questions.join_next().await {
        match identity {
            Ok(info) => {
                let state = &mut *shared.lock();
                state.directory.identify(id, &info.endpoint_id, &mut state.model);
            }
            Err(error) => debug!(%error, "an endpoint did not tell its name"),
        }
    }
}

/// Asks for the policy until an endpoint tells it, or says that it has none and no other tells one; else why the last one did
/// not answer.
pub(crate) async fn learn_policy(shared: &Arc<Shared>) -> Result<(), String> {
    let tag = shared.lock().bundle_tag.clone();
    let mut questions = JoinSet::new();
    for connections in best_first(shared) {
        let (name, tag) = (shared.model_name.clone(), tag.clone());
        questions.spawn(async move { control::policy(&connections, &name, tag).await });
    }
    let not_found = shared.lock().search_trouble.clone();
    let mut trouble = not_found.unwrap_or_else(|| "no endpoint is known".to_owned());
    let (mut has_none, mut refusal) = (false, None);
    while let Some(Ok(answer)) = questions.join_next().await {
        let adopted = match answer {
            Ok(Offer::Nothing) => {
                has_none = true;
                continue;
            }
            Ok(Offer::Same) => adopt(shared, None),
            Ok(Offer::Bundle(offered)) => adopt(shared, Some(*offered)),
            Err(error) => {
                refusal = denial(&error).or(refusal);
                Err(error.to_string())
            }
        };
        match adopted {
            Ok(()) => return Ok(()),
            Err(error) => {
                debug!(error, "an endpoint did not tell the policy");
                trouble = error;
            }
        }
    }
    let mut state = shared.lock();
    if !has_none {
        state.unheard(refusal, &trouble);
        return Err(trouble);
    }
    state.waive();
    Ok(())
}

/// The word of an endpoint that does not believe the device.
fn denial(error: &ExchangeError) -> Option<Outcome> {
    match error {
        ExchangeError::Refused(_, outcome @ (Outcome::Unauthenticated | Outcome::Forbidden)) => {
            Some(*outcome)
        }
        _ => None,
    }
}

/// Takes a bundle into use; `None` is the one that is held.
fn adopt(shared: &Shared, offered: Option<Tagged>) -> Result<(), String> {
    let now_us = shared.now_us();
    let unsaved = {
        let mut state = shared.lock();
        match offered {
            Some(Tagged { bundle, .. }) if bundle.model.name != shared.model_name => {
                let error = format!("the endpoint serves the model {}", bundle.model.name);
                warn!(wanted = shared.model_name, error);
                return Err(error);
            }
            Some(Tagged { bundle, tag }) if state.is_news(&bundle, now_us) => {
                state.adopt(bundle, Duration::ZERO, now_us);
                state.bundle_tag = tag;
            }
            Some(_) => return Ok(()),
            None => state.confirm(Duration::ZERO, now_us),
        }
        state.unsaved(now_us)
    };
    if let (Some(path), Some(bundle)) = (&shared.policy_file, unsaved)
        && let Err(error) = bundle_file::save(path, &bundle)
    {
        warn!(%error, path = %path.display(), "failed to save the policy bundle");
    }
    Ok(())
}

/// The model's description from the first endpoint that tells it.
pub(crate) async fn learn_metadata(shared: &Arc<Shared>) {
    let mut questions = JoinSet::new();
    for connections in best_first(shared) {
        let name = shared.model_name.clone();
        questions.spawn(async move { control::metadata(&connections, &name).await });
    }
    while let Some(Ok(answer)) = questions.join_next().await {
        match answer {
            Ok(metadata) => {
                shared.lock().metadata = Some(Arc::new(metadata));
                return;
            }
            Err(error) => debug!(%error, "an endpoint did not describe the model"),
        }
    }
}

/// Endpoints that answer first, then the others.
fn best_first(shared: &Shared) -> Vec<Arc<Connections>> {
    let state = shared.lock();
    let is_closed = |id| state.model.endpoint(id).is_some_and(|endpoint| endpoint.breaker.is_closed());
    let mut entries: Vec<_> = state.directory.entries().iter().collect();
    entries.sort_by_key(|entry| !is_closed(entry.id));
    entries.iter().take(ASKED_MAX).map(|entry| Arc::clone(&entry.connections)).collect()
}
