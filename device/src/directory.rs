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

/// Addresses remembered of one node beside the one that is dialled.
const ALIASES_MAX: usize = 16;

/// How an address became known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// The user named it: it stays, whatever anybody says.
    Given,
    /// A search finds it: it stays as long as that does.
    Found,
    /// A bundle lists it, or did.
    Listed,
}

/// One endpoint.
pub(crate) struct Entry {
    pub(crate) id: EndpointId,
    /// Its own name, as soon as it is known.
    pub(crate) name: Option<String>,
    pub(crate) connections: Arc<Connections>,
    origin: Origin,
    /// Other addresses that turned out to lead to the same node.
    aliases: Vec<EdgeUrl>,
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
    /// Whom the user told an address inside TLS is not led to one in the clear.
    must_be_encrypted: bool,
}

impl Directory {
    /// An empty one; what it dials by `https://` is judged by these files.
    pub(crate) fn new(tls: Option<Arc<Tls>>) -> Self {
        Self { entries: Vec::new(), tls, must_be_encrypted: false }
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(crate) fn get(&self, id: EndpointId) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.id == id)
    }

    /// The endpoint that this address leads to.
    pub(crate) fn at(&self, url: &EdgeUrl) -> Option<&Entry> {
        let at = |entry: &&Entry| entry.connections.url() == url;
        self.entries.iter().find(at).or_else(|| self.entries.iter().find(|entry| entry.is_known_as(url)))
    }

    /// What people call the endpoint: its name, else its address.
    pub(crate) fn display(&self, id: EndpointId) -> Option<String> {
        let entry = self.get(id)?;
        Some(entry.name.clone().unwrap_or_else(|| entry.connections.url().authority()))
    }

    /// From now on nothing in the clear is added.
    pub(crate) fn insist_on_tls(&mut self) {
        self.must_be_encrypted = true;
    }

    /// An address that the user named.
    pub(crate) fn add_given(&mut self, url: EdgeUrl, model: &mut Model) {
        self.must_be_encrypted |= url.is_encrypted();
        if self.at(&url).is_none() {
            self.add(url, None, Origin::Given, model);
        }
    }

    /// The addresses that searches find at this time. New ones are added, and those that are found no longer leave, unless
    /// the table lists them. Tells whether one was added.
    pub(crate) fn hold(&mut self, found: &[EdgeUrl], listed: &[Node], model: &mut Model) -> bool {
        self.entries.retain_mut(|entry| {
            let is_found = found.iter().any(|url| entry.is_known_as(url));
            let has_vanished = entry.origin == Origin::Found && !is_found;
            match entry.origin {
                Origin::Given => {}
                Origin::Found | Origin::Listed if is_found => entry.origin = Origin::Found,
                Origin::Found | Origin::Listed => entry.origin = Origin::Listed,
            }
            let stays = !has_vanished || listed.iter().any(|node| entry.name.as_ref() == Some(&node.name));
            if !stays {
                model.remove_endpoint(entry.id);
            }
            stays
        });
        let mut is_news = false;
        for url in found {
            if self.may_dial(url) && !self.reaches(url, model) {
                is_news |= self.add(url.clone(), None, Origin::Found, model);
            }
        }
        is_news
    }

    /// The endpoint told its name. Of two addresses of one node the one that the user named stays, else the older one if it
    /// answers.
    pub(crate) fn identify(&mut self, id: EndpointId, name: &str, model: &mut Model) {
        let Some(index) = self.entries.iter().position(|entry| entry.id == id) else { return };
        let twin =
            self.entries.iter().position(|entry| entry.id != id && entry.name.as_deref() == Some(name));
        self.entries[index].name = Some(name.into());
        let Some(twin) = twin else { return };
        let is_given = |index: usize| self.entries[index].origin == Origin::Given;
        let answers = model.endpoint(self.entries[twin].id).is_some_and(Endpoint::is_answering);
        let goes = if is_given(twin) || (answers && !is_given(index)) { index } else { twin };
        let gone = self.entries.remove(goes);
        model.remove_endpoint(gone.id);
        if let Some(stays) = self.entries.iter_mut().find(|entry| entry.name.as_deref() == Some(name)) {
            // Found again, it is no news.
            stays.aliases.extend(gone.addresses());
            stays.aliases.truncate(ALIASES_MAX);
        }
    }

    /// The nodes of a bundle: new ones are added, ones that left are removed, and ones that moved are both. An empty table
    /// tells nothing: a pod that started before any node served has one.
    pub(crate) fn merge(&mut self, now_us: u64, nodes: &[Node], model: &mut Model) {
        if nodes.is_empty() {
            return;
        }
        self.entries.retain_mut(|entry| {
            let stays = entry.origin != Origin::Listed || entry.stays(now_us, nodes, model);
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
                None => {
                    self.add(url, Some(node.name.clone()), Origin::Listed, model);
                }
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
        if *entry.connections.url() != url && entry.origin != Origin::Given && !answers {
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
        let mut aliases = Vec::new();
        if let Some(index) = self.entries.iter().position(|entry| entry.name.as_deref() == Some(name)) {
            let gone = self.entries.remove(index);
            model.remove_endpoint(gone.id);
            aliases = gone.addresses();
        } else if self.entries.len() == ENDPOINTS_MAX {
            model.remove_endpoint(self.entries.remove(self.least_wanted(now_us, model)?).id);
        }
        let id = model.add_endpoint()?;
        let (name, routed_us) = (Some(name.into()), Some(now_us));
        self.entries.push(Entry {
            id,
            name,
            connections,
            origin: Origin::Listed,
            aliases,
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
            .filter(|(_, entry)| entry.origin != Origin::Given && is_free(entry))
            .filter(|(_, entry)| entry.routed_us.is_none_or(|at_us| at_us + JUST_NOW_US < now_us))
            .min_by_key(|(_, entry)| entry.routed_us)
            .map(|(index, _)| index)
    }

    /// Whether dialling this address would tell nothing: it is dialled, or leads to a node that answers elsewhere.
    fn reaches(&self, url: &EdgeUrl, model: &Model) -> bool {
        self.entries.iter().any(|entry| {
            let answers = model.endpoint(entry.id).is_some_and(Endpoint::is_answering);
            let is_alias = entry.is_known_as(url) && (answers || entry.origin == Origin::Given);
            is_alias || entry.connections.url() == url
        })
    }

    /// Tells the core what the table says of a node's speed; whether the node is known.
    fn tell(&self, node: &Node, model: &mut Model) -> bool {
        let known = self.entries.iter().find(|entry| entry.name.as_ref() == Some(&node.name));
        if let Some(endpoint) = known.and_then(|entry| model.endpoint_mut(entry.id)) {
            endpoint.service_told(node.service_times.map_or(0.0, |times| times.p95_microseconds as f32));
        }
        known.is_some()
    }

    const fn may_dial(&self, url: &EdgeUrl) -> bool {
        url.is_encrypted() || !self.must_be_encrypted
    }

    fn add(&mut self, url: EdgeUrl, name: Option<String>, origin: Origin, model: &mut Model) -> bool {
        // A full table: the first ones are as good as any.
        let Some(id) = model.add_endpoint() else { return false };
        let connections = Arc::new(Connections::new(url, self.tls.clone()));
        self.entries.push(Entry {
            id,
            name,
            connections,
            origin,
            aliases: Vec::new(),
            missing_since_us: None,
            routed_us: None,
        });
        true
    }
}

impl Entry {
    /// All that lead to it, the one that is dialled first.
    fn addresses(self) -> Vec<EdgeUrl> {
        std::iter::once(self.connections.url().clone()).chain(self.aliases).take(ALIASES_MAX).collect()
    }

    fn is_known_as(&self, url: &EdgeUrl) -> bool {
        self.connections.url() == url || self.aliases.contains(url)
    }

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
