//! Describes a device, then starts it: reads what is on disk, warms the model up, asks the endpoints once.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use engine::{Tensor, TensorSpec, picture::Normalization};
use tokio::sync::Semaphore;
use trust::Clock;
use wire::bundle::OffloadPolicy;

use crate::bundle_file::{self, BundleFileError};
use crate::core::estimate::Estimate;
use crate::core::model::{Local, Model};
use crate::core::outcome::Reason;
use crate::core::profile::Profile;
use crate::directory::Directory;
use crate::discovery::{Discovery, Source, SrvName};
use crate::http::reply::micros;
use crate::http::tls::{Tls, TlsFiles};
use crate::http::url::EdgeUrl;
use crate::learner;
use crate::prober;
use crate::random::Random;
use crate::state::{Shared, State};
use crate::{Device, LocalModel};

/// Runs that measure the model's speed here before the first input; the first of them fills caches and does not count.
const WARM_UP_RUNS: usize = 4;

/// A device in the making.
pub struct Builder {
    model: String,
    edges: Vec<EdgeUrl>,
    srv: Option<SrvName>,
    dns_server: Option<SocketAddr>,
    /// On which interface to look by multicast DNS; the inner `None` is the one that multicast leaves by.
    mdns: Option<Option<String>>,
    tls: Option<TlsFiles>,
    models: Option<PathBuf>,
    local: Option<Arc<dyn LocalModel>>,
    policy_file: Option<PathBuf>,
    labels: Option<Vec<String>>,
    profile: Profile,
    normalization: Normalization,
    zone: String,
    class: String,
}

/// Why a device cannot start.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The model's name is none.
    #[error("model name {0:?} must be 1 to 63 of a-z 0-9 - _ . and begin and end with a letter or digit")]
    Name(String),
    /// Neither an edge node nor a model on the device.
    #[error("no edge URL, no SRV name, no mDNS and no model {0:?} on the device: give at least one of them")]
    Nothing(String),
    /// An edge node is to be dialled inside TLS, and nothing says whom to believe there.
    #[error("{0}: give the authorities that sign for the nodes")]
    NoAuthorities(String),
    /// A file of [`TlsFiles`] cannot be used.
    #[error("{0}")]
    Tls(String),
    /// The policy file is there and cannot be used.
    #[error(transparent)]
    Policy(#[from] BundleFileError),
    /// The model on the device cannot be used.
    #[cfg(feature = "tract")]
    #[error(transparent)]
    Model(#[from] crate::OnnxError),
}

impl Builder {
    pub(crate) fn new(model: &str) -> Self {
        Self {
            model: model.into(),
            edges: Vec::new(),
            srv: None,
            dns_server: None,
            mdns: None,
            tls: None,
            models: None,
            local: None,
            policy_file: None,
            labels: None,
            profile: Profile::default(),
            normalization: Normalization::default(),
            zone: String::new(),
            class: String::new(),
        }
    }

    /// Adds an edge node. One is enough: it tells the others.
    #[must_use]
    pub fn edge(mut self, url: EdgeUrl) -> Self {
        self.edges.push(url);
        self
    }

    /// Finds edge nodes by a DNS SRV name: asks at the start, and again and again in the background.
    #[must_use]
    pub fn edge_srv(mut self, name: SrvName) -> Self {
        self.srv = Some(name);
        self
    }

    /// The DNS server that is asked for the SRV name. Default: those of `/etc/resolv.conf`.
    #[must_use]
    pub fn dns_server(mut self, address: SocketAddr) -> Self {
        self.dns_server = Some(address);
        self
    }

    /// Finds edge nodes by multicast DNS on the network of an interface; without one, where the system sends multicast. They
    /// are looked for inside TLS with [`Builder::tls`], and in the clear without.
    #[must_use]
    pub fn edge_mdns(mut self, interface: Option<&str>) -> Self {
        self.mdns = Some(interface.map(Into::into));
        self
    }

    /// Whom to believe and what to show at `https://` nodes. The files must be there at the start.
    #[must_use]
    pub fn tls(mut self, files: TlsFiles) -> Self {
        self.tls = Some(files);
        self
    }

    /// The folder of models on the device, `DIR/<name>/<version>/model.onnx`. Without the file nothing runs here.
    #[must_use]
    pub fn models(mut self, folder: impl Into<PathBuf>) -> Self {
        self.models = Some(folder.into());
        self
    }

    /// A model on the device that the caller brings; it wins over [`Builder::models`].
    #[must_use]
    pub fn local_model(mut self, model: Arc<dyn LocalModel>) -> Self {
        self.local = Some(model);
        self
    }

    /// The file that keeps the policy bundle for times without a network.
    #[must_use]
    pub fn policy_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.policy_file = Some(file.into());
        self
    }

    /// Words for the indices of the probabilities; they win over the policy bundle's.
    #[must_use]
    pub fn labels(mut self, labels: Vec<String>) -> Self {
        self.labels = Some(labels);
        self
    }

    /// Power figures and capacity of the device.
    #[must_use]
    pub fn profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    /// How a picture's channels become the model's elements. Default: -1 to 1.
    #[must_use]
    pub fn normalization(mut self, normalization: Normalization) -> Self {
        self.normalization = normalization;
        self
    }

    /// The site where the device is, by the name that its nodes have for it: of endpoints that were never measured, those
    /// there are taken to be nearer. Default: unknown.
    #[must_use]
    pub fn zone(mut self, zone: impl Into<String>) -> Self {
        self.zone = zone.into();
        self
    }

    /// What kind of device this is, in one word of at most 64 bytes: where the fleet is short, kinds share it first and then the
    /// devices of each. Default: none.
    #[must_use]
    pub fn class(mut self, class: impl Into<String>) -> Self {
        self.class = class.into();
        self
    }

    /// Starts the device. Waits for the model to load, at most a second for DNS where it is asked, and at most about a second
    /// for the endpoints' first answers.
    ///
    /// # Errors
    /// When a name, a file or the model cannot be used. Silent endpoints are no error.
    pub async fn build(self) -> Result<Device, BuildError> {
        if !wire::name::is_model(&self.model) {
            return Err(BuildError::Name(self.model));
        }
        let tls = self.read_tls()?;
        let (local, kept) = self.load().await?;
        let sources = self.sources();
        if local.is_none() && self.edges.is_empty() && sources.is_empty() {
            return Err(BuildError::Nothing(self.model));
        }
        let mut model = Model::new(OffloadPolicy::default(), self.profile, kept);
        let mut directory = Directory::new(tls);
        if sources.iter().any(Source::is_encrypted) {
            directory.insist_on_tls();
        }
        for url in self.edges {
            directory.add_given(url, &mut model);
        }
        let mut state = State {
            model,
            directory,
            bundle: None,
            bundle_trouble: None,
            search_trouble: None,
            bundle_tag: None,
            saved: None,
            labels_given: self.labels,
            metadata: None,
            last: None,
            battery_percent: None,
            zone: self.zone,
            class: self.class,
            asked: None,
            random: Random::new(),
        };
        if let Some((bundle, age)) = self.policy_file.as_deref().map(bundle_file::load).transpose()?.flatten()
        {
            state.adopt(bundle, age, 0);
        }
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            model_name: self.model,
            local,
            normalization: self.normalization,
            policy_file: self.policy_file,
            processor: Arc::new(Semaphore::new(1)),
            epoch: Instant::now(),
        });
        let mut discovery = Discovery::new(sources);
        discovery.search(&shared).await;
        learner::refresh(&shared).await;
        tokio::spawn(discovery.search_for_ever(Arc::downgrade(&shared)));
        tokio::spawn(prober::probe_for_ever(Arc::downgrade(&shared)));
        tokio::spawn(learner::refresh_for_ever(Arc::downgrade(&shared)));
        Ok(Device { shared })
    }

    fn sources(&self) -> Vec<Source> {
        let srv = self.srv.clone().map(|name| Source::Srv { name, server: self.dns_server });
        let is_encrypted = self.tls.is_some();
        let mdns = self.mdns.clone().map(|interface| Source::Mdns { is_encrypted, interface });
        srv.into_iter().chain(mdns).collect()
    }

    fn read_tls(&self) -> Result<Option<Arc<Tls>>, BuildError> {
        let Some(files) = self.tls.clone() else {
            let url = self.edges.iter().find(|url| url.is_encrypted()).map(|url| format!("edge URL {url}"));
            let srv = self.srv.iter().find(|name| name.is_encrypted()).map(|name| format!("SRV name {name}"));
            return url.or(srv).map_or(Ok(None), |which| Err(BuildError::NoAuthorities(which)));
        };
        Tls::load(files, Clock::new()).map(Arc::new).map(Some).map_err(BuildError::Tls)
    }

    async fn load(&self) -> Result<(Option<Arc<dyn LocalModel>>, Local), BuildError> {
        let found = match (&self.local, &self.models) {
            (Some(local), _) => Ok(Arc::clone(local)),
            (None, Some(folder)) => from_folder(folder, &self.model, self.profile.model_bytes_max)?,
            (None, None) => Err(Reason::NoLocalModel),
        };
        Ok(match found {
            Err(reason) => (None, Local::Absent(reason)),
            Ok(model) => {
                let speed = measure(Arc::clone(&model)).await;
                (Some(model), Local::Ready(speed))
            }
        })
    }
}

/// The model, or why it does not run on this device.
type Found = Result<Arc<dyn LocalModel>, Reason>;

#[cfg(feature = "tract")]
fn from_folder(folder: &Path, name: &str, bytes_max: u64) -> Result<Found, BuildError> {
    let Some(file) = crate::onnx::find(folder, name) else { return Ok(Err(Reason::NoLocalModel)) };
    let size = std::fs::metadata(&file).map_or(0, |metadata| metadata.len());
    if bytes_max < size {
        return Ok(Err(Reason::ModelTooLarge));
    }
    Ok(Ok(Arc::new(crate::OnnxModel::load(&file)?)))
}

#[cfg(not(feature = "tract"))]
fn from_folder(_folder: &Path, _name: &str, _bytes_max: u64) -> Result<Found, BuildError> {
    Ok(Err(Reason::NoLocalModel))
}

/// The time of one run here, measured with zeros; a guess when the model does not take them.
async fn measure(model: Arc<dyn LocalModel>) -> Estimate {
    let work = move || {
        let mut estimate = Estimate::guess(100_000.0, 50_000.0);
        let zeros: Vec<Tensor> = model.metadata().inputs.iter().map(zero).collect();
        for run in 0..WARM_UP_RUNS {
            let started = Instant::now();
            if model.run(&zeros).is_ok() && run > 0 {
                estimate.add(micros(started.elapsed()) as f32);
            }
        }
        estimate
    };
    tokio::task::spawn_blocking(work).await.unwrap_or(Estimate::guess(100_000.0, 50_000.0))
}

fn zero(spec: &TensorSpec) -> Tensor {
    let shape: Vec<usize> = spec.shape.iter().map(|extent| usize::try_from(*extent).unwrap_or(1)).collect();
    let elements: usize = shape.iter().product();
    let data = vec![0; elements * spec.datatype.size()].into();
    Tensor { name: spec.name.clone(), datatype: spec.datatype, shape, data }
}
