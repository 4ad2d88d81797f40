//! `watch`: the pictures of a folder as a camera would deliver them, one line each, and a short table at the end.

use std::io::Result;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use longshore_device::Device;
use tokio::time::{MissedTickBehavior, interval};
use tracing::debug;

use super::args::WatchArgs;
use super::battery::Battery;
use super::screen::{Screen, Shot};
use super::tally::Tally;
use super::{frames, infer, stop};

pub(crate) async fn run(args: WatchArgs) -> anyhow::Result<ExitCode> {
    let pictures = frames::list(&args.folder)?;
    let device = args.device.builder().build().await?;
    let mut screen = Screen::open(&args);
    let tally = camera(&args, &device, &pictures, &mut screen).await?;
    screen.close(&tally)?;
    Ok(ExitCode::SUCCESS)
}

/// Takes pictures at an even pace. Ends between two of them: one that was taken gets its answer.
async fn camera(
    args: &WatchArgs,
    device: &Device,
    pictures: &[PathBuf],
    screen: &mut Screen,
) -> Result<Tally> {
    let battery = Battery {
        start_percent: args.device.battery_percent,
        drain_percent_per_minute: args.battery_drain_percent_per_minute,
    };
    let deadline = Duration::from_millis(args.device.deadline_ms);
    let mut tally = Tally::default();
    let mut over = pin!(stop::when(args.duration_s));
    let started = Instant::now();
    let mut shutter = interval(Duration::from_millis(args.period_ms));
    // A slow answer must not be followed by a burst.
    shutter.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let wanted = usize::try_from(args.frames.unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
    for picture in pictures.iter().cycle().take(wanted) {
        tokio::select! {
            biased;
            ended = &mut over => {
                ended?;
                break;
            }
            _ = shutter.tick() => {}
        }
        let at = started.elapsed();
        let percent = battery.percent(at);
        device.set_battery_percent(percent);
        if let Some(file) = &args.zone_file {
            zone(device, file);
        }
        tally.taken();
        let (answer, spent) = infer::answer(device, picture, deadline).await;
        tally.answered(&answer);
        tally.account(&device.account());
        let frame = picture.file_name().unwrap_or_default().to_string_lossy();
        let shot = Shot { at, frame: &frame, answer: &answer, battery_percent: percent, spent };
        screen.show(shot, &tally)?;
    }
    Ok(tally)
}

/// Tells the device where it is. A file that cannot be read, as while it is replaced, tells nothing.
fn zone(device: &Device, file: &Path) {
    match std::fs::read_to_string(file) {
        Ok(text) => device.set_zone(text.trim()),
        Err(error) => debug!(%error, file = %file.display(), "no zone"),
    }
}
