//! What this sidecar knows of its peers. In: where they are. Out: a table that outlives them, the name service and the API
//! server, and the routes made of it.

pub mod kin;
mod link;

use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use admission::party::Party;
use bytes::Bytes;
use ring::rand::{SecureRandom as _, SystemRandom};
use routing::{
    credits::Askers,
    links::{self, Candidate},
    table::{Identity, Source, Table},
};
use tokio::{net::lookup_host, sync::Semaphore, task::AbortHandle, time::sleep};
use wire::{
    LoadReport,
    bundle::OffloadPolicy,
    routes::{PeerRow, PeerTable},
};

use crate::{config::Config, endpoint::Endpoint, load, proxy::own};

/// How often the table grows older.
const TICK: Duration = Duration::from_millis(500);
/// How often the name of the peers is looked up.
const LOOK_UP_EVERY: Duration = Duration::from_secs(5);
/// Addresses of one name at most.
const ADDRESSES_MAX: usize = 1024;
/// How often a peer is asked to report.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// Tables of peers that are read at once.
const TURNS: usize = 2;
/// Rows that peers are told at most.
const ROWS_MAX: usize = 1024;
/// Streams of peers at once, beside those of devices.
pub const STREAMS_MAX: usize = 64;

/// Everything known of other endpoints, and of this one among them.
pub struct Peers {
    /// Drawn at the start of this process.
    pub instance: String,
    pub report_every: Duration,
    /// Tables of peers that are read at once.
    turns: Semaphore,
    number: u64,
    chance: AtomicU64,
    known: Mutex<Known>,
    /// What peers are told, and when it was made.
    told: Mutex<Option<(Instant, Bytes)>>,
}

/// What routes are made of.
#[derive(Default)]
pub struct Known {
    pub table: Table,
    pub askers: Askers<Party>,
    /// Peers that are heard.
    pub heard: HashSet<String>,
    /// Of the policy, as it was last read.
    pub revision: String,
    pub stale_after: Duration,
    ourselves: HashSet<SocketAddr>,
}

/// A peer that is heard; dropped when it no longer is.
pub struct Hearing {
    peers: Arc<Peers>,
    instance: String,
}

impl Peers {
    pub fn new(config: &Config) -> Arc<Self> {
        let mut bytes = [0; 8];
        // Without chance there is no TLS either, and nothing to serve.
        SystemRandom::new().fill(&mut bytes).expect("the system draws random numbers");
        let number = u64::from_le_bytes(bytes);
        let stale_after = OffloadPolicy::default().load_stale_after_milliseconds;
        let known = Known { stale_after: Duration::from_millis(stale_after.into()), ..Known::default() };
        Arc::new(Self {
            instance: format!("{number:016x}"),
            // All sidecars of a model have one configuration, and none reports more often than it says.
            report_every: REPORT_EVERY.max(config.limits.load_interval_min),
            turns: Semaphore::new(TURNS),
            number,
            chance: AtomicU64::new(number),
            known: Mutex::new(known),
            told: Mutex::default(),
        })
    }

    pub fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Some random bits; none must be able to foretell them for anything that they are used for here.
    pub fn random(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        self.chance.fetch_add(STEP, Ordering::Relaxed)
    }

    /// 0 to 1.
    pub fn chance(&self) -> f64 {
        (self.random() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn learn(&self, row: &PeerRow, source: Source) {
        self.lock().table.learn(Instant::now(), row, source);
    }

    fn told(&self, instance: &str, report: LoadReport) {
        self.lock().table.told(Instant::now(), instance, report, self.report_every);
    }

    fn is_ourselves(&self, address: SocketAddr) {
        self.lock().ourselves.insert(address);
    }

    /// From here on it is heard; unless it is already, at another address.
    fn hears(self: &Arc<Self>, instance: &str) -> Option<Hearing> {
        let is_new = self.lock().heard.insert(instance.into());
        is_new.then(|| Hearing { peers: Arc::clone(self), instance: instance.into() })
    }
}

impl Drop for Hearing {
    fn drop(&mut self) {
        let mut known = self.peers.lock();
        known.heard.remove(&self.instance);
        known.table.cut(Instant::now(), &self.instance);
    }
}

/// Keeps the table for ever.
pub async fn watch(endpoint: Arc<Endpoint>) {
    let config = &endpoint.config.peers;
    let (found, addresses) = tokio::sync::watch::channel(config.addresses.clone());
    if let Some(name) = config.dns.clone() {
        tokio::spawn(look_up_for_ever(name, found));
    }
    let mut links = HashMap::new();
    loop {
        refresh(&endpoint);
        connect(&endpoint, &addresses.borrow(), &mut links);
        sleep(TICK).await;
    }
}

/// The own row and the lists of the operator are read, and everything else grows older.
fn refresh(endpoint: &Endpoint) {
    let own = own_row(endpoint);
    let listed: Vec<Identity> = own::listed(endpoint)
        .unwrap_or_default()
        .into_iter()
        .map(|node| Identity { id: node.name, url: node.url, zone: node.zone, digest: None })
        .collect();
    let policy = own::bundle(endpoint);
    let mut known = endpoint.peers.lock();
    if let Some(bundle) = policy {
        endpoint.clock.has_been(Duration::from_secs(bundle.issued_at_unix_seconds.unwrap_or(0)));
        known.stale_after = Duration::from_millis(bundle.policy.load_stale_after_milliseconds.into());
        known.revision = bundle.revision;
    }
    let now = Instant::now();
    known.table.learn(now, &own, Source::Itself(2 * TICK));
    known.table.age(now, &listed);
}

/// Beside the table, which must grow old whether names are resolved or not.
async fn look_up_for_ever(name: String, found: tokio::sync::watch::Sender<Vec<SocketAddr>>) {
    loop {
        match lookup_host(&name).await {
            Ok(addresses) => drop(found.send_replace(addresses.take(ADDRESSES_MAX).collect())),
            // A name that has no addresses now had some before, and they may still be right.
            Err(error) => tracing::debug!(%error, name, "peers: no addresses"),
        }
        sleep(LOOK_UP_EVERY).await;
    }
}

/// Listens to those that are chosen and no longer to others.
fn connect(endpoint: &Arc<Endpoint>, addresses: &[SocketAddr], links: &mut HashMap<SocketAddr, AbortHandle>) {
    let chosen = choose(endpoint, addresses);
    links.retain(|address, link| {
        let stays = chosen.contains(address) && !link.is_finished();
        if !stays {
            link.abort();
        }
        stays
    });
    for address in chosen {
        let listen = || tokio::spawn(link::listen(Arc::clone(endpoint), address)).abort_handle();
        links.entry(address).or_insert_with(listen);
    }
}

fn choose(endpoint: &Endpoint, addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let zone = own::this_node(endpoint).zone;
    let known = endpoint.peers.lock();
    let parsed =
        known.table.addresses().filter_map(|(at, zone)| Some((at.parse::<SocketAddr>().ok()?, zone)));
    let zones: HashMap<SocketAddr, &str> = parsed.collect();
    let others = addresses.iter().filter(|address| !known.ourselves.contains(address));
    let candidate = |address: &SocketAddr| Candidate {
        address: *address,
        is_at_site: zones.get(address).is_some_and(|at| *at == zone),
    };
    links::choose(endpoint.peers.number, &others.map(candidate).collect::<Vec<_>>())
}

/// What is told to peers, as JSON, made anew at most four times a second.
pub fn table(endpoint: &Endpoint) -> Bytes {
    const FRESH: Duration = Duration::from_millis(250);
    let now = Instant::now();
    let mut told = endpoint.peers.told.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, text)) = told.as_ref().filter(|(at, _)| now < *at + FRESH) {
        return text.clone();
    }
    let own = own_row(endpoint);
    let others = endpoint.peers.lock().table.rows(now, ROWS_MAX);
    let others = others.into_iter().filter(|row| row.instance != own.instance);
    let table = PeerTable {
        model: endpoint.config.model.name.clone(),
        pods: std::iter::once(own.clone()).chain(others).collect(),
    };
    let text = Bytes::from(serde_json::to_vec(&table).expect("text and numbers serialise"));
    *told = Some((now, text.clone()));
    text
}

fn own_row(endpoint: &Endpoint) -> PeerRow {
    let node = own::this_node(endpoint);
    PeerRow {
        instance: endpoint.peers.instance.clone(),
        address: String::new(),
        endpoint_id: node.name,
        url: node.url,
        zone: node.zone,
        model_digest: endpoint.config.model.digest.clone(),
        max_concurrency: endpoint.config.admission.concurrency,
        age_milliseconds: 0,
        load: load::report(endpoint, Instant::now()),
    }
}
