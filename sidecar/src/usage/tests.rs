use super::*;

/// A folder that looks like a cgroup, removed with it.
struct Cgroup(PathBuf);

impl Cgroup {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("longshore-usage-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, text: &str) {
        fs::write(self.0.join(name), text).unwrap();
    }

    fn spent(&self, micros: u64) {
        self.file("cpu.stat", &format!("usage_usec {micros}\nuser_usec 1\nsystem_usec 2\n"));
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn close(got: f64, want: f64) {
    assert!((got - want).abs() < 1e-9, "{got} is not {want}");
}

#[test]
fn shares_are_of_the_limits_and_looked_at_once_a_second() {
    let (cgroup, start) = (Cgroup::new("limited"), Instant::now());
    cgroup.spent(1_000_000);
    cgroup.file("cpu.max", "50000 100000\n");
    cgroup.file("memory.current", "1048576\n");
    cgroup.file("memory.max", "4194304\n");
    let usage = Usage::of(cgroup.0.clone());
    assert_eq!(usage.at(start), Shares { processor: 0.0, memory: 0.25 });

    cgroup.spent(1_500_000);
    cgroup.file("memory.current", "2097152\n");
    assert_eq!(usage.at(start + LOOK_EVERY / 2), Shares { processor: 0.0, memory: 0.25 });
    let shares = usage.at(start + 2 * LOOK_EVERY);
    // Half a second of processor time in two seconds, of half a processor.
    close(shares.processor, 0.5);
    close(shares.memory, 0.5);
}

#[test]
fn without_limits_the_machine_is_the_limit() {
    let (cgroup, start) = (Cgroup::new("unlimited"), Instant::now());
    cgroup.spent(0);
    cgroup.file("cpu.max", "max 100000\n");
    cgroup.file("memory.current", "1048576\n");
    cgroup.file("memory.max", "max\n");
    let usage = Usage::of(cgroup.0.clone());
    usage.at(start);
    cgroup.spent(1_000_000);
    let shares = usage.at(start + LOOK_EVERY);
    let processors = thread::available_parallelism().unwrap().get() as f64;
    close(shares.processor, 1.0 / processors);
    close(shares.memory, 1_048_576.0 / machine_memory().unwrap());
}

#[test]
fn what_cannot_be_read_is_zero() {
    let (cgroup, start) = (Cgroup::new("empty"), Instant::now());
    let usage = Usage::of(cgroup.0.clone());
    for seconds in 0..3 {
        let shares = usage.at(start + seconds * LOOK_EVERY);
        assert_eq!(shares, Shares { processor: 0.0, memory: 0.0 });
    }
}
