//! The tests on a real cluster, in their order: the path a user walks, then bad input, then faults, nodes last.
//!
//! `make e2e` gives them a cluster with images and accelerators; a word as the argument chooses tests by name.

mod bad_input;
mod children;
mod faults;
mod path;
mod rollout;
mod scale;
mod setup;

use std::process::ExitCode;

use e2e::run::{self, Test};

const TESTS: &[Test] = &[
    Test { name: "apply-ready-answer", run: path::apply_ready_answer },
    Test { name: "model-by-https", run: path::model_by_https },
    Test { name: "one-endpoint-per-node", run: scale::one_endpoint_per_node },
    Test { name: "scale-through-kubectl", run: scale::scale_through_kubectl },
    Test { name: "more-replicas-than-accelerators", run: scale::more_replicas_than_accelerators },
    Test { name: "runtime-class", run: scale::runtime_class },
    Test { name: "refused-by-the-api", run: bad_input::refused_by_the_api },
    Test { name: "told-in-a-condition", run: bad_input::told_in_a_condition },
    Test { name: "wrong-digest", run: bad_input::wrong_digest },
    Test { name: "unreachable-model-host", run: bad_input::unreachable_model_host },
    Test { name: "corrupt-model", run: bad_input::corrupt_model },
    Test { name: "image-that-is-not-there", run: bad_input::image_that_is_not_there },
    Test { name: "port-already-taken", run: bad_input::port_already_taken },
    Test { name: "name-of-63-characters", run: bad_input::name_of_63_characters },
    Test { name: "invalid-change", run: bad_input::invalid_change_leaves_the_fleet },
    Test { name: "children-come-back", run: children::children_come_back },
    Test { name: "delete-leaves-nothing", run: children::delete_leaves_nothing },
    Test { name: "nothing-to-change", run: children::nothing_to_change_writes_nothing },
    Test { name: "rollout-under-load", run: rollout::rollout_under_load },
    Test { name: "operator-killed", run: rollout::operator_killed_during_a_rollout },
    Test { name: "cluster-without-dns", run: faults::operator_starts_without_dns },
    Test { name: "runtime-killed", run: faults::runtime_killed },
    Test { name: "api-server-stopped", run: faults::api_server_stopped },
    Test { name: "node-paused", run: faults::node_paused },
    Test { name: "both-nodes-cut", run: faults::both_nodes_cut },
];

fn main() -> ExitCode {
    if let Err(error) = setup::install() {
        eprintln!("could not install Longshore: {error:#}");
        println!("test result: FAILED. 0 passed; 1 failed");
        return ExitCode::FAILURE;
    }
    run::all(TESTS)
}
