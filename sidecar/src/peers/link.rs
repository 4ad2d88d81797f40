//! What is heard of one peer. In: its address. Out: its reports and its table, put into ours, until the link breaks or is
//! dropped; then it is tried again. Every wait has a limit: a peer that hangs is a peer that is gone.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use bytes::{Buf, Bytes, BytesMut};
use http::{
    Method, Request, Response, StatusCode, Uri,
    header::{CONTENT_TYPE, TE},
};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    body::Incoming,
    client::conn::http2::{self, SendRequest},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use routing::table::Source;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{sleep, sleep_until, timeout},
};
use tokio_rustls::TlsConnector;
use wire::{
    LoadReport,
    grpc::{self, FRAME_HEAD_BYTES, FrameHead},
    path, protobuf,
    routes::{PeerTable, TABLE_BYTES_MAX},
};

use crate::{endpoint::Endpoint, peers::Hearing};

/// Longest wait for a connection, and for an answer.
const ANSWER_MAX: Duration = Duration::from_secs(2);
/// Pauses between tries: they double, and are spread by chance.
const PAUSE: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(4);
/// Longest load report.
const REPORT_BYTES_MAX: usize = 16 << 10;
/// Tables are exchanged the more rarely the longer they are: so long for each row, within bounds.
const EXCHANGE_EACH: Duration = Duration::from_millis(20);
const EXCHANGE_MIN: Duration = Duration::from_secs(1);
const EXCHANGE_MAX: Duration = Duration::from_secs(10);

/// Why a link ended.
type Broken = Box<dyn std::error::Error + Send + Sync>;

/// Listens to one peer for ever.
pub async fn listen(endpoint: Arc<Endpoint>, address: SocketAddr) {
    let mut pause = PAUSE;
    loop {
        let mut heard = None;
        let ended = hear(&endpoint, address, &mut heard).await;
        match ended {
            Ok(Ended::IsOurselves) => return endpoint.peers.is_ourselves(address),
            Ok(Ended::Left) => tracing::debug!(%address, "peer left"),
            Err(error) => tracing::debug!(%address, error, "peer lost"),
        }
        pause = if heard.is_some() { PAUSE } else { (pause * 2).min(PAUSE_MAX) };
        drop(heard);
        sleep(pause.mul_f64(0.75 + 0.5 * endpoint.peers.chance())).await;
    }
}

enum Ended {
    IsOurselves,
    Left,
}

/// One connection from its first word to its last.
async fn hear(
    endpoint: &Endpoint,
    address: SocketAddr,
    heard: &mut Option<Hearing>,
) -> Result<Ended, Broken> {
    let mut peer = Peer::dial(endpoint, address).await?;
    let table = peer.table().await?;
    let Some(instance) = table.pods.first().map(|row| row.instance.clone()) else {
        return Err("its table does not name it".into());
    };
    if instance == endpoint.peers.instance {
        return Ok(Ended::IsOurselves);
    }
    let every = endpoint.peers.report_every;
    let mut exchange = take_in(endpoint, address, table, every)?;
    *heard = Some(endpoint.peers.hears(&instance));
    let mut reports = peer.reports(every).await?;
    let mut exchange_at = tokio::time::Instant::now() + exchange;
    loop {
        let due = tokio::time::Instant::now() + every * 2 + ANSWER_MAX;
        tokio::select! {
            report = reports.next() => match report? {
                Some(report) => endpoint.peers.told(&instance, report),
                None => return Ok(Ended::Left),
            },
            () = sleep_until(exchange_at) => {
                let table = peer.table().await?;
                exchange = take_in(endpoint, address, table, every)?;
                exchange_at = tokio::time::Instant::now() + exchange;
            }
            () = sleep_until(due) => return Err("it is silent".into()),
        }
    }
}

/// Puts a peer's table into ours. Returns when to ask for the next.
fn take_in(
    endpoint: &Endpoint,
    address: SocketAddr,
    table: PeerTable,
    every: Duration,
) -> Result<Duration, Broken> {
    if table.model != endpoint.config.model.name {
        return Err(format!("it serves {:?}", table.model).into());
    }
    let rows = u32::try_from(table.pods.len()).unwrap_or(u32::MAX);
    let exchange = EXCHANGE_EACH.saturating_mul(rows).clamp(EXCHANGE_MIN, EXCHANGE_MAX);
    let peers = &endpoint.peers;
    for (place, mut row) in table.pods.into_iter().enumerate() {
        if place == 0 {
            row.address = address.to_string();
            peers.learn(&row, Source::Itself(every));
        } else if row.instance != peers.instance {
            peers.learn(&row, Source::Hearsay(exchange));
        }
    }
    Ok(exchange)
}

/// A connection to a peer.
struct Peer {
    sender: SendRequest<Full<Bytes>>,
    authority: String,
}

impl Peer {
    async fn dial(endpoint: &Endpoint, address: SocketAddr) -> Result<Self, Broken> {
        let stream = within(TcpStream::connect(address)).await??;
        stream.set_nodelay(true)?;
        let authority = address.to_string();
        let sender = match &endpoint.tls {
            None => handshake(stream).await?,
            Some(tls) => {
                let config = tls.dial().ok_or("there is no certificate to show")?;
                let connecting =
                    TlsConnector::from(config).connect(ServerName::IpAddress(address.ip().into()), stream);
                handshake(within(connecting).await??).await?
            }
        };
        Ok(Self { sender, authority })
    }

    async fn table(&mut self) -> Result<PeerTable, Broken> {
        let request = self.request(Method::GET, path::ROUTES, Bytes::new());
        let response = answered(within(self.sender.send_request(request)).await??)?;
        let body = within(Limited::new(response.into_body(), TABLE_BYTES_MAX).collect()).await??;
        Ok(serde_json::from_slice(&body.to_bytes())?)
    }

    /// The standard out-of-band stream.
    async fn reports(&mut self, every: Duration) -> Result<Reports, Broken> {
        let mut duration = Vec::new();
        protobuf::number(&mut duration, 1, every.as_secs());
        protobuf::number(&mut duration, 2, every.subsec_nanos().into());
        let mut message = Vec::new();
        protobuf::bytes(&mut message, 1, &duration);
        let path = format!("/{}/StreamCoreMetrics", grpc::LOAD_SERVICE);
        let mut request = self.request(Method::POST, &path, grpc::frame(&message).into());
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, http::HeaderValue::from_static(grpc::CONTENT_TYPE));
        headers.insert(TE, http::HeaderValue::from_static("trailers"));
        let response = answered(within(self.sender.send_request(request)).await??)?;
        Ok(Reports { body: response.into_body(), held: BytesMut::new() })
    }

    fn request(&self, method: Method, path: &str, body: Bytes) -> Request<Full<Bytes>> {
        let uri = Uri::builder().scheme("http").authority(self.authority.as_str()).path_and_query(path);
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = uri.build().expect("an address and one of our paths");
        request
    }
}

/// Reports as they come.
struct Reports {
    body: Incoming,
    held: BytesMut,
}

impl Reports {
    /// The next, or the end. Nothing is lost where it is dropped before it is done.
    async fn next(&mut self) -> Result<Option<LoadReport>, Broken> {
        loop {
            if let Some(report) = self.take()? {
                return Ok(Some(report));
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(frame) => {
                    if let Ok(data) = frame?.into_data() {
                        self.held.extend_from_slice(&data);
                    }
                }
            }
        }
    }

    fn take(&mut self) -> Result<Option<LoadReport>, Broken> {
        let Some(head) = FrameHead::parse(&self.held) else { return Ok(None) };
        let length = head.length as usize;
        if head.compressed || length > REPORT_BYTES_MAX {
            return Err("its report cannot be read".into());
        }
        if self.held.len() < FRAME_HEAD_BYTES + length {
            return Ok(None);
        }
        self.held.advance(FRAME_HEAD_BYTES);
        Ok(Some(LoadReport::from_protobuf(&self.held.split_to(length))))
    }
}

async fn handshake(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> Result<SendRequest<Full<Bytes>>, Broken> {
    let (sender, connection) = within(http2::handshake(TokioExecutor::new(), TokioIo::new(stream))).await??;
    // It ends with the last request and the sender.
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

fn answered(response: Response<Incoming>) -> Result<Response<Incoming>, Broken> {
    match response.status() {
        StatusCode::OK => Ok(response),
        status => Err(format!("it answers {status}").into()),
    }
}

async fn within<T>(step: impl Future<Output = T>) -> Result<T, io::Error> {
    timeout(ANSWER_MAX, step).await.map_err(|_| io::ErrorKind::TimedOut.into())
}
