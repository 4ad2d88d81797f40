//! Names and addresses of the endpoints in the core's table. One node counts once, however many addresses lead to it.

use std::sync::Arc;

use wire::Node;

use crate::core::endpoint::{Endpoint, EndpointId};
use crate::core::model::Model;
use crate::http::{connection::Connections, tls::Tls, url::EdgeUrl};

/// A node leaves when tables miss it for this long, in microseconds. Each node hands out its own copy of the table, up to
/// two minutes behind the others', so one that misses a node may just be older.
const MISSING_MAX_US: u64 = 120_000_000;

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
        let must_be_encrypted =
            self.entries.iter().any(|entry| entry.is_given && entry.connections.url().is_encrypted());
        for node in nodes {
            if self.entries.iter().any(|entry| entry.name.as_ref() == Some(&node.name)) {
                continue;
            }
            let Ok(url) = node.url.parse::<EdgeUrl>() else { continue };
            if must_be_encrypted && !url.is_encrypted() {
                continue;
            }
            match self.entries.iter().find(|entry| *entry.connections.url() == url).map(|entry| entry.id) {
                Some(id) => self.identify(id, &node.name, model),
                None => self.add(url, Some(node.name.clone()), false, model),
            }
        }
    }

    fn has_url(&self, url: &EdgeUrl) -> bool {
        self.entries.iter().any(|entry| entry.connections.url() == url)
    }

    fn add(&mut self, url: EdgeUrl, name: Option<String>, is_given: bool, model: &mut Model) {
        // A full table: the first ones are as good as any.
        let Some(id) = model.add_endpoint() else { return };
        let connections = Arc::new(Connections::new(url, self.tls.clone()));
        self.entries.push(Entry { id, name, connections, is_given, missing_since_us: None });
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
