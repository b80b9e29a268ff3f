//! What is prepared says what was published says, whatever happens to the files.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use ort::{session::Session, value::Tensor as Value};
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use voicefleet_convolution::Instructions;
use voicefleet_core::ports::{LoadedEngine, SpeechChunk, SpeechEngine};
use voicefleet_onnx::{
    SessionOptions,
    graph::{ElementType, Network, Node, Tensor, proto::ValueInfo},
    load_runtime, open_session,
};

use crate::setup::{JOE, files, load_from, request, rewrite};

/// Of the loudest sample, which is 1.
const TOLERANCE: f32 = 1e-4;

/// Of the power: what may be in the difference to a voice in 16 bits. Where the parts of a sound begin is heard by nobody,
/// and differs.
const TOLERANCE_OF_POWER: f32 = 0.1;

const LONG: &str = "Thank you for joining us today, could you tell me about a difficult problem that you \
    solved, how the others in your team saw it, and what you would do in another way now?";

/// A folder of its own with the voice, without chance in it.
struct Copy {
    folder: TempDir,
    speakers: i64,
}

impl Copy {
    fn new() -> Self {
        Self::changed(1, |_| {})
    }

    /// With another network.
    fn changed(speakers: i64, change: impl FnOnce(&mut Network)) -> Self {
        let folder = tempfile::tempdir().expect("it works");
        let joe = files().models.remove(JOE).expect("it works");
        let mut network = Network::read(&joe.onnx).expect("it works");
        change(&mut network);
        network
            .write(&folder.path().join("voice.onnx"))
            .expect("it works");
        let config = folder.path().join("voice.onnx.json");
        rewrite(&joe.config, &config, |config| {
            config["inference"] = json!({"noise_scale": 0, "length_scale": 1, "noise_w": 0});
            config["num_speakers"] = speakers.into();
        });
        Self { folder, speakers }
    }

    fn onnx(&self) -> PathBuf {
        self.folder.path().join("voice.onnx")
    }

    fn load(&self) -> Arc<dyn SpeechEngine> {
        let mut files = files();
        let joe = files.models.get_mut(JOE).expect("it works");
        joe.onnx = self.onnx();
        joe.config = self.folder.path().join("voice.onnx.json");
        match load_from(files, JOE, 2) {
            Ok(LoadedEngine::Speech(voice)) => voice,
            Ok(LoadedEngine::Transcription(_)) => panic!("Piper speaks"),
            Err(error) => panic!("{error}"),
        }
    }

    fn kept(&self) -> PathBuf {
        self.folder.path().join("voice.prepared")
    }

    /// The one folder in which the prepared voice lies.
    fn prepared(&self) -> PathBuf {
        let mut folders = fs::read_dir(self.kept()).expect("it works");
        let folder = folders.next().expect("it works").expect("it works").path();
        assert!(folders.next().is_none(), "there is more than one");
        folder
    }

    /// The samples of the published network, its loudest 1.
    fn published(&self, session: &mut Session, chunk: &SpeechChunk, speaker: i64) -> Vec<f32> {
        let ids = self.ids(&chunk.phonemes);
        let length = ids.len();
        let mut inputs = vec![
            (
                "input",
                Value::from_array(([1, length], ids))
                    .expect("it works")
                    .into_dyn(),
            ),
            (
                "input_lengths",
                Value::from_array(([1], vec![i64::try_from(length).expect("it works")]))
                    .expect("it works")
                    .into_dyn(),
            ),
            (
                "scales",
                Value::from_array(([3], vec![0.0_f32, 1.0 / chunk.speed, 0.0]))
                    .expect("it works")
                    .into_dyn(),
            ),
        ];
        if self.speakers > 1 {
            let speaker = Value::from_array(([1], vec![speaker])).expect("it works");
            inputs.push(("sid", speaker.into_dyn()));
        }
        let outputs = session.run(inputs).expect("it works");
        let (_, samples) = outputs[0].try_extract_tensor::<f32>().expect("it works");
        let peak = samples.iter().fold(0.0_f32, |peak, x| peak.max(x.abs()));
        samples.iter().map(|sample| sample / peak).collect()
    }

    fn ids(&self, phonemes: &str) -> Vec<i64> {
        let config = fs::read(self.folder.path().join("voice.onnx.json")).expect("it works");
        let config: Json = serde_json::from_slice(&config).expect("it works");
        let map = &config["phoneme_id_map"];
        let of = |key: String| -> Vec<i64> {
            serde_json::from_value(map[key].clone()).expect("it works")
        };
        let mut ids = [of("^".to_owned()), of("_".to_owned())].concat();
        for phoneme in phonemes.chars() {
            ids.extend(of(phoneme.to_string()));
            ids.extend(of("_".to_owned()));
        }
        ids.extend(of("$".to_owned()));
        ids
    }

    /// The voice says what was published says.
    fn expect_the_same(&self, text: &str, speed: f32) {
        self.expect(text, speed, expect_near);
    }

    /// What it says is `judged` beside what the published network says.
    fn expect(&self, text: &str, speed: f32, judged: fn(&[f32], &[f32])) {
        let voice = self.load();
        load_runtime(&files().onnx_runtime).expect("it works");
        let mut published =
            open_session(&self.onnx(), &SessionOptions::default()).expect("it works");
        for chunk in voice.plan(&request(text, speed)).expect("it works") {
            for speaker in 0..self.speakers {
                let mut chunk = chunk.clone();
                if self.speakers > 1 {
                    chunk.voice = format!("{JOE}#{speaker}");
                }
                let said = voice.speak(&chunk).expect("it works").samples;
                judged(&said, &self.published(&mut published, &chunk, speaker));
            }
        }
    }
}

/// As the processor computes it.
fn expect_near(said: &[f32], expected: &[f32]) {
    if Instructions::for_bfloat16().is_some() {
        expect_near_in_power(said, expected);
    } else {
        expect_near_in_each_sample(said, expected);
    }
}

fn expect_near_in_power(said: &[f32], expected: &[f32]) {
    assert_eq!(said.len(), expected.len());
    assert!(said.len() > 1000);
    let power = |samples: &mut dyn Iterator<Item = f32>| -> f32 {
        samples.map(|sample| sample * sample).sum()
    };
    let apart = said.iter().zip(expected).map(|(one, other)| one - other);
    let part = power(&mut { apart }) / power(&mut expected.iter().copied());
    // Were it computed with floats, it would be the same to some millionths.
    assert!(part > 1e-6, "it was not prepared in 16 bits");
    assert!(part <= TOLERANCE_OF_POWER, "{part}");
}

fn expect_near_in_each_sample(said: &[f32], expected: &[f32]) {
    assert_eq!(said.len(), expected.len());
    let apart = said.iter().zip(expected);
    let apart = apart.map(|(one, other)| (one - other).abs());
    let most = apart.fold(0.0_f32, f32::max);
    assert!(most <= TOLERANCE, "{most}");
    assert!(said.len() > 1000);
}

fn names(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder).expect("it works");
    let mut names: Vec<String> = files
        .map(|file| {
            file.expect("it works")
                .file_name()
                .into_string()
                .expect("it works")
        })
        .collect();
    names.sort();
    names
}

fn has(folder: &Path, part: &str) -> bool {
    names(folder).iter().any(|name| name.starts_with(part))
}

#[test]
fn short_and_long_sentences_sound_as_published() {
    let voice = Copy::new();
    voice.expect_the_same("Hi.", 1.0);
    voice.expect_the_same(LONG, 1.0);
    voice.expect_the_same("Half as fast, please.", 0.5);
    assert!(has(&voice.prepared(), "tail"), "it was not rewritten");
}

#[test]
fn a_voice_with_several_speakers_sounds_as_published() {
    let voice = Copy::changed(3, |network| {
        // The exporter has left this name to the table of phonemes.
        let table = |name: &mut String| {
            if name == "sid" {
                "table".clone_into(name);
            }
        };
        let graph = network.graph_mut();
        graph
            .initializer
            .iter_mut()
            .for_each(|tensor| table(&mut tensor.name));
        graph
            .node
            .iter_mut()
            .flat_map(|node| &mut node.input)
            .for_each(table);
        let timbres: Vec<f32> = (0..3 * 256_i16).map(|n| f32::from(n % 7) / 10.0).collect();
        graph.initializer.extend([
            Tensor::of_floats("timbres", &[3, 256], &timbres),
            Tensor::of_ints("axis 2", &[2]),
        ]);
        let sid = ValueInfo::tensor("sid", ElementType::INT64, Some(&[None]));
        graph.input.push(sid);
        let pre = "/dec/conv_pre/Conv_output_0";
        let at = graph.node.iter().position(|node| node.output[0] == pre);
        for node in &mut graph.node {
            for input in node.input.iter_mut().filter(|input| *input == pre) {
                *input = "with timbre".to_owned();
            }
        }
        let added = [
            Node::new("Gather", &["timbres", "sid"], "timbre"),
            Node::new("Unsqueeze", &["timbre", "axis 2"], "timbre of all frames"),
            Node::new("Add", &[pre, "timbre of all frames"], "with timbre"),
        ];
        let behind = at.unwrap() + 1;
        graph.node.splice(behind..behind, added);
    });
    voice.expect_the_same("Who is speaking now, and for how long?", 1.0);
    assert!(has(&voice.prepared(), "tail"), "it was not rewritten");
}

#[test]
fn a_network_of_another_kind_is_only_cut() {
    let voice = Copy::changed(1, |network| {
        let graph = network.graph_mut();
        let last = graph.node.last_mut().unwrap();
        let audio = last.input[0].clone();
        last.input[0] = "audio again".to_owned();
        let (first, second) = (
            Node::new("Neg", &[&audio], "upside down"),
            Node::new("Neg", &["upside down"], "audio again"),
        );
        let at = graph.node.len() - 1;
        graph.node.splice(at..at, [first, second]);
    });
    voice.expect(
        "This one has an operation more.",
        1.0,
        expect_near_in_each_sample,
    );
    let prepared = voice.prepared();
    assert!(has(&prepared, "front") && !has(&prepared, "head"));
}

#[test]
fn what_is_broken_is_made_anew() {
    let voice = Copy::new();
    voice.load();
    let prepared = voice.prepared();
    let whole = names(&prepared);
    let weights = prepared.join("weights.bin");
    let mut bytes = fs::read(&weights).unwrap();
    bytes[12_345] ^= 1;
    fs::write(&weights, bytes).unwrap();
    voice.expect_the_same("One bit was wrong.", 1.0);
    fs::remove_file(prepared.join("tail-0.onnx")).unwrap();
    voice.expect_the_same("A file was gone.", 1.0);
    fs::write(prepared.join("contents.json"), "{").unwrap();
    voice.expect_the_same("The list was broken.", 1.0);
    assert_eq!(names(&voice.prepared()), whole);
}

#[test]
fn a_folder_that_cannot_be_written_to_is_no_hindrance() {
    let voice = Copy::new();
    // A file where the folder would be: not even root can write there.
    fs::write(voice.kept(), "").unwrap();
    voice.expect_the_same("Nothing is kept.", 1.0);
    assert_eq!(fs::read(voice.kept()).unwrap(), b"");
}

#[test]
fn two_that_prepare_at_once_do_not_disturb_each_other() {
    let voice = Copy::new();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| voice.load());
        }
    });
    voice.expect_the_same("Who was first?", 1.0);
    assert!(has(&voice.prepared(), "tail"));
}
