//! Time of one answer with its credits, by the number of endpoints. `cargo bench -p routing`; nothing is asserted.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use routing::{
    credits::Askers,
    rank::{Query, resolve},
    table::{Source, Table},
};
use wire::{
    LoadReport,
    load::NamedMetrics,
    routes::{Observed, PeerRow},
};

const ROUNDS: usize = 9;
const ANSWERS: u64 = 2_000;
const DEVICES: u64 = 500;

fn main() {
    for endpoints in [16, 256, 1_000] {
        let (mut table, mut askers) = (filled(endpoints), Askers::default());
        let observed: Vec<Observed> = (0..8).map(seen).collect();
        let query = Query {
            bytes: 48_211,
            deadline: Duration::from_millis(500),
            zone: "site-3",
            digest: None,
            observed: &observed,
            exclude: &[],
            stale_after: Duration::from_secs(5),
        };
        let mut rounds: Vec<f64> = (0..ROUNDS)
            .map(|round| {
                let began = Instant::now();
                for number in 0..ANSWERS {
                    black_box(resolve(&mut table, Instant::now(), number + round as u64, black_box(&query)));
                    black_box(askers.share(&table, &(number % DEVICES), "camera", query.deadline));
                }
                began.elapsed().as_secs_f64() * 1e6 / ANSWERS as f64
            })
            .collect();
        rounds.sort_by(f64::total_cmp);
        println!(
            "{endpoints:5} endpoints: {:6.1} us an answer (median of {ROUNDS} rounds)",
            rounds[ROUNDS / 2]
        );
    }
}

fn filled(endpoints: usize) -> Table {
    let (mut table, now) = (Table::default(), Instant::now());
    for number in 0..endpoints {
        let named_metrics = NamedMetrics {
            estimated_wait_ms: (number * 7 % 50) as f64,
            service_p50_ms: 8.0 + (number % 5) as f64,
            service_p95_ms: 15.0 + (number % 9) as f64,
            ..NamedMetrics::default()
        };
        let row = PeerRow {
            instance: format!("instance-{number}"),
            endpoint_id: format!("edge-{number}"),
            url: format!("http://10.0.{}.{}:30080", number / 256, number % 256),
            zone: format!("site-{}", number % 10),
            max_concurrency: 4,
            load: LoadReport { named_metrics, ..LoadReport::default() },
            ..PeerRow::default()
        };
        table.learn(now, &row, Source::Itself(Duration::from_secs(1)));
    }
    table
}

fn seen(number: usize) -> Observed {
    Observed {
        endpoint_id: format!("edge-{number}"),
        rtt_milliseconds: Some(10.0),
        uplink_kilobits_per_second: Some(20_000.0),
    }
}
