//! Names and addresses of the endpoints in the core's table. One node counts once, however many addresses lead to it.

use std::sync::Arc;

use wire::Node;

use crate::core::endpoint::EndpointId;
use crate::core::model::Model;
use crate::http::{connection::Connections, url::EdgeUrl};

/// One endpoint.
pub(crate) struct Entry {
    pub(crate) id: EndpointId,
    /// Its own name, as soon as it is known.
    pub(crate) name: Option<String>,
    pub(crate) connections: Arc<Connections>,
    /// The user named it: it stays, whatever a bundle says.
    is_given: bool,
}

/// The endpoints that are known.
#[derive(Default)]
pub(crate) struct Directory {
    entries: Vec<Entry>,
}

impl Directory {
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

    /// The nodes of a bundle: new ones are added, ones that left are removed.
    pub(crate) fn merge(&mut self, nodes: &[Node], model: &mut Model) {
        let listed = |entry: &Entry| {
            let url = entry.connections.url();
            nodes.iter().any(|node| entry.name.as_ref() == Some(&node.name) || is_at(node, url))
        };
        self.entries.retain(|entry| {
            let stays = entry.is_given || listed(entry);
            if !stays {
                model.remove_endpoint(entry.id);
            }
            stays
        });
        for node in nodes {
            if self.entries.iter().any(|entry| entry.name.as_ref() == Some(&node.name)) {
                continue;
            }
            let Ok(url) = node.url.parse() else { continue };
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
        let connections = Arc::new(Connections::new(url));
        self.entries.push(Entry { id, name, connections, is_given });
    }
}

fn is_at(node: &Node, url: &EdgeUrl) -> bool {
    node.url.parse().is_ok_and(|parsed: EdgeUrl| parsed == *url)
}
