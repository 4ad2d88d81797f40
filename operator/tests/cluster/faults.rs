//! The operator's own end: in the middle of its work, and as asked.

use crds::InferenceOffload;
use k8s_openapi::api::core::v1::Service;
use serde_json::json;

use crate::{
    fixtures::Site,
    operator::Operator,
    server::{self, eventually},
};

#[tokio::test]
async fn an_operator_that_is_killed_in_the_middle_goes_on_where_it_was() {
    let mut site = Site::new().await;
    let offloads = 6;
    for number in 0..offloads {
        site.create(&format!("model-{number}"), json!({})).await;
    }
    // At the first, the third and the fifth Service that is seen.
    for seen in [1, 3, 5] {
        eventually("some Services exist", async || {
            let services = site.api::<Service>().list(&Default::default()).await.ok()?;
            (services.items.len() >= seen).then_some(())
        })
        .await;
        // Killed first: two would hide what one alone cannot finish.
        site.operator.kill().await;
        site.operator = Operator::start(&site.kubeconfig, &site.namespace, &[]).await;
    }
    for number in 0..offloads {
        site.condition(&format!("model-{number}"), "Accepted", "True", None).await;
    }
    eventually("every child exists once", async || {
        (site.children().await.len() == offloads * 8).then_some(())
    })
    .await;
}

#[tokio::test]
async fn sigterm_ends_it_well() {
    let site = Site::new().await;
    site.create("person", json!({})).await;
    site.child::<InferenceOffload>("person").await;
    assert_eq!(site.operator.terminate().await.code(), Some(0));
}

#[tokio::test]
async fn bad_usage_is_64_and_a_bad_configuration_78() {
    let kubeconfig = &server::shared().await.kubeconfig;
    let run = async |arguments: &[&str]| {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_longshore-operator"));
        let output = command.args(arguments).env("KUBECONFIG", kubeconfig).output().await.unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let image = ["--sidecar-image", "sidecar.example/sidecar:1"];
    let (code, text) = run(&["run"]).await;
    assert_eq!(code, Some(64), "{text}");
    assert!(text.contains("--sidecar-image"), "{text}");
    let (code, text) = run(&["run", image[0], image[1], "--default-classes", "/nowhere.yaml"]).await;
    assert_eq!(code, Some(78), "{text}");
    assert!(text.contains("/nowhere.yaml"), "{text}");
    assert_eq!(run(&["--version"]).await.0, Some(0));
    let (code, _) = run(&["crds"]).await;
    assert_eq!(code, Some(0));
}
