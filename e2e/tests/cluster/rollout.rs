//! A new model while devices send, with every accelerator taken; and an operator that dies on the way.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Result, anyhow, ensure};
use e2e::{
    cluster::{self, POD, SOON, apply, endpoints, get, kubectl, list, pods},
    device::{Device, all_at_the_edge},
    grpc, manifest, node, wait,
};
use serde_json::{Value, json};

use crate::scale::within_accelerators;

/// Four pods on four accelerators take a new model; a device that knows both nodes, and cannot help itself, loses none of
/// 2,000 requests. Streams that are open for long end in words and not in a cut.
pub fn rollout_under_load(namespace: &str) -> Result<()> {
    let mut offload = four(namespace)?;
    let digest = next(&mut offload)?;
    let ready = get(namespace, &["iof", "person"])?;
    let watch = Device::thin(&endpoints(&ready), 2_000).watch(10)?;
    watch.until("answers from the edge", 50, SOON, |line| line["place"] == "edge")?;
    // So many that, whichever pod of a node each leads to, some are at one that leaves.
    const STREAMS_EACH: usize = 4;
    let nodes = endpoints(&ready).into_iter();
    let streams: Vec<Stream> = nodes.flat_map(|url| vec![url; STREAMS_EACH]).map(Stream::begin).collect();
    apply(&offload.to_string())?;
    rolled(namespace, &digest)?;
    let ends = streams.into_iter().map(Stream::finish).sum::<Result<usize>>()?;
    println!("    {ends} streams ended by pods that left");
    ensure!(ends > 0, "no stream was at a pod that left");
    within_accelerators(namespace)?;
    watch.until("answers of the new model", 50, SOON, |line| line["modelDigest"] == digest.as_str())?;
    wait::until_true("2,000 requests", Duration::from_secs(180), || {
        let count = watch.lines().len();
        ensure!(2_000 <= count, "{count}");
        Ok(true)
    })?;
    all_at_the_edge(&watch.finish()?)
}

/// The operator is killed at random moments while it rolls one model out and then the other; it converges, and nothing is
/// there twice.
pub fn operator_killed_during_a_rollout(namespace: &str) -> Result<()> {
    let mut offload = four(namespace)?;
    let first = offload.clone();
    let digest = next(&mut offload)?;
    let mut random = Random::seeded()?;
    println!("    seed {}", random.0);
    for kill in 0..7 {
        let change = if kill % 2 == 0 { &offload } else { &first };
        apply(&change.to_string())?;
        let moment = Instant::now() + Duration::from_millis(random.next() % 1_500);
        wait::until_true("the moment to kill", SOON, || Ok(moment <= Instant::now()))?;
        kill_operator()?;
    }
    rolled(namespace, &digest)?;
    let deployments = list(namespace, &["deployments"])?;
    ensure!(deployments.len() == 1, "{} deployments", deployments.len());
    wait::until_true("eight children, once each", POD, || {
        let configs = list(namespace, &["configmaps", "-l", "longshore.dev/offload=person"])?.len();
        let services = list(namespace, &["services"])?.len();
        ensure!(configs == 2 && services == 2, "{configs} config maps, {services} services");
        Ok(true)
    })?;
    ensure!(pods(namespace, "person")?.len() == 4, "not four pods");
    Ok(())
}

/// Four pods that serve the example model.
fn four(namespace: &str) -> Result<Value> {
    let mut offload = manifest::offload(namespace, "person", manifest::GPU_CLASS)?;
    offload["spec"]["replicas"] = json!(4);
    offload["spec"]["offloadPolicy"] = json!({"mode": "OffloadOnly"});
    apply(&offload.to_string())?;
    wait::until_true("four pods serve on two nodes", POD, || {
        let seen = get(namespace, &["iof", "person"])?;
        ensure!(seen["status"]["readySummary"] == "4/4" && endpoints(&seen).len() == 2, "{}", seen["status"]);
        Ok(true)
    })?;
    Ok(offload)
}

/// Changes an offload to the next model and gives its digest.
fn next(offload: &mut Value) -> Result<String> {
    let digest = manifest::digest(&manifest::next_model(manifest::model_file()?))?;
    offload["spec"]["model"]["digest"] = json!(digest);
    offload["spec"]["model"]["source"]["image"]["reference"] = json!(manifest::NEXT_MODEL_IMAGE);
    Ok(digest)
}

/// Waits until every pod serves the model with this digest.
fn rolled(namespace: &str, digest: &str) -> Result<()> {
    wait::until_true("every pod serves the new model", Duration::from_secs(300), || {
        let offload = cluster::ready(namespace, "person")?;
        let status = &offload["status"];
        let model = &status["model"];
        ensure!(
            status["readySummary"] == "4/4" && model["activeDigest"] == digest && model["state"] == "Loaded",
            "{status}"
        );
        Ok(true)
    })
}

/// One client of a node that has a stream of load reports all the time.
struct Stream {
    stop: Arc<AtomicBool>,
    client: JoinHandle<Result<usize>>,
}

impl Stream {
    fn begin(url: String) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let client = thread::spawn(move || {
            let mut ends = 0;
            while !stopped.load(Ordering::Relaxed) {
                ends += usize::from(ends_as_draining(&url)?);
            }
            Ok(ends)
        });
        Self { stop, client }
    }

    /// How many of its streams the node ended, each with a word.
    fn finish(self) -> Result<usize> {
        self.stop.store(true, Ordering::Relaxed);
        self.client.join().map_err(|_| anyhow!("the client of a stream panicked"))?
    }
}

/// One stream. The node ends it, in words, or it ends in the client's own time, or it cannot begin where no pod is ready or
/// the one that it met has just left; a cut is an error.
fn ends_as_draining(url: &str) -> Result<bool> {
    const STREAM: &str = "xds.service.orca.v3.OpenRcaService/StreamCoreMetrics";
    const BEGAN: &str = "HTTP/2 200";
    const OWN_TIME: &str = "exit status: 28)";
    // curl 7 loses trailers behind which the connection ends at once. That the stream was ended and not cut it still knows:
    // a cut is 18.
    const ENDED: &str = "exit status: 0)";
    let error = match grpc::call(url, STREAM, Some(&[]), &["--http2-prior-knowledge", "--max-time", "15"]) {
        Ok(ended) => {
            ensure!(ended.status == 14 && ended.outcome == "draining", "{ended:?}");
            return Ok(true);
        }
        Err(error) => error,
    };
    let text = error.to_string();
    if text.contains(BEGAN) && text.contains(ENDED) {
        return Ok(true);
    }
    if !text.contains(BEGAN) || text.contains(OWN_TIME) {
        return Ok(false);
    }
    Err(error.context("a stream was cut"))
}

/// Moments that differ from run to run; the seed is printed.
struct Random(u64);

impl Random {
    fn seeded() -> Result<Self> {
        let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
        Ok(Self(u64::from(time.subsec_nanos()) | 1))
    }

    /// Marsaglia's xorshift64.
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// Ends the operator without a chance to clean up, and waits for its successor.
fn kill_operator() -> Result<()> {
    let operators =
        |verb: &str| format!("-n longshore-system {verb} pods -l app.kubernetes.io/name=longshore");
    wait::until_true("an operator to kill", POD, || {
        let query = operators("get") + " -o jsonpath={.items[*].spec.nodeName}";
        let nodes = kubectl(&query.split(' ').collect::<Vec<_>>())?;
        let name = nodes.split_whitespace().next().unwrap_or_default().to_owned();
        node::kill(&name, "longshore-opera")?;
        // Its successor comes as another pod: a container that starts again waits longer after each death.
        let forget = operators("delete") + " --force --grace-period=0";
        kubectl(&forget.split(' ').collect::<Vec<_>>())?;
        Ok(true)
    })?;
    kubectl(&["-n", "longshore-system", "rollout", "status", "deployment/longshore", "--timeout=120s"])?;
    Ok(())
}
