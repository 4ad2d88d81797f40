//! The pods of an offload as facts: which serve, which serve the spec of this generation, and what keeps the others.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;

use super::{pods, trouble::Trouble, view::Wish};
use crate::{World, names, resources::is_pod_ready};

/// Pods that were not told to leave.
pub struct Fleet {
    /// In the order of their names.
    pub pods: Vec<PodFacts>,
}

/// One pod.
pub struct PodFacts {
    /// Its node, once it has one.
    pub node: Option<String>,
    /// Whether it serves.
    pub ready: bool,
    /// Whether it was made for the spec of this generation.
    pub current: bool,
    /// Whether the model file is there, verified.
    pub has_model: bool,
    /// Digest of the model that it serves.
    pub digest: Option<String>,
    /// What keeps it from serving.
    pub trouble: Option<Trouble>,
}

impl Fleet {
    /// Reads the pods. Those that leave or have ended are nobody's replica.
    pub fn read(world: &World, wish: &Wish<'_>) -> Self {
        let mut live: Vec<&Pod> = world.pods.iter().filter(|pod| stays(pod)).collect();
        live.sort_by_key(|pod| pod.metadata.name.clone());
        Self { pods: live.into_iter().map(|pod| facts(pod, world, wish)).collect() }
    }

    /// Pods that serve.
    pub fn ready(&self) -> usize {
        self.pods.iter().filter(|pod| pod.ready).count()
    }

    /// Pods of this generation.
    pub fn current(&self) -> impl Iterator<Item = &PodFacts> {
        self.pods.iter().filter(|pod| pod.current)
    }

    /// What keeps pods of this generation: the most frequent first, then by its text.
    pub fn troubles(&self) -> Vec<&Trouble> {
        let mut counted: BTreeMap<&str, (usize, &Trouble)> = BTreeMap::new();
        for trouble in self.current().filter_map(|pod| pod.trouble.as_ref()) {
            counted.entry(&trouble.message).or_insert((0, trouble)).0 += 1;
        }
        let mut all: Vec<(usize, &Trouble)> = counted.into_values().collect();
        all.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
        all.into_iter().map(|(_, trouble)| trouble).collect()
    }
}

fn stays(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    pod.metadata.deletion_timestamp.is_none() && !matches!(phase, Some("Failed" | "Succeeded"))
}

fn facts(pod: &Pod, world: &World, wish: &Wish<'_>) -> PodFacts {
    let annotation = |key: &str| pod.metadata.annotations.as_ref().and_then(|all| all.get(key)).cloned();
    let ready = is_pod_ready(pod);
    PodFacts {
        node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
        ready,
        current: wish.spec_hash.is_none() || annotation(names::SPEC_HASH_ANNOTATION) == wish.spec_hash,
        has_model: pods::has_model(pod),
        digest: annotation(names::DIGEST_ANNOTATION),
        trouble: if ready { None } else { pods::trouble(pod, world, wish) },
    }
}
