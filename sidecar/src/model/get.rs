//! One try to get what is missing of a file. In: what is already there. Out: a complete file, a reason to try again, or a
//! reason not to. Redirects go to allowed hosts only, ports included, over https only.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Write},
    path::Path,
    time::{Duration, Instant},
};

use ureq::{
    Agent, Body,
    http::{Response, StatusCode, Uri, header},
    tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem},
};

use crate::args::Fetch;

const REDIRECTS_MAX: usize = 5;
/// Silence, not duration: a large model takes as long as it takes. All tries together end within 45 seconds, so that the pod
/// says within its first minute why it does not start.
pub const SILENCE_MAX: Duration = Duration::from_secs(13);
const PROGRESS_EVERY: Duration = Duration::from_secs(3);

/// Why a try failed.
#[derive(Debug)]
pub enum Try {
    /// The next one may succeed.
    Again(String),
    /// It will not.
    Final(String),
}

/// How to get one file.
pub struct Getter {
    agent: Agent,
    url: Uri,
    hosts: Vec<String>,
    size_max: u64,
}

impl Getter {
    pub fn new(args: &Fetch) -> Result<Self, String> {
        let url: Uri = args.url.parse().map_err(|error| format!("{}: {error}", args.url))?;
        let own = url.authority().map(|authority| authority.as_str());
        let hosts = args.allow_host.iter().map(String::as_str).chain(own).map(host).collect();
        let mut tls = TlsConfig::builder();
        if let Some(file) = &args.ca {
            tls = tls.root_certs(RootCerts::from(authorities(file)?));
        }
        let agent = Agent::config_builder()
            .https_only(true)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .timeout_resolve(Some(SILENCE_MAX))
            .timeout_connect(Some(SILENCE_MAX))
            .timeout_recv_response(Some(SILENCE_MAX))
            .timeout_per_read(Some(SILENCE_MAX))
            .tls_config(tls.build())
            .user_agent(concat!("longshore-sidecar/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Ok(Self { agent, url, hosts, size_max: args.size_max })
    }

    /// Gets what is missing behind what is there.
    pub fn get(&self, partial: &Path) -> Result<(), Try> {
        let have = std::fs::metadata(partial).map_or(0, |of| of.len());
        let response = self.follow(have)?;
        match response.status() {
            StatusCode::OK => self.store(response, create(partial)?, 0),
            StatusCode::PARTIAL_CONTENT if range(&response).and_then(part_start) == Some(have) => {
                self.store(response, append(partial)?, have)
            }
            StatusCode::RANGE_NOT_SATISFIABLE
                if have > 0 && range(&response).and_then(whole_length) == Some(have) =>
            {
                Ok(())
            }
            StatusCode::RANGE_NOT_SATISFIABLE if have > 0 => {
                // What is there is no part of it.
                let _ = std::fs::remove_file(partial);
                Err(Try::Again(self.reason("the file has changed, starting over")))
            }
            status if status.is_server_error() || matches!(status.as_u16(), 408 | 429) => {
                Err(Try::Again(self.reason(&status.to_string())))
            }
            status => Err(Try::Final(self.reason(&status.to_string()))),
        }
    }

    fn follow(&self, have: u64) -> Result<Response<Body>, Try> {
        let mut url = self.url.clone();
        for _ in 0..=REDIRECTS_MAX {
            if !is_allowed(&url, &self.hosts) {
                return Err(Try::Final(
                    self.reason(&format!("leads to {url}, which is not https to an allowed host")),
                ));
            }
            let mut request = self.agent.get(&url);
            if have > 0 {
                request = request.header(header::RANGE, format!("bytes={have}-"));
            }
            let response = request.call().map_err(|error| Try::Again(self.reason(&error.to_string())))?;
            if !response.status().is_redirection() {
                return Ok(response);
            }
            let location =
                response.headers().get(header::LOCATION).and_then(|location| location.to_str().ok());
            url = location
                .and_then(|location| next(&url, location))
                .ok_or_else(|| Try::Final(self.reason("redirect to no URL")))?;
        }
        Err(Try::Final(self.reason("too many redirects")))
    }

    fn store(&self, response: Response<Body>, mut file: File, mut have: u64) -> Result<(), Try> {
        const PIECE_BYTES: usize = 64 << 10;
        let total = response.body().content_length().map(|rest| have + rest);
        if total.is_some_and(|total| total > self.size_max) {
            return Err(Try::Final(self.reason(&format!("longer than {} bytes", self.size_max))));
        }
        let mut body = response.into_body().into_with_config().limit(u64::MAX).reader();
        let mut piece = vec![0; PIECE_BYTES];
        let mut said = Instant::now();
        loop {
            let taken = body.read(&mut piece).map_err(|error| Try::Again(self.reason(&error.to_string())))?;
            if taken == 0 {
                break;
            }
            have += taken as u64;
            if have > self.size_max {
                return Err(Try::Final(self.reason(&format!("longer than {} bytes", self.size_max))));
            }
            file.write_all(&piece[..taken])
                .map_err(|error| Try::Final(format!("cannot store the model: {error}")))?;
            if said.elapsed() > PROGRESS_EVERY {
                said = Instant::now();
                tracing::info!(
                    bytes = have,
                    percent = total.map(|total| have * 100 / total.max(1)),
                    "downloading"
                );
            }
        }
        if total.is_some_and(|total| have < total) {
            return Err(Try::Again(self.reason("connection ended early")));
        }
        file.sync_all().map_err(|error| Try::Final(format!("cannot store the model: {error}")))
    }

    fn reason(&self, text: &str) -> String {
        format!("GET {}: {text}", self.url)
    }
}

/// Where a redirect leads.
pub fn next(from: &Uri, location: &str) -> Option<Uri> {
    if !location.starts_with('/') || location.starts_with("//") {
        return location.parse().ok();
    }
    let mut parts = from.clone().into_parts();
    parts.path_and_query = Some(location.parse().ok()?);
    Uri::from_parts(parts).ok()
}

/// Whether a model may come from there.
pub fn is_allowed(url: &Uri, hosts: &[String]) -> bool {
    let listed = url.authority().is_some_and(|to| hosts.contains(&host(to.as_str())));
    listed && url.scheme_str() == Some("https")
}

/// Host and port as they are compared: 443 goes without saying. The whole text counts, so that a user name falls out.
fn host(authority: &str) -> String {
    authority.strip_suffix(":443").unwrap_or(authority).to_ascii_lowercase()
}

fn authorities(file: &Path) -> Result<Vec<Certificate<'static>>, String> {
    let name = file.display();
    let pem = std::fs::read(file).map_err(|error| format!("--ca {name}: {error}"))?;
    let certificates: Vec<_> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() { Err(format!("--ca {name}: no certificate in it")) } else { Ok(certificates) }
}

fn create(partial: &Path) -> Result<File, Try> {
    File::create(partial).map_err(|error| Try::Final(format!("{}: {error}", partial.display())))
}

fn append(partial: &Path) -> Result<File, Try> {
    OpenOptions::new()
        .append(true)
        .open(partial)
        .map_err(|error| Try::Final(format!("{}: {error}", partial.display())))
}

fn range(response: &Response<Body>) -> Option<&str> {
    response.headers().get(header::CONTENT_RANGE)?.to_str().ok()
}

/// Where a part begins: a server may send another one than was asked for.
pub fn part_start(range: &str) -> Option<u64> {
    number(range.strip_prefix("bytes ")?.split_once('-')?.0)
}

/// The length of the whole, where a server says that a part lies outside it.
pub fn whole_length(range: &str) -> Option<u64> {
    number(range.strip_prefix("bytes */")?)
}

/// Digits only: the standard library takes a sign too.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}
