//! What the sidecar adds to a request at one connection: the runtime directly against the runtime behind the sidecar,
//! request by request in turn. `cargo bench --workspace --bench added_latency`

use std::{
    env, fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use e2e::{manifest, wait};

const ROUNDS: usize = 2_000;
const INFERENCES: usize = 300;

fn main() -> Result<()> {
    let folder = env::temp_dir().join(format!("longshore-bench-{}", std::process::id()));
    let servers = Servers::start(&folder)?;
    let live = b"GET /v2/health/live HTTP/1.1\r\nhost: bench\r\n\r\n".to_vec();
    compare("GET /v2/health/live", &servers, &live, ROUNDS)?;
    compare("POST infer, 196 KiB", &servers, &inference(), INFERENCES)?;
    for (name, server) in [("sidecar", &servers.sidecar), ("runtime", &servers.runtime)] {
        println!("{name}: {} KiB resident", resident(server)?);
    }
    fs::remove_dir_all(&folder)?;
    Ok(())
}

struct Servers {
    runtime: Child,
    sidecar: Child,
    direct: u16,
    behind: u16,
}

impl Servers {
    fn start(folder: &Path) -> Result<Self> {
        let model = folder.join("models/person-detect/1");
        fs::create_dir_all(&model)?;
        fs::write(model.join("model.onnx"), manifest::model_file()?)?;
        let (direct, behind, admin) = (free_port()?, free_port()?, free_port()?);
        let runtime = Command::new(program("longshore-runtime")?)
            .args(["--listen", &format!("127.0.0.1:{direct}"), "--models"])
            .arg(folder.join("models"))
            .spawn()?;
        let config = folder.join("sidecar.yaml");
        fs::write(
            &config,
            format!(
                "listen: 127.0.0.1:{behind}\nadmin: 127.0.0.1:{admin}\nupstream: {{http: \"http://127.0.0.1:{direct}\"}}\n\
                 model: {{name: person-detect}}\nadmission: {{defaultTimeoutMilliseconds: 2000}}\n"
            ),
        )?;
        let sidecar = Command::new(program("longshore-sidecar")?).arg("--config").arg(config).spawn()?;
        let servers = Self { runtime, sidecar, direct, behind };
        let ready = b"GET /v2/models/person-detect/ready HTTP/1.1\r\nhost: bench\r\n\r\n";
        wait::until_true("the sidecar is ready", Duration::from_secs(30), || {
            ask(&mut connect(behind)?, ready).map(|()| true)
        })?;
        Ok(servers)
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        for server in [&mut self.sidecar, &mut self.runtime] {
            server.kill().ok();
            server.wait().ok();
        }
    }
}

fn program(name: &str) -> Result<PathBuf> {
    let here = env::current_exe()?;
    let folder = here.ancestors().find(|folder| folder.ends_with("release")).context("no release folder")?;
    Ok(folder.join(name))
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn connect(port: u16) -> Result<TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    Ok(stream)
}

/// An inference over a grey picture, as the device sends it.
fn inference() -> Vec<u8> {
    let tensor = vec![0; 128 * 128 * 3 * 4];
    let json = format!(
        r#"{{"inputs":[{{"name":"in_nhwc","shape":[1,128,128,3],"datatype":"FP32","parameters":{{"binary_data_size":{}}}}}],"outputs":[{{"name":"probabilities"}}]}}"#,
        tensor.len()
    );
    let mut request = format!(
        "POST /v2/models/person-detect/infer HTTP/1.1\r\nhost: bench\r\ninference-header-content-length: {}\r\n\
         content-length: {}\r\n\r\n{json}",
        json.len(),
        json.len() + tensor.len()
    )
    .into_bytes();
    request.extend(tensor);
    request
}

/// One request and its whole answer, which must be a 200.
fn ask(stream: &mut TcpStream, request: &[u8]) -> Result<()> {
    stream.write_all(request)?;
    let mut answer = Vec::new();
    let mut part = [0; 16 << 10];
    loop {
        let count = stream.read(&mut part)?;
        ensure!(count > 0, "the connection was closed");
        answer.extend_from_slice(&part[..count]);
        let Some(head) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&answer[..head]).to_lowercase();
        ensure!(text.starts_with("http/1.1 200"), "{text}");
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.map_or(Ok(0), str::parse)?;
        if head + 4 + length <= answer.len() {
            return Ok(());
        }
    }
}

fn compare(what: &str, servers: &Servers, request: &[u8], rounds: usize) -> Result<()> {
    let mut arms = [(connect(servers.direct)?, Vec::new()), (connect(servers.behind)?, Vec::new())];
    for round in 0..rounds {
        // In turn, so that whatever else the machine does meets both alike.
        for arm in [round % 2, 1 - round % 2] {
            let (stream, times) = &mut arms[arm];
            let start = Instant::now();
            ask(stream, request)?;
            times.push(start.elapsed());
        }
    }
    let [direct, behind] = arms.map(|(_, mut times)| {
        times.sort();
        times[times.len() / 2].as_secs_f64() * 1e6
    });
    println!(
        "{what}: p50 {direct:.0} us direct, {behind:.0} us behind the sidecar: {:.0} us added",
        behind - direct
    );
    Ok(())
}

fn resident(server: &Child) -> Result<String> {
    let status = fs::read_to_string(format!("/proc/{}/status", server.id()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").to_owned())
}
