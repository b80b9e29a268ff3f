//! What the API is told that there is.

use std::fs;

use voicefleet_core::{EngineId, catalog::ModelTask};
use voicefleet_models::{Condition, ModelStore, catalog};
use voicefleet_testkit::models_dir;

#[test]
fn the_models_folder_holds_what_the_manifest_promises() {
    let store = ModelStore::open(models_dir());
    let selection = store.manifest().select(&["default", "test"]).unwrap();
    for state in store.verify(&selection) {
        assert_eq!(
            state.condition,
            Condition::Good,
            "{}: run `make models`",
            state.path
        );
    }
}

#[test]
fn an_installed_catalogue_names_models_and_voices() {
    let catalog = catalog(&ModelStore::open(models_dir()));

    let base = catalog.default_transcriber().unwrap();
    // CTranslate2 is to be had for one kind of machine.
    let (name, digest) = if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        (
            "whisper-base-ct2",
            "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
        )
    } else {
        (
            "whisper-base",
            "c577b9a86e7e048a0b7eada054f4dd79a56bbfa911fbdacf900ac5b567cbb7d9",
        )
    };
    assert_eq!((base.name.as_str(), base.installed), (name, true));
    assert_eq!(base.digest, digest);
    assert!(catalog.model("whisper-tiny.en").unwrap().installed);
    let piper = EngineId::new("piper");
    let joe = catalog.default_voice(&piper).unwrap();
    assert_eq!(
        (joe.name.as_str(), joe.language.as_str()),
        ("en_US-joe-medium", "en-US")
    );
    assert!(catalog.model(&joe.model).unwrap().installed);

    let kokoro: Vec<_> = (catalog.voices.iter())
        .filter(|voice| voice.model == "kokoro-82m")
        .collect();
    assert_eq!(kokoro.len(), 54);
    assert!(kokoro.iter().all(|voice| voice.mixable));
    assert_eq!(kokoro[0].name, "af_heart");
    let language = |name: &str| catalog.voice(name).unwrap().language.clone();
    assert_eq!(language("af_heart"), "en-US");
    assert_eq!(language("bm_george"), "en-GB");
    assert_eq!(language("pf_dora"), "pt-BR");
    assert_eq!(language("zm_yunxi"), "zh");
}

#[test]
fn an_empty_folder_has_the_same_catalogue_with_nothing_installed() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = catalog(&ModelStore::open(dir.path().join("nowhere")));
    assert!(catalog.models.iter().all(|model| !model.installed));
    assert_eq!(catalog.voices.len(), 55);
}

#[test]
fn a_voice_that_was_added_by_hand_appears_behind_the_known_ones() {
    let dir = tempfile::tempdir().unwrap();
    let voice = dir.path().join("piper/de_DE-anna-low");
    fs::create_dir_all(&voice).unwrap();
    fs::write(voice.join("de_DE-anna-low.onnx"), "abc").unwrap();
    let config = voice.join("de_DE-anna-low.onnx.json");
    fs::write(&config, r#"{"language": {"code": "de_DE"}}"#).unwrap();
    // Without its settings a voice cannot speak.
    let silent = dir.path().join("piper/xx_XX-nobody-low");
    fs::create_dir_all(&silent).unwrap();
    fs::write(silent.join("xx_XX-nobody-low.onnx"), "abc").unwrap();
    let store = ModelStore::open(dir.path());

    let catalog = catalog(&store);

    let voice = catalog.voice("de_DE-anna-low").unwrap();
    assert_eq!((voice.language.as_str(), voice.mixable), ("de-DE", false));
    let model = catalog.model(&voice.model).unwrap();
    assert_eq!((model.task, model.installed), (ModelTask::Speech, true));
    assert_eq!(model.languages, ["de"]);
    assert_eq!(
        model.digest,
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
    assert_eq!(store.piper(&voice.model).unwrap().config, config);
    assert!(catalog.voice("xx_XX-nobody-low").is_none());
    assert_eq!(
        catalog.default_voice(&EngineId::new("piper")).unwrap().name,
        "en_US-joe-medium"
    );
}

#[test]
fn what_is_not_installed_is_named_with_the_command_that_brings_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = ModelStore::open(dir.path());
    let refusals = [
        store.kokoro().unwrap_err(),
        store.piper("piper-en_US-joe-medium").unwrap_err(),
        store.whisper("whisper-base").unwrap_err(),
        store.onnxruntime().unwrap_err(),
    ];
    for refusal in refusals {
        let command = format!("voicefleet models pull {}", refusal.asset);
        assert!(refusal.to_string().contains(&command), "{refusal}");
    }
    // Names of other engines' models, and names that would lead out of the folder.
    assert!(store.whisper("kokoro-82m").is_err());
    assert!(store.piper("kokoro-82m").is_err());
    assert!(store.piper("piper-../../etc").is_err());
}

#[test]
fn everything_an_engine_asks_for_has_its_place() {
    let store = ModelStore::open(models_dir());
    let kokoro = store.kokoro().unwrap();
    assert!(kokoro.model.is_file() && kokoro.vocabulary.is_file());
    assert!(kokoro.voices.join("af_heart.bin").is_file());
    let joe = store.piper("piper-en_US-joe-medium").unwrap();
    assert!(joe.model.is_file() && joe.config.is_file());
    let whisper = store.whisper("whisper-tiny.en-f16").unwrap();
    assert!(whisper.model.ends_with("whisper/ggml-tiny.en.bin") && whisper.vad.is_file());
    assert!(store.espeak_data().unwrap().join("phontab").is_file());
    assert!(store.onnxruntime().unwrap().is_file());
    assert!(store.speech_sample().unwrap().is_file());
}
