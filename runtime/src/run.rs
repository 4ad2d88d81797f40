//! The story of start and stop.
//!
//! Live as soon as the listener is bound, ready when every model is loaded. A model that cannot be loaded ends the
//! program: restarting with back-off and showing the reason is what Kubernetes does well.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing::info;

use crate::app::App;
use crate::args::Args;
use crate::repository::{self, Layout, LayoutError, ModelsError};
use crate::{connection, listen, routes};

/// Why the program ended other than by a signal.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The models folder is not there.
    #[error("--models {} cannot be read", .folder.display())]
    ModelsFolder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Files are missing, corrupt or unsupported.
    #[error(transparent)]
    Models(#[from] ModelsError),
    /// The address cannot be had.
    #[error("failed to listen on {address}")]
    Listen {
        /// The address.
        address: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Signals cannot be received.
    #[error("failed to install a signal handler")]
    Signals(#[source] io::Error),
    /// A part that must not end has ended.
    #[error("the {0} task ended by itself")]
    Task(&'static str),
}

impl RunError {
    /// First word of the termination message.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::ModelsFolder { .. } => "BadConfiguration",
            Self::Models(_) => "ModelLoadFailed",
            Self::Listen { .. } => "ListenFailed",
            Self::Signals(_) | Self::Task(_) => "Internal",
        }
    }

    /// 78 is `EX_CONFIG`.
    pub fn exit_code(&self) -> u8 {
        if matches!(self, Self::ModelsFolder { .. }) { 78 } else { 1 }
    }
}

/// Serves until SIGTERM or SIGINT.
pub async fn run(args: &Args) -> Result<(), RunError> {
    let layout = layout(args)?;
    let listener = listen::bind(&args.listen).await.map_err(|source| {
        let address = listen::text(&args.listen);
        RunError::Listen { address, source }
    })?;
    info!(address = listener.address(), models = ?layout.names(), "listening");

    let app = Arc::new(App::new(&layout, threads(args), args.max_body_bytes));
    let (stop, stopping) = watch::channel(false);
    let drain_max = Duration::from_secs(args.drain_seconds.into());
    let mut traffic =
        tokio::spawn(connection::serve(listener, routes::routes(app.clone()), stopping, drain_max));
    let load = async {
        let loaded = tokio::task::spawn_blocking(move || repository::load(&layout)).await;
        app.models_loaded(loaded.map_err(|_| RunError::Task("loading"))??);
        info!("ready");
        // Nothing else ends it: signals and failures are the other arms.
        std::future::pending::<Result<(), RunError>>().await
    };

    tokio::select! {
        received = interrupted() => received?,
        failed = load => return failed,
        _ = &mut traffic => return Err(RunError::Task("traffic")),
    }
    info!("draining");
    stop.send_replace(true);
    traffic.await.map_err(|_| RunError::Task("traffic"))
}

fn layout(args: &Args) -> Result<Layout, RunError> {
    repository::scan(&args.models).map_err(|error| match error {
        LayoutError::Folder(source) => RunError::ModelsFolder { folder: args.models.clone(), source },
        LayoutError::Models(error) => RunError::Models(error),
    })
}

fn threads(args: &Args) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    args.threads.map_or_else(cores, usize::from)
}

async fn interrupted() -> Result<(), RunError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(RunError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(RunError::Signals)?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
