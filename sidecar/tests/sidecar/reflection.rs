//! Server reflection, read by another decoder, and the committed descriptors that it serves.

use std::collections::BTreeSet;

use bytes::Bytes;
use futures::channel::mpsc::UnboundedSender;
use hyper::body::Frame;
use prost::{Message, Oneof};
use protox::{Compiler, prost_reflect::DescriptorPool};
use serde_json::json;
use wire::grpc::{Method, REFLECTION_SERVICES, SERVICES, frame};

use crate::{
    grpc_client::{Messages, beginning, connect, request},
    grpc_server::GrpcServer,
    harness::Sidecar,
    http2::block_on,
    server::Server,
};

const V1: &str = "grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
const V1_ALPHA: &str = "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";

#[derive(Clone, PartialEq, Message)]
struct Question {
    #[prost(string, tag = "1")]
    host: String,
    #[prost(oneof = "Asked", tags = "3, 4, 6, 7")]
    asked: Option<Asked>,
}

#[derive(Clone, PartialEq, Oneof)]
enum Asked {
    #[prost(string, tag = "3")]
    FileByFilename(String),
    #[prost(string, tag = "4")]
    FileContainingSymbol(String),
    #[prost(string, tag = "6")]
    AllExtensionNumbersOfType(String),
    #[prost(string, tag = "7")]
    ListServices(String),
}

#[derive(Clone, PartialEq, Message)]
struct Answer {
    #[prost(string, tag = "1")]
    valid_host: String,
    #[prost(message, optional, tag = "2")]
    original_request: Option<Question>,
    #[prost(oneof = "Told", tags = "4, 6, 7")]
    told: Option<Told>,
}

#[derive(Clone, PartialEq, Oneof)]
enum Told {
    #[prost(message, tag = "4")]
    Files(Files),
    #[prost(message, tag = "6")]
    Services(Services),
    #[prost(message, tag = "7")]
    Error(Failure),
}

#[derive(Clone, PartialEq, Message)]
struct Files {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    file_descriptor_proto: Vec<Bytes>,
}

#[derive(Clone, PartialEq, Message)]
struct Services {
    #[prost(message, repeated, tag = "1")]
    service: Vec<Service>,
}

#[derive(Clone, PartialEq, Message)]
struct Service {
    #[prost(string, tag = "1")]
    name: String,
}

#[derive(Clone, PartialEq, Message)]
struct Failure {
    #[prost(int32, tag = "1")]
    error_code: i32,
    #[prost(string, tag = "2")]
    error_message: String,
}

/// One side of a conversation.
struct Client {
    questions: UnboundedSender<std::io::Result<Frame<Bytes>>>,
    answers: Messages,
}

impl Client {
    async fn open(sidecar: &Sidecar, method: &str) -> Self {
        let (body, questions) = beginning(Vec::new());
        let mut sender = connect(sidecar.address).await;
        let response = sender.send_request(request(method, &[], body)).await.unwrap();
        Self { questions, answers: Messages::of(response) }
    }

    fn send(&self, bytes: impl Into<Bytes>) {
        self.questions.unbounded_send(Ok(Frame::data(bytes.into()))).unwrap();
    }

    async fn ask(&mut self, asked: Asked) -> Told {
        let question = Question { host: "edge".into(), asked: Some(asked) };
        self.send(frame(&question.encode_to_vec()));
        let answer = Answer::decode(&*self.answers.next().await).unwrap();
        assert_eq!((answer.valid_host.as_str(), answer.original_request), ("edge", Some(question)));
        answer.told.unwrap()
    }

    /// Everything that one file and those with it describe.
    async fn pool(&mut self, asked: Asked) -> DescriptorPool {
        let Told::Files(files) = self.ask(asked).await else { panic!("no files") };
        let mut set = Vec::new();
        // A set has its files where this answer has them.
        files.encode(&mut set).unwrap();
        let mut pool = DescriptorPool::new();
        pool.decode_file_descriptor_set(&*set).unwrap();
        pool
    }
}

async fn services(client: &mut Client) -> Vec<String> {
    let Told::Services(list) = client.ask(Asked::ListServices(String::new())).await else {
        panic!("no list")
    };
    list.service.into_iter().map(|service| service.name).collect()
}

#[test]
fn what_is_described_is_what_is_served() {
    let server = GrpcServer::start();
    let sidecar = Sidecar::start(&server);
    for method in [V1, V1_ALPHA] {
        block_on(async {
            let mut client = Client::open(&sidecar, method).await;
            assert_eq!(services(&mut client).await, SERVICES);
            let mut found = BTreeSet::new();
            for name in SERVICES {
                let pool = client.pool(Asked::FileContainingSymbol(name.into())).await;
                let service = pool.get_service_by_name(name).unwrap();
                for method in service.methods() {
                    let path = format!("/{name}/{}", method.name());
                    assert!(Method::parse(&path).is_some(), "{path}");
                    found.insert(path);
                }
            }
            assert_eq!(found.len(), 9, "{found:?}");
            drop(client.questions);
            let ended = client.answers.end().await;
            assert_eq!((ended.status(), ended.outcome()), (0, "served"));
        });
    }
    assert_eq!(REFLECTION_SERVICES.map(|name| format!("{name}/ServerReflectionInfo")), [V1, V1_ALPHA]);
}

#[test]
fn files_come_with_what_they_import_and_whatever_they_hold_leads_to_them() {
    let server = GrpcServer::start();
    let sidecar = Sidecar::start(&server);
    block_on(async {
        let mut client = Client::open(&sidecar, V1).await;
        let pool = client.pool(Asked::FileByFilename("xds/service/orca/v3/orca.proto".into())).await;
        let files: Vec<_> = pool.files().map(|file| file.name().to_owned()).collect();
        assert_eq!(files.len(), 3, "{files:?}");
        let report = pool.get_message_by_name("xds.data.orca.v3.OrcaLoadReport").unwrap();
        assert_eq!(report.get_field(8).unwrap().name(), "named_metrics");
        for symbol in [
            "inference.ModelInferRequest",
            "inference.ModelInferRequest.InferInputTensor",
            "inference.ModelInferRequest.InferInputTensor.shape",
            "inference.GRPCInferenceService.ModelInfer",
            "grpc.health.v1.HealthCheckResponse.ServingStatus",
            "google.protobuf.Duration",
        ] {
            let told = client.ask(Asked::FileContainingSymbol(symbol.into())).await;
            assert!(matches!(told, Told::Files(_)), "{symbol}: {told:?}");
        }
        for absent in [
            Asked::FileContainingSymbol("inference".into()),
            Asked::FileContainingSymbol("inference.".into()),
            Asked::FileContainingSymbol("inference.ModelInferRequest.".into()),
            Asked::FileContainingSymbol("inference.GRPCInferenceService.ModelStreamInfer".into()),
            Asked::FileContainingSymbol("grpc.reflection.v1.ServerReflection".into()),
            Asked::FileContainingSymbol(String::new()),
            Asked::FileByFilename("../Cargo.toml".into()),
            Asked::AllExtensionNumbersOfType("inference.ModelInferRequest".into()),
        ] {
            let told = client.ask(absent.clone()).await;
            let want = Failure { error_code: 5, error_message: "not_found".into() };
            assert_eq!(told, Told::Error(want), "{absent:?}");
        }
        client.send(frame(&[]));
        let answer = Answer::decode(&*client.answers.next().await).unwrap();
        assert!(matches!(answer.told, Some(Told::Error(Failure { error_code: 3, .. }))), "{answer:?}");
    });
}

#[test]
fn inference_is_not_listed_where_nothing_behind_speaks_grpc() {
    let sidecar = Sidecar::start(&Server::start());
    block_on(async {
        let mut client = Client::open(&sidecar, V1).await;
        assert_eq!(services(&mut client).await, SERVICES[1..]);
    });
}

#[test]
fn questions_are_bounded() {
    let server = GrpcServer::start();
    let sidecar = Sidecar::start(&server);
    let too_long = frame(&[0; 1025])[..5].to_vec();
    for (bytes, status, outcome) in [
        (too_long, 8, "payload_too_large"),
        (vec![1, 0, 0, 0, 1], 12, "not_found"),
        (vec![2, 0, 0, 0, 1], 3, "malformed"),
    ] {
        block_on(async {
            let client = Client::open(&sidecar, V1).await;
            client.send(bytes);
            client.answers.end().await.failed(status, outcome);
        });
    }
    block_on(async {
        let client = Client::open(&sidecar, V1).await;
        client.send(vec![0, 0, 0, 0]);
        drop(client.questions);
        client.answers.end().await.failed(3, "malformed");
    });
}

#[test]
fn silence_and_a_drain_end_a_conversation() {
    let server = GrpcServer::start();
    let sidecar = Sidecar::with(&server, |config| config["limits"] = json!({"idleMilliseconds": 50}));
    block_on(async {
        Client::open(&sidecar, V1).await.answers.end().await.failed(4, "expired");
    });
    let mut sidecar = Sidecar::start(&server);
    block_on(async {
        let mut client = Client::open(&sidecar, V1).await;
        services(&mut client).await;
        sidecar.terminate();
        client.answers.end().await.failed(14, "draining");
    });
    assert_eq!(sidecar.exit_code(), Some(0));
}

#[test]
fn committed_descriptors_are_current() {
    const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/proto");
    let mut compiler = Compiler::new([FOLDER]).unwrap();
    compiler.include_imports(true);
    compiler
        .open_files([
            "open_inference_grpc.proto",
            "grpc/health/v1/health.proto",
            "xds/service/orca/v3/orca.proto",
        ])
        .unwrap();
    let fresh = compiler.encode_file_descriptor_set();
    let path = format!("{FOLDER}/descriptors.bin");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &fresh).unwrap();
    }
    assert!(std::fs::read(&path).unwrap() == fresh, "run `make generate` and commit {path}");
}
