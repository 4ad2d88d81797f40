//! Readiness asked over gRPC, and `grpc.health.v1.Health` of the sidecar itself.

use http_body_util::BodyExt;
use hyper::body::Incoming;
use wire::{grpc::frame, protobuf};

use crate::{
    grpc_client::{call, connect, ended, request, whole},
    grpc_server::{GrpcServer, ok, status},
    harness::{Sidecar, eventually},
    http2::block_on,
    server::Server,
};

const CHECK: &str = "grpc.health.v1.Health/Check";
const WATCH: &str = "grpc.health.v1.Health/Watch";
const SERVING: [u8; 2] = [8, 1];
const NOT_SERVING: [u8; 2] = [8, 2];
const SERVICE_UNKNOWN: [u8; 2] = [8, 3];

#[test]
fn check_says_whether_the_model_is_ready() {
    let server = GrpcServer::start();
    let sidecar = Sidecar::start(&server);
    for name in ["", "inference.GRPCInferenceService", "grpc.health.v1.Health"] {
        let message = if name.is_empty() { vec![] } else { protobuf::text(name) };
        let ended = call(&sidecar, CHECK, &[], frame(&message));
        assert_eq!((ended.status(), ended.outcome()), (0, "served"), "{name}");
        assert_eq!(ended.body, frame(&SERVING), "{name}");
    }
    call(&sidecar, CHECK, &[], frame(&protobuf::text("another.Service"))).refused(5, "not_found");
    server.set_ready(false);
    eventually("unreadiness", || sidecar.admin("/readyz").status == 503);
    assert_eq!(call(&sidecar, CHECK, &[], frame(&[])).body, frame(&NOT_SERVING));
}

#[test]
fn health_is_there_without_grpc_behind() {
    let sidecar = Sidecar::start(&Server::start());
    assert_eq!(call(&sidecar, CHECK, &[], frame(&[])).body, frame(&SERVING));
}

fn tensor(field: u8, name: &str, datatype: &str, shape: &[u64]) -> Vec<u8> {
    let mut tensor = protobuf::text(name);
    protobuf::bytes(&mut tensor, 2, datatype.as_bytes());
    protobuf::bytes(&mut tensor, 3, &protobuf::packed(shape));
    let mut message = Vec::new();
    protobuf::bytes(&mut message, field, &tensor);
    message
}

fn metadata(inputs: &[(&str, &str, &[u64])]) -> Vec<u8> {
    let inputs = inputs.iter().flat_map(|(name, datatype, shape)| tensor(4, name, datatype, shape));
    protobuf::text("m").into_iter().chain(inputs).collect()
}

#[test]
fn a_warm_up_of_zeros_precedes_the_first_request() {
    let server = GrpcServer::start();
    server.set_metadata(metadata(&[("a", "FP32", &[2, 3000]), ("b", "INT64", &[1])]));
    server.script(|_| status(13, "no kernel image"));
    let sidecar = Sidecar::unready(&server, |config| config["model"]["version"] = "3".into());
    eventually("the log", || sidecar.log().contains("no kernel image"));
    assert_eq!(sidecar.admin("/readyz").status, 503);
    server.script(|_| ok(b""));
    sidecar.wait_ready();
    let mut want = protobuf::text("m");
    protobuf::bytes(&mut want, 2, b"3");
    want.extend(tensor(5, "a", "FP32", &[2, 3000]));
    want.extend(tensor(5, "b", "INT64", &[1]));
    protobuf::bytes(&mut want, 7, &[0; 24_000]);
    protobuf::bytes(&mut want, 7, &[0; 8]);
    assert!(server.calls("ModelInfer").pop().unwrap().body == frame(&want));
}

#[test]
fn a_shape_that_varies_is_not_guessed() {
    let server = GrpcServer::start();
    server.set_metadata(metadata(&[("a", "FP32", &[u64::MAX, 3])]));
    let sidecar = Sidecar::start(&server);
    eventually("the log to say so", || sidecar.log().contains("no warm-up"));
    assert_eq!(server.calls("ModelInfer").len(), 0);
}

async fn next(body: &mut Incoming) -> Vec<u8> {
    body.frame().await.unwrap().unwrap().into_data().unwrap().into()
}

#[test]
fn watch_says_it_again_when_it_changes_until_the_end() {
    let server = GrpcServer::start();
    let sidecar = Sidecar::start(&server);
    block_on(async {
        let mut sender = connect(sidecar.address).await;
        let watch = request(WATCH, &[], whole(frame(&[])));
        let mut watch = sender.send_request(watch).await.unwrap();
        assert_eq!(next(watch.body_mut()).await, frame(&SERVING));
        server.set_ready(false);
        assert_eq!(next(watch.body_mut()).await, frame(&NOT_SERVING));
        server.set_ready(true);
        assert_eq!(next(watch.body_mut()).await, frame(&SERVING));
        let stranger = request(WATCH, &[], whole(frame(&protobuf::text("another.Service"))));
        let mut stranger = sender.send_request(stranger).await.unwrap();
        assert_eq!(next(stranger.body_mut()).await, frame(&SERVICE_UNKNOWN));
        sidecar.terminate();
        let ended = ended(watch).await;
        assert_eq!(ended.body, frame(&NOT_SERVING));
        assert_eq!((ended.status(), ended.outcome()), (14, "draining"));
    });
}
