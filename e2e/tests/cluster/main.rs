//! The tests on a real cluster, in their order: the path a user walks and bad input, beside each other; then faults, each
//! alone, nodes last.
//!
//! `make e2e` gives them a cluster with images and accelerators; a word as the argument chooses tests by name.

mod bad_input;
mod children;
mod faults;
mod fleet;
mod path;
mod rollout;
mod scale;
mod setup;
mod trust;

use std::process::ExitCode;

use e2e::run::{self, Claim, Test};

const TESTS: &[Test] = &[
    Test { name: "apply-ready-answer", claim: Claim::Accelerators(2), run: path::apply_ready_answer },
    Test {
        name: "nothing-to-change",
        claim: Claim::Accelerators(0),
        run: children::nothing_to_change_writes_nothing,
    },
    Test { name: "refused-by-the-api", claim: Claim::Accelerators(0), run: bad_input::refused_by_the_api },
    Test {
        name: "certificate-that-is-missing",
        claim: Claim::Accelerators(0),
        run: trust::certificate_that_is_missing,
    },
    Test { name: "own-devices-only", claim: Claim::Accelerators(0), run: trust::own_devices_only },
    Test { name: "model-by-https", claim: Claim::Accelerators(0), run: path::model_by_https },
    Test { name: "scale-through-kubectl", claim: Claim::Accelerators(3), run: scale::scale_through_kubectl },
    Test { name: "runtime-class", claim: Claim::Accelerators(1), run: scale::runtime_class },
    Test { name: "told-in-a-condition", claim: Claim::Accelerators(0), run: bad_input::told_in_a_condition },
    Test {
        name: "more-replicas-than-accelerators",
        claim: Claim::Accelerators(4),
        run: scale::more_replicas_than_accelerators,
    },
    Test { name: "wrong-digest", claim: Claim::Accelerators(0), run: bad_input::wrong_digest },
    Test {
        name: "unreachable-model-host",
        claim: Claim::Accelerators(0),
        run: bad_input::unreachable_model_host,
    },
    Test { name: "corrupt-model", claim: Claim::Accelerators(0), run: bad_input::corrupt_model },
    Test { name: "one-endpoint-per-node", claim: Claim::Accelerators(4), run: scale::one_endpoint_per_node },
    Test {
        name: "image-that-is-not-there",
        claim: Claim::Accelerators(0),
        run: bad_input::image_that_is_not_there,
    },
    Test { name: "port-already-taken", claim: Claim::Accelerators(0), run: bad_input::port_already_taken },
    Test {
        name: "name-of-63-characters",
        claim: Claim::Accelerators(0),
        run: bad_input::name_of_63_characters,
    },
    Test {
        name: "invalid-change",
        claim: Claim::Accelerators(1),
        run: bad_input::invalid_change_leaves_the_fleet,
    },
    Test { name: "children-come-back", claim: Claim::Accelerators(0), run: children::children_come_back },
    Test {
        name: "delete-leaves-nothing",
        claim: Claim::Accelerators(0),
        run: children::delete_leaves_nothing,
    },
    Test { name: "fleet", claim: Claim::Cluster, run: fleet::a_hundred_devices },
    Test { name: "rollout-under-load", claim: Claim::Cluster, run: rollout::rollout_under_load },
    Test { name: "operator-killed", claim: Claim::Cluster, run: rollout::operator_killed_during_a_rollout },
    Test { name: "cluster-without-dns", claim: Claim::Cluster, run: faults::operator_starts_without_dns },
    Test { name: "runtime-killed", claim: Claim::Cluster, run: faults::runtime_killed },
    Test { name: "api-server-stopped", claim: Claim::Cluster, run: faults::api_server_stopped },
    Test { name: "node-paused", claim: Claim::Cluster, run: faults::node_paused },
    Test { name: "both-nodes-cut", claim: Claim::Cluster, run: faults::both_nodes_cut },
];

fn main() -> ExitCode {
    if let Err(error) = setup::install() {
        eprintln!("could not install Longshore: {error:#}");
        println!("test result: FAILED. 0 passed; 1 failed");
        return ExitCode::FAILURE;
    }
    run::all(TESTS)
}
