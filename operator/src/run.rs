//! Start and stop. A part that ends by itself is an error; on SIGTERM what has begun is finished, within a limit.

use std::{future, pin::pin, sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use futures::{Stream, StreamExt as _, stream};
use kube::{
    Client,
    runtime::{
        Config as ControllerConfig, applier,
        controller::{Action, Error as ControllerError},
        events::Recorder,
        reflector::ObjectRef,
        watcher,
    },
};
use tokio::sync::{oneshot, watch};

use crate::{
    admin, classes,
    config::Config,
    context::Context,
    error::{self, Error},
    events,
    metrics::Metrics,
    probe::Prober,
    reconcile::{reconcile, retry},
    retry::Retries,
    shutdown::Signals,
    stores::Stores,
    watch::Triggers,
};

/// Changes of one offload within this time are one look.
const DEBOUNCE: Duration = Duration::from_millis(250);
/// Looks at once.
const AT_ONCE_MAX: u16 = 4;
/// Longest wait at the end for looks that have begun.
const DRAIN_MAX: Duration = Duration::from_secs(10);

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// A part of the operator cannot start or has ended.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let mut signals = Signals::arm().context("cannot wait for signals")?;
    let listener = admin::bind(config.admin_address)
        .await
        .with_context(|| format!("--admin-address: cannot listen on {}", config.admin_address))?;
    let admin_address = listener.local_addr().context("the admin address is unknown")?;
    let client = Client::try_from(config.kubernetes).context("cannot talk to the API server")?;
    let (stores, triggers) = Stores::watch(&client, config.watch_namespace.as_deref());
    let ctx = Arc::new(Context {
        recorder: Recorder::new(client.clone(), events::reporter()),
        client,
        stores,
        settings: config.settings,
        resync: config.resync,
        prober: Prober::default(),
        retries: Retries::default(),
        metrics: Metrics::default(),
    });

    let (announce, ready) = watch::channel(false);
    let (stop, stopped) = oneshot::channel();
    let mut admin = pin!(admin::serve(listener, ctx.clone(), ready));
    let mut startup = pin!(start(&ctx, announce, &config.default_classes));
    let mut control = pin!(control(&ctx, triggers, stopped));
    tracing::info!(admin = %admin_address, "started");

    tokio::select! {
        () = signals.next() => {}
        result = &mut admin => bail!("the admin server has ended: {result:?}"),
        result = &mut startup => result?,
        () = &mut control => bail!("the controller has ended"),
    }
    let _ = stop.send(());
    tokio::select! {
        () = &mut control => tracing::info!("stopped"),
        () = tokio::time::sleep(DRAIN_MAX) => tracing::warn!("stopped in the middle of a reconcile"),
        () = signals.next() => tracing::warn!("a second signal: stopped in the middle of a reconcile"),
        result = &mut admin => bail!("the admin server has ended: {result:?}"),
    }
    Ok(())
}

/// Ready once every cache is filled; stays so when the API server leaves later. Never ends well.
async fn start(
    ctx: &Context,
    announce: watch::Sender<bool>,
    default_classes: &[crds::OffloadClass],
) -> anyhow::Result<()> {
    let ready = async {
        ctx.stores.ready().await?;
        announce.send_replace(true);
        tracing::info!("ready");
        Ok::<_, Error>(())
    };
    let (ready, ()) = tokio::join!(ready, classes::create_absent(ctx, default_classes));
    ready?;
    future::pending().await
}

/// Looks at every offload that a trigger names.
async fn control(ctx: &Arc<Context>, triggers: Vec<Triggers>, stopped: oneshot::Receiver<()>) {
    let queue = stream::select_all(triggers).take_until(stopped);
    let config = ControllerConfig::default().debounce(DEBOUNCE).concurrency(AT_ONCE_MAX);
    let looks = applier(
        |offload, ctx| Box::pin(reconcile(offload, ctx)),
        |offload, error, ctx| retry(&offload, error, &ctx),
        ctx.clone(),
        ctx.stores.offloads.clone(),
        queue,
        config,
    );
    finish(ctx, looks).await;
}

async fn finish(
    ctx: &Context,
    looks: impl Stream<
        Item = Result<(ObjectRef<crds::InferenceOffload>, Action), ControllerError<Error, watcher::Error>>,
    >,
) {
    let mut looks = pin!(looks);
    while let Some(look) = looks.next().await {
        match look {
            // Failures are logged where they are retried.
            Ok(_) | Err(ControllerError::ReconcilerFailed(..)) => {}
            Err(ControllerError::ObjectNotFound(gone)) => {
                let namespace = gone.namespace.unwrap_or_default();
                ctx.retries.forget(&ObjectRef::new(&gone.name).within(&namespace));
            }
            Err(ControllerError::QueueError(error)) => {
                ctx.metrics.watch_failed();
                tracing::warn!(error = error::chain(&error), "a watch failed and begins again");
            }
            Err(error) => tracing::error!(error = error::chain(&error), "the controller failed"),
        }
    }
}
