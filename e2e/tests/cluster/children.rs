//! What the operator owns: it comes back, it goes away, and it is left alone when nothing is to change.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Result, ensure};
use e2e::{
    cluster::{self, POD, SOON, apply, get, kubectl, list},
    manifest, wait,
};
use serde_json::{Value, json};

const KINDS: &str = "serviceaccounts,configmaps,services,deployments.apps,poddisruptionbudgets.policy,networkpolicies.networking.k8s.io";
const OURS: &str = "app.kubernetes.io/managed-by=longshore";

/// Kind and name of every child, with its uid.
fn children(namespace: &str) -> Result<BTreeMap<(String, String), Value>> {
    let all = list(namespace, &[KINDS, "-l", OURS])?;
    let key = |child: &Value| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (text(&child["kind"]), text(&child["metadata"]["name"]))
    };
    Ok(all.into_iter().map(|child| (key(&child), child)).collect())
}

/// Each child deleted by hand comes back, the Service with its port.
pub fn children_come_back(namespace: &str) -> Result<()> {
    apply(&manifest::offload(namespace, "person", manifest::CPU_CLASS)?.to_string())?;
    let ready = cluster::ready(namespace, "person")?;
    let before = children(namespace)?;
    ensure!(before.len() == 8, "eight children, not {:?}", before.keys());
    for ((kind, name), child) in &before {
        kubectl(&["-n", namespace, "delete", kind, name, "--wait=false"])?;
        wait::until_true(&format!("{kind} {name} is there again"), SOON, || {
            let again = get(namespace, &[kind, name])?;
            Ok(again["metadata"]["uid"] != child["metadata"]["uid"]
                && again["metadata"]["deletionTimestamp"].is_null())
        })?;
    }
    let port = get(namespace, &["service", "person"])?["spec"]["ports"][0]["nodePort"].clone();
    ensure!(port == ready["status"]["nodePort"], "{port}, not {}", ready["status"]["nodePort"]);
    cluster::ready(namespace, "person").map(drop)
}

/// Nothing of ours is left behind.
pub fn delete_leaves_nothing(namespace: &str) -> Result<()> {
    apply(&manifest::offload(namespace, "person", manifest::CPU_CLASS)?.to_string())?;
    cluster::ready(namespace, "person")?;
    kubectl(&["-n", namespace, "delete", "iof", "person"])?;
    wait::until_true("nothing is left", POD, || {
        let left = children(namespace)?;
        let pods = list(namespace, &["pods"])?.len() + list(namespace, &["replicasets"])?.len();
        ensure!(left.is_empty() && pods == 0, "{:?} and {pods} pods and replica sets", left.keys());
        Ok(true)
    })
}

/// Sixty quiet seconds leave every resourceVersion as it was, while the operator is asked to look again.
pub fn nothing_to_change_writes_nothing(namespace: &str) -> Result<()> {
    let mut offload = manifest::offload(namespace, "person", manifest::CPU_CLASS)?;
    offload["spec"]["replicas"] = json!(2);
    apply(&offload.to_string())?;
    wait::until_true("both pods serve", POD, || {
        Ok(get(namespace, &["iof", "person"])?["status"]["readySummary"] == "2/2")
    })?;
    let versions = || -> Result<Vec<(String, Value)>> {
        let mut all: Vec<Value> = children(namespace)?.into_values().collect();
        all.push(get(namespace, &["iof", "person"])?);
        let row = |object: &Value| {
            (
                format!("{} {}", object["kind"], object["metadata"]["name"]),
                object["metadata"]["resourceVersion"].clone(),
            )
        };
        Ok(all.iter().map(row).collect())
    };
    let mut before = versions()?;
    // The last writes of the start may still be on their way.
    wait::until_true("quiet", POD, || {
        let (old, new) = (before.clone(), versions()?);
        before.clone_from(&new);
        Ok(old == new)
    })?;
    wait::holds("every resourceVersion", Duration::from_secs(60), || {
        let now = versions()?;
        ensure!(now == before, "{now:?} was {before:?}");
        Ok(true)
    })
}
