//! Pages of our own: load, identity, policy. In: what is known here and two files that the operator keeps. Out: JSON.

use std::time::Instant;

use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH},
};
use sha2::{Digest as _, Sha256};
use trust::Watched;
use wire::{EndpointInfo, Node, NodeTable, Outcome, PolicyBundle, endpoint::ServedModel};

use crate::{
    config::Config,
    endpoint::Endpoint,
    load::report,
    peers,
    proxy::{
        answer::ReplyBody,
        respond::{self, Refusal, Reply},
        route::Context,
    },
};

/// The files of the policy `ConfigMap`.
pub struct Files {
    policy: Option<Watched<PolicyBundle>>,
    nodes: Option<Watched<NodeTable>>,
}

impl Files {
    pub fn new(config: &Config) -> Self {
        Self {
            policy: config.policy_file.clone().map(Watched::json),
            nodes: config.advertise.nodes_file.clone().map(Watched::json),
        }
    }
}

/// `GET /v1alpha1/routes`: for peers, who prove that they are where that can be proved.
pub fn routes(cx: &Context) -> Result<Reply, Refusal> {
    if cx.endpoint.tls.is_some() && !cx.is_kin {
        return Err(Outcome::Forbidden.into());
    }
    Ok(respond::json(&cx.endpoint, peers::table(&cx.endpoint), cx.form))
}

/// `GET /v1alpha1/load`.
pub fn load(cx: &Context) -> Reply {
    let report = report(&cx.endpoint, Instant::now());
    respond::json(
        &cx.endpoint,
        serde_json::to_string(&report).expect("numbers and fixed keys serialise"),
        cx.form,
    )
}

/// `GET /v1alpha1/endpoint`.
pub fn endpoint(cx: &Context) -> Reply {
    respond::json(&cx.endpoint, identity(&cx.endpoint), cx.form)
}

/// What this endpoint is and what it can do, as JSON.
pub fn identity(endpoint: &Endpoint) -> String {
    let config = &endpoint.config;
    let node = this_node(endpoint);
    let model = &config.model;
    let info = EndpointInfo {
        endpoint_id: node.name,
        url: node.url,
        zone: node.zone,
        model: ServedModel {
            name: model.name.clone(),
            version: model.version.clone(),
            digest: model.digest.clone(),
        },
        max_concurrency: config.admission.concurrency,
        service_times: endpoint.load.service_times(),
    };
    serde_json::to_string(&info).expect("text and numbers serialise")
}

/// `GET /v1alpha1/policy`.
pub fn policy(cx: &Context, request: &HeaderMap) -> Result<Reply, Refusal> {
    let endpoint = &cx.endpoint;
    let file = endpoint.files.policy.as_ref().ok_or(Refusal::from(Outcome::NotFound))?;
    let mut bundle = file.get().ok_or(Refusal::from(Outcome::NotFound))?;
    if let Some(nodes) = listed(endpoint) {
        bundle.endpoints = nodes;
    } else if bundle.endpoints.is_empty() && !endpoint.config.advertise.url.is_empty() {
        bundle.endpoints = vec![this_node(endpoint)];
    }
    let tag = tag(&bundle);
    bundle.service_times = endpoint.load.service_times();
    let mut reply = if request.get(IF_NONE_MATCH).is_some_and(|known| *known == tag) {
        let mut reply = respond::json(endpoint, String::new(), cx.form);
        *reply.status_mut() = StatusCode::NOT_MODIFIED;
        *reply.body_mut() = ReplyBody::text("");
        reply.headers_mut().remove(CONTENT_TYPE);
        reply
    } else {
        respond::json(endpoint, serde_json::to_string(&bundle).expect("text and numbers serialise"), cx.form)
    };
    reply.headers_mut().insert(ETAG, tag);
    Ok(reply)
}

/// The revision and the endpoints. What is measured here is left out: alone it is not worth a transfer.
fn tag(bundle: &PolicyBundle) -> HeaderValue {
    const BYTES: usize = 4;
    let endpoints = serde_json::to_vec(&bundle.endpoints).expect("text serialises");
    let hash: String =
        Sha256::digest(endpoints).iter().take(BYTES).map(|byte| format!("{byte:02x}")).collect();
    HeaderValue::from_str(&format!("\"{}.{hash}\"", bundle.revision))
        .unwrap_or(HeaderValue::from_static("\"\""))
}

/// The policy, as it was last read.
pub fn bundle(endpoint: &Endpoint) -> Option<PolicyBundle> {
    endpoint.files.policy.as_ref().and_then(Watched::get)
}

/// The nodes that the operator lists; `None` where nobody keeps a list.
pub fn listed(endpoint: &Endpoint) -> Option<Vec<Node>> {
    endpoint.files.nodes.as_ref().and_then(Watched::get).map(|table| table.nodes)
}

/// This endpoint: its row of the list, or what the configuration says.
pub fn this_node(endpoint: &Endpoint) -> Node {
    let advertise = &endpoint.config.advertise;
    let row =
        listed(endpoint).and_then(|nodes| nodes.into_iter().find(|node| node.name == advertise.endpoint_id));
    row.unwrap_or_else(|| Node {
        name: advertise.endpoint_id.clone(),
        url: advertise.url.clone(),
        zone: advertise.zone.clone(),
        service_times: None,
    })
}
