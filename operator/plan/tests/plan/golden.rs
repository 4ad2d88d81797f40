//! Whole plans: `cases/<behaviour>/input.yaml` gives `plan.yaml`. `UPDATE=1` writes them anew.

use std::fs;

use plan::drift;
use serde_json::Value;

use crate::support;

#[test]
fn plans_are_as_committed() {
    let mut seen = 0;
    for folder in fs::read_dir(support::cases()).unwrap() {
        let folder = folder.unwrap();
        let behaviour = folder.file_name().into_string().unwrap();
        let tree = support::tree(&support::planned(&support::case(&behaviour)));
        let path = folder.path().join("plan.yaml");
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&path, serde_saphyr::to_string(&tree).unwrap()).unwrap();
        }
        let committed: Value = support::yaml(&fs::read_to_string(&path).unwrap());
        assert!(
            committed == tree,
            "{behaviour}: the plan changed; look at it, then run the test with UPDATE=1:\n{}",
            serde_json::to_string_pretty(&tree).unwrap()
        );
        seen += 1;
    }
    assert_eq!(seen, 8, "cases");
}

#[test]
fn equal_inputs_give_equal_plans() {
    for folder in fs::read_dir(support::cases()).unwrap() {
        let behaviour = folder.unwrap().file_name().into_string().unwrap();
        let [one, other] = [0, 1].map(|_| {
            let mut inputs = support::case(&behaviour);
            // A cache has no order.
            inputs.world.pods.reverse();
            inputs.world.sidecar_configs.reverse();
            support::tree(&support::planned(&inputs)).to_string()
        });
        assert_eq!(one, other, "{behaviour}");
        let straight = support::tree(&support::planned(&support::case(&behaviour)));
        assert_eq!(one, straight.to_string(), "{behaviour}");
        assert!(drift::covers(&straight, &straight), "{behaviour}");
    }
}
