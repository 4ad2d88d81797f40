//! Memory of a proxy that was just started, so that nothing is left in its heap from another measure. In: what is to be
//! held. Out: MiB or KiB.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Result;
use tokio::{task::JoinSet, time::sleep};

use crate::{
    load::{self, Load},
    measure::Bed,
    process::Process,
    proxy::{Kind, Proxy, Way},
};

/// What of a proxy's memory.
#[derive(Clone, Copy)]
pub enum What {
    /// All of it, after one request, in MiB.
    Idle,
    /// What each of a thousand kept connections takes after one request, in KiB.
    Connections,
    /// Growth from 1 to 64 bodies that the server does not read, in MiB.
    SlowServer,
    /// Growth from 1 to 64 bodies whose other half does not come yet, in MiB.
    SlowClients,
}

const IDLE_CONNECTIONS: usize = 1000;
const BODIES: usize = 64;
/// What is on its way has come to rest by then.
const REST: Duration = Duration::from_millis(300);
const KIB: f64 = 1024.0;

/// Starts a proxy and measures it.
pub async fn of(what: What, kind: Kind, way: Way, bed: &Bed) -> Result<f64> {
    let proxy = Proxy::start(kind, &bed.backend, &bed.folder.join("memory")).await?;
    let (process, address) = (&proxy.process, proxy.address(way));
    sleep(REST).await;
    let idle = process.memory()? as f64;
    match what {
        What::Idle => Ok(idle / KIB / KIB),
        What::Connections => {
            let connections = Load::start(address, IDLE_CONNECTIONS, &load::small()).await?;
            sleep(REST).await;
            let held = process.memory()? as f64;
            drop(connections);
            Ok((held - idle) / KIB / IDLE_CONNECTIONS as f64)
        }
        What::SlowServer => {
            let request = load::picture(crate::http1::HOLD);
            let whole = request.len();
            bodies(process, address, bed, &request, whole).await
        }
        What::SlowClients => {
            let request = load::picture("");
            let half = request.len() / 2;
            bodies(process, address, bed, &request, half).await
        }
    }
}

/// Growth of the highest memory from one body in flight to all of them.
async fn bodies(
    process: &Process,
    address: SocketAddr,
    bed: &Bed,
    request: &Arc<[u8]>,
    beginning: usize,
) -> Result<f64> {
    bed.backend.hold();
    let mut clients = JoinSet::new();
    let mut begin = |count| {
        for _ in 0..count {
            clients.spawn(load::halting(address, Arc::clone(request), beginning, bed.backend.gate()));
        }
    };
    begin(1);
    let one = highest(process).await?;
    begin(BODIES - 1);
    let all = highest(process).await?;
    bed.backend.release();
    // What was held is served in the end, or nothing was measured.
    while let Some(ended) = clients.join_next().await {
        ended??;
    }
    Ok((all - one) / KIB / KIB)
}

/// The highest memory on the way to rest.
async fn highest(process: &Process) -> Result<f64> {
    const LOOK: Duration = Duration::from_millis(20);
    let mut highest = 0;
    for _ in 0..2 * REST.as_millis() / LOOK.as_millis() {
        sleep(LOOK).await;
        highest = highest.max(process.memory()?);
    }
    Ok(highest as f64)
}
