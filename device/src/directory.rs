//! Names and addresses of the endpoints in the core's table. One node counts once, however many addresses lead to it.

use std::sync::Arc;

use wire::Node;

use crate::core::endpoint::{Endpoint, EndpointId};
use crate::core::model::{ENDPOINTS_MAX, Model};
use crate::http::{connection::Connections, tls::Tls, url::EdgeUrl};

/// A node leaves when tables miss it for this long, in microseconds. Each node hands out its own copy of the table, up to
/// two minutes behind the others', so one that misses a node may just be older.
const MISSING_MAX_US: u64 = 120_000_000;

/// What a route led to this recently is not given up for another one, in microseconds.
const JUST_NOW_US: u64 = 5_000_000;

/// One endpoint.
pub(crate) struct Entry {
    pub(crate) id: EndpointId,
    /// Its own name, as soon as it is known.
    pub(crate) name: Option<String>,
    pub(crate) connections: Arc<Connections>,
    /// The user named it: it stays, whatever a bundle says.
    is_given: bool,
    /// Since when tables miss it under this address.
    missing_since_us: Option<u64>,
    /// When a route last led here, in microseconds.
    routed_us: Option<u64>,
}

/// The endpoints that are known.
#[derive(Default)]
pub(crate) struct Directory {
    entries: Vec<Entry>,
    tls: Option<Arc<Tls>>,
}

impl Directory {
    /// An empty one; what it dials by `https://` is judged by these files.
    pub(crate) fn new(tls: Option<Arc<Tls>>) -> Self {
        Self { entries: Vec::new(), tls }
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(crate) fn get(&self, id: EndpointId) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.id == id)
    }

    /// What people call the endpoint: its name, else its address.
    pub(crate) fn display(&self, id: EndpointId) -> Option<String> {
        let entry = self.get(id)?;
        Some(entry.name.clone().unwrap_or_else(|| entry.connections.url().authority()))
    }

    /// An address that the user named.
    pub(crate) fn add_given(&mut self, url: EdgeUrl, model: &mut Model) {
        if !self.has_url(&url) {
            self.add(url, None, true, model);
        }
    }

    /// The endpoint told its name. Of two addresses of one node the one that the user named stays, else the older one.
    pub(crate) fn identify(&mut self, id: EndpointId, name: &str, model: &mut Model) {
        let Some(index) = self.entries.iter().position(|entry| entry.id == id) else { return };
        let twin =
            self.entries.iter().position(|entry| entry.id != id && entry.name.as_deref() == Some(name));
        self.entries[index].name = Some(name.into());
        if let Some(twin) = twin {
            let goes = if self.entries[twin].is_given { index } else { twin };
            model.remove_endpoint(self.entries.remove(goes).id);
        }
    }

    /// The nodes of a bundle: new ones are added, ones that left are removed, and ones that moved are both. An empty table
    /// tells nothing: a pod that started before any node served has one. Whom the user told an `https://` address is not led
    /// to one in the clear.
    pub(crate) fn merge(&mut self, now_us: u64, nodes: &[Node], model: &mut Model) {
        if nodes.is_empty() {
            return;
        }
        self.entries.retain_mut(|entry| {
            let stays = entry.is_given || entry.stays(now_us, nodes, model);
            if !stays {
                model.remove_endpoint(entry.id);
            }
            stays
        });
        for node in nodes {
            if self.tell(node, model) {
                continue;
            }
            let Ok(url) = node.url.parse::<EdgeUrl>() else { continue };
            if !self.may_dial(&url) {
                continue;
            }
            match self.entries.iter().find(|entry| *entry.connections.url() == url).map(|entry| entry.id) {
                Some(id) => self.identify(id, &node.name, model),
                None => self.add(url, Some(node.name.clone()), false, model),
            }
            self.tell(node, model);
        }
    }

    /// A route leads to this name at this address: the endpoint, if it is known there or answers elsewhere.
    pub(crate) fn route(
        &mut self,
        now_us: u64,
        name: &str,
        url: &str,
        model: &mut Model,
    ) -> Option<EndpointId> {
        let url = url.parse::<EdgeUrl>().ok()?;
        let is_meant = |entry: &&mut Entry| match &entry.name {
            Some(known) => known == name,
            None => *entry.connections.url() == url,
        };
        let entry = self.entries.iter_mut().find(is_meant)?;
        let answers = model.endpoint(entry.id).is_some_and(Endpoint::is_answering);
        if *entry.connections.url() != url && !entry.is_given && !answers {
            return None;
        }
        entry.routed_us = Some(now_us);
        entry.missing_since_us = None;
        let id = entry.id;
        self.identify(id, name, model);
        self.get(id).map(|entry| entry.id)
    }

    /// Connections to an address that a route leads to, unless it is none or must not be dialled.
    pub(crate) fn dial(&self, url: &str) -> Option<Arc<Connections>> {
        let url = url.parse::<EdgeUrl>().ok()?;
        self.may_dial(&url).then(|| Arc::new(Connections::new(url, self.tls.clone())))
    }

    /// An endpoint that answers at an address that a route led to. It replaces one of its name that does not, and in a full
    /// table one that no route has led to for longest.
    pub(crate) fn enter(
        &mut self,
        now_us: u64,
        (name, connections): (&str, Arc<Connections>),
        model: &mut Model,
    ) -> Option<EndpointId> {
        if let Some(index) = self.entries.iter().position(|entry| entry.name.as_deref() == Some(name)) {
            model.remove_endpoint(self.entries.remove(index).id);
        } else if self.entries.len() == ENDPOINTS_MAX {
            model.remove_endpoint(self.entries.remove(self.least_wanted(now_us, model)?).id);
        }
        let id = model.add_endpoint()?;
        let (name, routed_us) = (Some(name.into()), Some(now_us));
        self.entries.push(Entry {
            id,
            name,
            connections,
            is_given: false,
            missing_since_us: None,
            routed_us,
        });
        Some(id)
    }

    /// The one that no route has led to for longest, at least not just now, and that nothing is under way to.
    fn least_wanted(&self, now_us: u64, model: &Model) -> Option<usize> {
        let is_free = |entry: &Entry| model.endpoint(entry.id).is_none_or(|known| known.in_flight() == 0);
        let candidates = self.entries.iter().enumerate();
        candidates
            .filter(|(_, entry)| !entry.is_given && is_free(entry))
            .filter(|(_, entry)| entry.routed_us.is_none_or(|at_us| at_us + JUST_NOW_US < now_us))
            .min_by_key(|(_, entry)| entry.routed_us)
            .map(|(index, _)| index)
    }

    fn may_dial(&self, url: &EdgeUrl) -> bool {
        let given_encrypted = |entry: &Entry| entry.is_given && entry.connections.url().is_encrypted();
        url.is_encrypted() || !self.entries.iter().any(given_encrypted)
    }

    /// Tells the core what the table says of a node's speed; whether the node is known.
    fn tell(&self, node: &Node, model: &mut Model) -> bool {
        let known = self.entries.iter().find(|entry| entry.name.as_ref() == Some(&node.name));
        if let Some(endpoint) = known.and_then(|entry| model.endpoint_mut(entry.id)) {
            endpoint.service_told(node.service_times.map_or(0.0, |times| times.p95_microseconds as f32));
        }
        known.is_some()
    }

    fn has_url(&self, url: &EdgeUrl) -> bool {
        self.entries.iter().any(|entry| entry.connections.url() == url)
    }

    fn add(&mut self, url: EdgeUrl, name: Option<String>, is_given: bool, model: &mut Model) {
        // A full table: the first ones are as good as any.
        let Some(id) = model.add_endpoint() else { return };
        let connections = Arc::new(Connections::new(url, self.tls.clone()));
        self.entries.push(Entry { id, name, connections, is_given, missing_since_us: None, routed_us: None });
    }
}

impl Entry {
    /// Whether it stays with this table. One that is listed under another address stays at its own as long as it answers
    /// there: which of two tables is older, nobody knows.
    fn stays(&mut self, now_us: u64, nodes: &[Node], model: &Model) -> bool {
        let listed = nodes.iter().find(|node| self.name.as_ref() == Some(&node.name));
        if listed.is_some_and(|node| is_at(node, self.connections.url())) {
            self.missing_since_us = None;
            return true;
        }
        let since_us = *self.missing_since_us.get_or_insert(now_us);
        let answers = model.endpoint(self.id).is_some_and(Endpoint::is_answering);
        now_us < since_us + MISSING_MAX_US && (listed.is_none() || answers)
    }
}

fn is_at(node: &Node, url: &EdgeUrl) -> bool {
    node.url.parse().is_ok_and(|parsed: EdgeUrl| parsed == *url)
}
