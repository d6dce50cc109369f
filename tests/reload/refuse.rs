//! Configurations that cannot be taken over.

use super::scene::{Part, Scene, anywhere, call, server, yaml};

#[test]
fn a_bad_file_keeps_the_one_before_and_a_good_one_clears_it() {
    let up = server("up");
    let part = Part::mcp("up", &up, &["allow: tools/call search"]);
    let mut scene = Scene::start(std::slice::from_ref(&part));
    let good = yaml(anywhere(), std::slice::from_ref(&part));
    for (bad, why) in [
        (good.replace("rules:", "rulse:"), "rulse"),
        (good.replace("issuer: local", "issuer: nobody"), "nobody"),
    ] {
        let refused = scene.offer(&bad).unwrap_err().to_string();
        assert!(refused.contains(why), "{refused}");
        let (status, report) = scene.readyz();
        assert_eq!(
            (status, &report["configuration"]["generation"]),
            (200, &1.into())
        );
        let told = report["configuration"]["refused"].as_str().unwrap();
        assert!(told.contains(why), "{told}");
        assert!(scene.metrics().contains("sluice_configuration_good 0"));
        assert!(call(scene.address, "up", "search").text().contains("who"));
    }
    let metrics = scene.metrics();
    assert!(
        metrics.contains("sluice_reloads_total{outcome=\"refused\"} 2"),
        "{metrics}"
    );
    scene.reload(&[Part {
        rules: vec!["allow: tools/call find"],
        ..part
    }]);
    let (_, report) = scene.readyz();
    assert_eq!(report["configuration"]["generation"], 2);
    assert!(report["configuration"]["refused"].is_null(), "{report}");
    assert!(scene.metrics().contains("sluice_configuration_good 1"));
    assert!(call(scene.address, "up", "find").text().contains("who"));
    assert!(call(scene.address, "up", "search").text().contains("40300"));
}

#[test]
fn what_takes_a_restart_is_refused_by_name() {
    let up = server("up");
    let part = Part::mcp("up", &up, &["allow: tools/call search"]);
    let mut scene = Scene::start(std::slice::from_ref(&part));
    let good = yaml(anywhere(), std::slice::from_ref(&part));
    for (other, name) in [
        (
            good.replace(
                "listeners: [{ bind: 127.0.0.1:0",
                "listeners: [{ bind: 127.0.0.2:0",
            ),
            "`listeners`",
        ),
        (good.replace("workers: 2", "workers: 1"), "`workers`"),
        (good.replace("data: data", "data: elsewhere"), "`data`"),
    ] {
        let refused = scene.offer(&other).unwrap_err().to_string();
        assert!(
            refused.contains(name) && refused.contains("restart"),
            "{refused}"
        );
        assert_eq!(scene.generation(), 1);
    }
    assert!(call(scene.address, "up", "search").text().contains("who"));
    // The same again is nothing new, and nothing is wrong any more.
    assert!(scene.offer(&good).unwrap().is_empty());
    assert!(scene.readyz().1["configuration"]["refused"].is_null());
}
