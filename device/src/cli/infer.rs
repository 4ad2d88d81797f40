//! `infer`: one JSON line per input.

use std::io::{Write as _, stdout};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use longshore_device::core::outcome::Ending;
use longshore_device::{Answer, Device, Input};

use super::args::InferArgs;
use super::report::Report;
use super::spent::Spent;

pub(crate) async fn run(args: InferArgs) -> anyhow::Result<ExitCode> {
    let device = args.device.builder().build().await?;
    device.set_battery_percent(args.device.battery_percent);
    let deadline = Duration::from_millis(args.device.deadline_ms);
    let mut all_answered = true;
    for path in &args.inputs {
        let (answer, spent) = answer(&device, path, deadline).await;
        let name = path.to_string_lossy();
        writeln!(stdout(), "{}", Report::new(&name, &answer, args.device.battery_percent, spent).line())?;
        all_answered &= answer.ending == Ending::Answered;
    }
    Ok(ExitCode::from(u8::from(!all_answered)))
}

/// The answer for one file, and what it cost. A file that cannot be read is an input that cannot be read.
pub(crate) async fn answer(device: &Device, path: &Path, deadline: Duration) -> (Answer, Spent) {
    let before = device.account();
    let answer = match std::fs::read(path) {
        Ok(picture) => device.infer(Input::Picture(picture.into()), deadline).await,
        Err(error) => Answer::unreadable(format!("failed to read {}: {error}", path.display())),
    };
    (answer, Spent::between(&before, &device.account()))
}
