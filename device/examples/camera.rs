//! `camera URL PICTURE DEADLINE_MS`: what a picture shows.

use std::time::Duration;

use longshore_device::core::outcome::Ending;
use longshore_device::{Device, Input};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, url, picture, deadline_ms] = arguments.as_slice() else {
        return Err("usage: camera URL PICTURE DEADLINE_MS".into());
    };
    let device = Device::builder("person-detect")
        .edge(url.parse()?)
        .models("models") // models/person-detect/1/model.onnx, for times without an edge
        .labels(vec!["background".into(), "person".into()]) // a cluster tells them with its policy
        .build()
        .await?;
    device.set_battery_percent(Some(18.0)); // low, so the edge is asked

    let input = Input::Picture(std::fs::read(picture)?.into());
    let answer = device.infer(input, Duration::from_millis(deadline_ms.parse()?)).await;
    match (answer.ending, answer.label, answer.confidence) {
        (Ending::Answered, Some(label), Some(confidence)) => {
            let endpoint = answer.endpoint.as_deref().unwrap_or("here");
            let (percent, latency_ms) = (100.0 * confidence, answer.latency.as_secs_f64() * 1_000.0);
            println!("{label} {percent:.0} %, {endpoint}, {latency_ms:.1} ms ({})", answer.reason);
        }
        _ => println!("no answer ({})", answer.reason),
    }
    Ok(())
}
