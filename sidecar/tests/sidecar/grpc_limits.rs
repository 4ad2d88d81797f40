//! What a gRPC client may not do, and what its leaving means.

use crate::{
    grpc_client::{INFER, beginning, call, connect, ended, infer, message, request, whole},
    grpc_server::{ANSWER, GrpcServer, hanging, ok},
    harness::{Sidecar, eventually},
    http2::block_on,
    server::Door,
};

#[test]
fn a_long_message_is_refused_by_its_first_bytes() {
    let server = GrpcServer::start();
    let sidecar = Sidecar::with(&server, |config| config["admission"]["maxPayloadBytes"] = 100.into());
    block_on(async {
        let mut sender = connect(sidecar.address).await;
        let start = message(&[7; 100])[..9].to_vec();
        let (body, _open) = beginning(start);
        let response = sender.send_request(request(INFER, &[], body)).await.unwrap();
        ended(response).await.refused(8, "payload_too_large");
    });
    assert_eq!(infer(&sidecar, &[], &[7; 80]).outcome(), "served");
    let long = message(&[7; 2000]);
    let ready = "inference.GRPCInferenceService/ModelReady";
    let roomy = Sidecar::start(&server);
    call(&roomy, ready, &[], long).refused(8, "payload_too_large");
    assert_eq!(server.calls("ModelInfer").len(), 1);
}

#[test]
fn what_is_not_one_plain_message_is_refused() {
    let server = GrpcServer::start();
    let sidecar = Sidecar::start(&server);
    let plain = message(b"rest");
    let mut compressed = plain.clone();
    compressed[0] = 1;
    let refused = call(&sidecar, INFER, &[("grpc-encoding", "gzip")], compressed);
    refused.refused(12, "not_found");
    assert_eq!(refused.line("grpc-accept-encoding"), Some("identity"));
    let mut unknown = plain.clone();
    unknown[0] = 2;
    let two = [plain.clone(), plain.clone()].concat();
    let short = plain[..plain.len() - 1].to_vec();
    for body in [unknown, two, short, vec![], vec![0, 0]] {
        call(&sidecar, INFER, &[], body).refused(3, "malformed");
    }
    assert_eq!(server.calls("ModelInfer").len(), 0);
    assert_eq!(sidecar.gauge("requests_running"), 0);
}

#[test]
fn a_second_message_behind_a_long_one_never_reaches_an_answer() {
    let server = GrpcServer::start();
    let sidecar = Sidecar::with(&server, |config| config["limits"]["uploadBufferBytes"] = 0.into());
    let long = message(&[7; 100_000]);
    let two = [long.clone(), long].concat();
    call(&sidecar, INFER, &[], two).refused(3, "malformed");
    assert_eq!(server.calls("ModelInfer").len(), 0, "its stream was reset");
}

#[test]
fn a_client_that_leaves_cancels_its_inference() {
    let (server, door) = (GrpcServer::start(), Door::default());
    let at_door = door.clone();
    server.script(move |call| {
        if call.body == message(b"hang") {
            return hanging();
        }
        at_door.wait();
        ok(ANSWER)
    });
    let sidecar = Sidecar::start(&server);
    block_on(async {
        let mut sender = connect(sidecar.address).await;
        let waiting = tokio::spawn(sender.send_request(request(INFER, &[], whole(message(b"wait")))));
        tokio::task::block_in_place(|| door.wait_for(1));
        waiting.abort();
        tokio::task::block_in_place(|| eventually("a reset before the answer", || server.cancelled() == 1));
        let response = sender.send_request(request(INFER, &[], whole(message(b"hang")))).await.unwrap();
        drop(response);
        tokio::task::block_in_place(|| eventually("a reset within the answer", || server.cancelled() == 2));
    });
    eventually("the count", || sidecar.count_over("grpc", "client_left") == 2);
    eventually("the slots", || sidecar.gauge("requests_running") == 0);
    assert_eq!(server.connections(), 1, "the shared connection stays");
    door.open(1);
}
