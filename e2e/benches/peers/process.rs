//! A proxy as processes of its own on the first processor. In: a command. Out: the processor time and the memory that
//! it and its children took.

use std::{
    ffi::OsStr,
    fs,
    path::Path,
    process::{self, Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result};

/// Where proxies run, alone.
pub const PROXY_CPU: &str = "0";
/// Where the load and the model server run.
pub const LOAD_CPU: &str = "1";

/// A running program; ended with the value.
pub struct Process {
    child: Child,
}

impl Process {
    /// Starts a program.
    pub fn start<A: AsRef<OsStr>>(program: &Path, arguments: &[A], log: &Path) -> Result<Self> {
        let log = fs::File::create(log)?;
        let mut command = on(PROXY_CPU);
        command.arg(program).args(arguments).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        Ok(Self { child })
    }

    /// Whether it is still there.
    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Processor time so far, in user and kernel, children included.
    pub fn cpu(&self) -> Result<Duration> {
        // The unit of the file on every Linux, whatever the kernel's own clock.
        const TICKS_PER_SECOND: u64 = 100;
        let mut ticks = 0;
        for process in self.family() {
            let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
            // The name in brackets may have spaces.
            let (_, fields) = stat.rsplit_once(')').context("no name in stat")?;
            for field in fields.split_whitespace().skip(11).take(2) {
                ticks += field.parse::<u64>()?;
            }
        }
        Ok(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
    }

    /// Resident memory in bytes: that of the largest process, and what the others have for themselves. What they share
    /// is counted once.
    pub fn memory(&self) -> Result<u64> {
        let mut each = Vec::new();
        for process in self.family() {
            let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
            let kibibytes = |name: &str| -> Result<u64> {
                let line = rollup.lines().find_map(|line| line.strip_prefix(name)).context("no such line")?;
                Ok(line.trim().trim_end_matches(" kB").parse()?)
            };
            each.push((kibibytes("Rss:")?, kibibytes("Private_Clean:")? + kibibytes("Private_Dirty:")?));
        }
        each.sort_unstable_by(|one, other| other.cmp(one));
        let (largest, _) = each.first().context("no process")?;
        Ok((largest + each.iter().skip(1).map(|(_, own)| own).sum::<u64>()) << 10)
    }

    /// It and its children.
    fn family(&self) -> Vec<u32> {
        let mut family = vec![self.child.id()];
        let mut next = 0;
        while let Some(process) = family.get(next) {
            let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children"));
            family.extend(
                children.unwrap_or_default().split_whitespace().filter_map(|id| id.parse::<u32>().ok()),
            );
            next += 1;
        }
        family
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let family = self.family().into_iter().map(|id| id.to_string());
        Command::new("kill").arg("-KILL").args(family).stderr(Stdio::null()).status().ok();
        self.child.wait().ok();
    }
}

/// Keeps both processors from halting, with loops that give way to everything else.
pub fn spin() -> Result<[Process; 2]> {
    let start = |cpu| -> Result<Process> {
        let child = on(cpu).args(["chrt", "--idle", "0", "sh", "-c", "while :; do :; done"]).spawn()?;
        Ok(Process { child })
    };
    Ok([start(PROXY_CPU)?, start(LOAD_CPU)?])
}

/// A command that ends with this process, whatever ends it.
fn on(cpu: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM", "taskset", "--cpu-list", cpu]).stdin(Stdio::null());
    command
}

/// Goes on as a process on the load's processor, if it is not there already.
pub fn move_to_load_cpu() -> Result<()> {
    use std::os::unix::process::CommandExt as _;
    let status = fs::read_to_string("/proc/self/status")?;
    let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    if allowed.map(str::trim) == Some(LOAD_CPU) {
        return Ok(());
    }
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", LOAD_CPU]).arg(std::env::current_exe()?).args(std::env::args_os().skip(1));
    Err(command.exec())
        .with_context(|| format!("cannot run on processor {LOAD_CPU}; {} needs two", process::id()))
}
