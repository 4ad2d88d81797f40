//! What all requests of one device share.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use engine::Tensor;
use engine::picture::Normalization;
use http::HeaderValue;
use tokio::sync::Semaphore;
use wire::{Outcome, PolicyBundle};

use crate::answer::Outputs;
use crate::core::model::{Bundle, Local, Model};
use crate::core::outcome::Reason;
use crate::directory::Directory;
use crate::http::reply::micros;
use crate::random::Random;
use crate::{LocalModel, Metadata};

/// An unchanged bundle is written again after this long, in microseconds: its file's time is its age, and flash wears.
const SAVE_AGAIN_US: u64 = 600_000_000;

/// The parts that change, behind one lock that is never held across a wait.
pub(crate) struct State {
    pub(crate) model: Model,
    pub(crate) directory: Directory,
    pub(crate) bundle: Option<PolicyBundle>,
    /// Why there is none, for people.
    pub(crate) bundle_trouble: Option<String>,
    /// Why the last search for endpoints found none, for people.
    pub(crate) search_trouble: Option<String>,
    /// By which to ask endpoints whether the bundle is still the one.
    pub(crate) bundle_tag: Option<HeaderValue>,
    /// What was last written to the policy file, and when.
    pub(crate) saved: Option<(PolicyBundle, u64)>,
    /// Labels that the user gave; they win over the bundle's.
    pub(crate) labels_given: Option<Vec<String>>,
    /// The model's description, from an endpoint, where there is no model here.
    pub(crate) metadata: Option<Arc<Metadata>>,
    /// The last result, for the fallback that repeats it.
    pub(crate) last: Option<Outputs>,
    pub(crate) battery_percent: Option<f32>,
    /// The site where the device believes to be; empty when it does not know.
    pub(crate) zone: String,
    /// What kind of device it is; empty when it does not say.
    pub(crate) class: String,
    /// Length of the last request's body in bytes, and its deadline in milliseconds: what routes are asked for.
    pub(crate) asked: Option<(u32, u32)>,
    pub(crate) random: Random,
}

/// One device.
pub(crate) struct Shared {
    pub(crate) state: Mutex<State>,
    pub(crate) model_name: String,
    pub(crate) local: Option<Arc<dyn LocalModel>>,
    pub(crate) normalization: Normalization,
    pub(crate) policy_file: Option<PathBuf>,
    /// One model run at a time: a second would only make both slow.
    pub(crate) processor: Arc<Semaphore>,
    pub(crate) epoch: Instant,
}

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Monotonic time as the core counts it.
    pub(crate) fn now_us(&self) -> u64 {
        micros(self.epoch.elapsed())
    }
}

impl State {
    pub(crate) fn labels(&self) -> &[String] {
        let of_bundle = self.bundle.as_ref().map(|bundle| bundle.model.labels.as_slice());
        self.labels_given.as_deref().or(of_bundle).unwrap_or_default()
    }

    /// A model's outputs with the labels and the temperature that hold here.
    pub(crate) fn read(&self, tensors: Vec<Tensor>) -> Outputs {
        Outputs::read(tensors, self.labels(), self.model.policy.confidence_temperature())
    }

    /// Takes a bundle of a given age into use.
    pub(crate) fn adopt(&mut self, bundle: PolicyBundle, age: Duration, now_us: u64) {
        self.model.policy = bundle.policy.clone();
        self.model.payload_bytes_max = bundle.max_payload_bytes;
        self.model.service_told_us = bundle.service_times.map_or(0.0, |times| times.p95_microseconds as f32);
        if self.model.local == Local::Absent(Reason::NoLocalModel)
            && bundle.model.size_bytes.is_some_and(|size| self.model.profile.model_bytes_max < size)
        {
            self.model.local = Local::Absent(Reason::ModelTooLarge);
        }
        self.bundle = Some(bundle);
        self.confirm(age, now_us);
    }

    /// There is no policy at the edge. One that was told before goes on counting until it expires.
    pub(crate) fn waive(&mut self) {
        if self.bundle.is_none() {
            self.model.bundle = Bundle::Waived;
        }
    }

    /// No endpoint told its policy, and one of those that answered refused to.
    pub(crate) fn unheard(&mut self, refusal: Option<Outcome>, trouble: &str) {
        if self.model.bundle.is_unheard() {
            self.model.bundle = refusal.map_or(Bundle::Unknown, Bundle::Withheld);
            self.bundle_trouble = Some(trouble.into());
        }
    }

    /// The bundle in use was still the valid one this long ago.
    pub(crate) fn confirm(&mut self, age: Duration, now_us: u64) {
        let Some(bundle) = &self.bundle else { return };
        self.directory.merge(now_us, &bundle.endpoints, &mut self.model);
        let ttl = Duration::from_secs(bundle.policy.bundle_ttl_seconds.into());
        self.model.bundle = Bundle::Until(now_us.saturating_add(micros(ttl.saturating_sub(age))));
    }

    /// The bundle when it should be written: it changed, or the file has become old. Notes that it is.
    pub(crate) fn unsaved(&mut self, now_us: u64) -> Option<PolicyBundle> {
        let bundle = self.bundle.as_ref()?;
        let is_saved = self.saved.as_ref().is_some_and(|(saved, at_us)| {
            // Service times change all the time and are no reason to write.
            let same = saved.revision == bundle.revision && saved.endpoints == bundle.endpoints;
            same && now_us < at_us + SAVE_AGAIN_US
        });
        if is_saved {
            return None;
        }
        self.saved = Some((bundle.clone(), now_us));
        Some(bundle.clone())
    }

    /// Whether to take a bundle that an endpoint serves: any instead of one that expired or of another offload, else one
    /// that is at least as new. Nodes learn of a change within minutes of each other; without this a device would flap
    /// between them.
    pub(crate) fn is_news(&self, offered: &PolicyBundle, now_us: u64) -> bool {
        let generation =
            |bundle: &PolicyBundle| bundle.revision.split('-').next().and_then(|n| n.parse::<u64>().ok());
        match &self.bundle {
            Some(held)
                if held.offload_uid == offered.offload_uid && !self.model.bundle.is_expired(now_us) =>
            {
                generation(offered).is_none_or(|offered| generation(held) <= Some(offered))
            }
            _ => true,
        }
    }
}
