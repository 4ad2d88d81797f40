//! `make bench`: the sidecar beside HAProxy, nginx and Envoy, in one run. In: files of the peers and a number of rounds, in
//! the environment. Out: tables and a plot. Proxies have one processor for themselves; the load and the model server behind
//! share another. Nothing is asserted: a figure that is not reached is printed as such.

mod attack;
mod backend;
mod config;
mod grpc;
mod http1;
mod load;
mod measure;
mod memory;
mod overload;
mod page;
mod plot;
mod process;
mod proxy;
mod target;

use std::{cell::RefCell, env, fs, path::PathBuf, time::Instant};

use anyhow::{Context as _, Result, ensure};
use e2e::repository;

use crate::{
    backend::Backend,
    measure::{Bed, Measure},
    proxy::{KINDS, Proxy},
};

fn main() -> Result<()> {
    process::move_to_load_cpu()?;
    let rounds: usize = variable("BENCH_ROUNDS", "9").parse().context("BENCH_ROUNDS is no number")?;
    ensure!(rounds > 0, "BENCH_ROUNDS is 0");
    let only = variable("BENCH_ONLY", "");
    let mut measures = measure::all();
    let keys: Vec<&str> = measures.iter().map(|measure| measure.key).collect();
    let keys = keys.join(", ");
    measures.retain(|measure| only.is_empty() || only.split(',').any(|word| word == measure.key));
    ensure!(!measures.is_empty(), "BENCH_ONLY={only}: choose among {keys}");

    let folder = env::temp_dir().join(format!("longshore-bench-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(run(&mut measures, rounds, folder.clone()));
    fs::remove_dir_all(&folder)?;
    result?;
    report(&measures)
}

fn variable(name: &str, default: &str) -> String {
    env::var(name).unwrap_or_else(|_| default.into())
}

async fn run(measures: &mut [Measure], rounds: usize, folder: PathBuf) -> Result<()> {
    let backend = Backend::start(&folder)?;
    let mut proxies = Vec::new();
    for kind in KINDS {
        proxies.push(Proxy::start(kind, &backend, &folder).await?);
    }
    let bed = Bed { backend, proxies, folder, overload: RefCell::default() };
    let start = Instant::now();
    for number in 0..rounds {
        for measure in &mut *measures {
            measure.round(&bed, number).await?;
        }
        let took = start.elapsed().as_secs_f64();
        let left = took / (number + 1) as f64 * (rounds - number - 1) as f64;
        println!("    round {} of {rounds}: {took:.0} s, about {left:.0} s left", number + 1);
    }
    Ok(())
}

/// Prints the tables; writes them and the plot into the docs where that is asked for, else into the cache.
fn report(measures: &[Measure]) -> Result<()> {
    let text = page::text(measures, &variable("BENCH_ABOUT", ""));
    let plot = plot::svg(measures);
    println!("\n{text}");
    let docs = repository().join("docs");
    let folder = match env::var_os("UPDATE") {
        Some(_) => {
            page::write(&docs.join("benchmarks.md"), &text)?;
            docs
        }
        None => {
            let folder = PathBuf::from(variable("BENCH_OUT", "."));
            fs::write(folder.join("benchmarks.md"), &text)?;
            folder
        }
    };
    fs::write(folder.join("benchmarks.svg"), plot)?;
    println!("written: {}/benchmarks.md and .svg", folder.display());
    Ok(())
}
