//! Dependencies between the crates go one way, as ARCHITECTURE.md draws them.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand};

type Graph = BTreeMap<String, BTreeSet<String>>;

/// For each crate of the workspace, the crates of the workspace that it may use.
fn allowed() -> Graph {
    let edges: &[(&str, &[&str])] = &[
        ("core", &[]),
        ("embedded", &["core"]),
        ("objects", &["core"]),
        ("rabbitmq", &["core"]),
        ("redis", &["core"]),
        ("testkit", &["core"]),
        ("api", &["core", "webhooks"]),
        ("client", &[]),
        ("webhooks", &["core"]),
        ("workers", &["core"]),
        ("audio", &["core"]),
        ("models", &["core"]),
        ("convolution", &[]),
        ("onnx", &["core", "prepared"]),
        ("prepared", &[]),
        ("phonemes", &[]),
        ("verbalise", &[]),
        (
            "piper",
            &["convolution", "core", "onnx", "phonemes", "verbalise"],
        ),
        (
            "kokoro",
            &["convolution", "core", "onnx", "phonemes", "verbalise"],
        ),
        ("ctranslate2", &["prepared"]),
        ("whisper", &["core", "ctranslate2"]),
        ("scaler", &["core"]),
        ("simulation", &["core"]),
        ("tests", &["client", "core", "testkit"]),
    ];
    let name = |short: &&str| format!("voicefleet-{short}");
    edges
        .iter()
        .map(|(from, to)| (name(from), to.iter().map(name).collect()))
        .collect()
}

/// Crates that put everything together and may use all; nobody may use them.
const COMPOSITION: [&str; 2] = ["voicefleet", "voicefleet-benches"];

/// Libraries that only the named crates may use, so that what they reach stays behind one port.
const WRAPPERS: &[(&str, &[&str])] = &[
    (
        "axum",
        &["voicefleet-api", "voicefleet", "voicefleet-models"],
    ),
    ("sqlx", &["voicefleet-embedded"]),
    ("lapin", &["voicefleet-rabbitmq"]),
    ("redis", &["voicefleet-redis"]),
    ("object_store", &["voicefleet-objects"]),
    ("apalis", &["voicefleet-workers"]),
    (
        "ort",
        &["voicefleet-onnx", "voicefleet-piper", "voicefleet-kokoro"],
    ),
    ("whisper-rs", &["voicefleet-whisper"]),
    ("ct2rs", &["voicefleet-ctranslate2"]),
    ("espeak-rs-sys", &["voicefleet-phonemes"]),
    ("symphonia", &["voicefleet-audio"]),
    ("tonic", &["voicefleet-scaler"]),
];

fn violations(graph: &Graph) -> Vec<String> {
    let allowed = allowed();
    let mut wrong = Vec::new();
    for (from, uses) in graph {
        for to in uses {
            let internal = graph.contains_key(to);
            let composed = COMPOSITION.contains(&from.as_str());
            if internal && !composed && !allowed.get(from).is_some_and(|list| list.contains(to)) {
                wrong.push(format!("{from} must not use {to}"));
            }
            if let Some((_, users)) = WRAPPERS.iter().find(|(library, _)| library == to)
                && !users.contains(&from.as_str())
            {
                wrong.push(format!("{from} must not use {to}; only {users:?} do"));
            }
        }
    }
    wrong
}

/// What each crate of the workspace is built from (dev-dependencies apart: tests may use everything).
fn workspace() -> Graph {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let metadata = MetadataCommand::new()
        .manifest_path(manifest)
        .no_deps()
        .exec()
        .expect("cargo metadata");
    let built_from = |package: &cargo_metadata::Package| {
        let shipped = package
            .dependencies
            .iter()
            .filter(|dep| dep.kind != DependencyKind::Development);
        shipped.map(|dep| dep.name.clone()).collect()
    };
    metadata
        .packages
        .iter()
        .map(|package| (package.name.to_string(), built_from(package)))
        .collect()
}

#[test]
fn crates_use_only_what_they_may() {
    let wrong = violations(&workspace());
    assert!(
        wrong.is_empty(),
        "see ARCHITECTURE.md, Arrows:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn a_planted_wrong_arrow_is_found() {
    for (from, to) in [
        ("voicefleet-api", "voicefleet-piper"),
        ("voicefleet-core", "voicefleet-embedded"),
        ("voicefleet-whisper", "voicefleet-workers"),
        ("voicefleet-workers", "sqlx"),
        ("voicefleet-tests", "voicefleet"),
    ] {
        let mut graph = workspace();
        graph.get_mut(from).expect("a crate").insert(to.to_owned());
        let wrong = violations(&graph);
        assert_eq!(wrong.len(), 1, "{from} -> {to}: {wrong:?}");
    }
}

#[test]
fn every_crate_is_drawn() {
    let allowed = allowed();
    let drawn = |name: &String| allowed.contains_key(name) || COMPOSITION.contains(&name.as_str());
    let missing: Vec<String> = workspace()
        .into_keys()
        .filter(|name| !drawn(name))
        .collect();
    assert!(
        missing.is_empty(),
        "say in arrows.rs what these may use: {missing:?}"
    );
}
