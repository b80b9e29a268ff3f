//! The network.

use std::path::Path;

use ort::{session::Session, value::Tensor};
use voicefleet_core::ports::{Device, EngineError};
use voicefleet_onnx::{
    Lanes, Memory, OnnxError, Rewritten, SessionOptions, open_rewritten, open_session,
};

use crate::{
    chunks, floats, fused,
    voices::{ROWS, STYLE},
};

/// Sample rate of the network's audio (Hz).
pub(crate) const SAMPLE_RATE: u32 = 24_000;
/// The most token ids in one run: there is a style for each length up to this.
pub(crate) const LONGEST: usize = ROWS;

/// Sessions of the model, one for each job at the same time.
pub(crate) struct Model {
    sessions: Lanes<Session>,
    inputs: InputNames,
    device: Device,
}

/// The names of the inputs: there are two exports of the model that differ in them.
#[derive(Debug, PartialEq, Eq)]
struct InputNames {
    tokens: String,
    style: String,
    speed: String,
}

impl InputNames {
    /// Finds the inputs among `names`.
    fn find(names: &[String]) -> Result<Self, EngineError> {
        let find = |wanted: &[&str]| {
            let found = names.iter().find(|name| wanted.contains(&name.as_str()));
            found.cloned().ok_or_else(|| {
                EngineError::Load(format!(
                    "the model has no input {}; it has {}",
                    wanted.join(" or "),
                    names.join(", ")
                ))
            })
        };
        Ok(Self {
            tokens: find(&["tokens", "input_ids"])?,
            style: find(&["style"])?,
            speed: find(&["speed"])?,
        })
    }
}

/// What is made of the model file for `device`; nothing where it is best as it is. Needs no ONNX Runtime.
pub(crate) fn rewritten(file: &Path, device: Device) -> Result<Option<Rewritten>, EngineError> {
    // What is fused is computed on the CPU, and 8-bit weights are.
    if device.is_gpu() {
        floats::with_floats(file)
    } else {
        fused::fuse(file)
    }
}

impl Model {
    /// Opens what was made of the model file for `device`, or else the file itself, with `lanes` sessions, the first at once.
    pub(crate) fn open(
        file: &Path,
        made: Option<Rewritten>,
        lanes: usize,
        device: Device,
    ) -> Result<Self, EngineError> {
        let path = file.to_owned();
        let options = SessionOptions {
            device,
            ..SessionOptions::default()
        };
        let open = move || match &made {
            Some(made) => open_rewritten(made, &options),
            None => open_session(&path, &options),
        };
        let sessions = Lanes::new(lanes, open)?;
        let names = sessions.with(|session| {
            session
                .inputs()
                .iter()
                .map(|input| input.name().to_owned())
                .collect::<Vec<_>>()
        })?;
        Ok(Self {
            sessions,
            inputs: InputNames::find(&names)?,
            device,
        })
    }

    /// Speaks `ids` (1 to [`LONGEST`]) with a style of [`STYLE`] numbers. Samples at [`SAMPLE_RATE`].
    pub(crate) fn run(
        &self,
        ids: &[i64],
        style: Vec<f32>,
        speed: f32,
    ) -> Result<Vec<f32>, EngineError> {
        if ids.is_empty() || ids.len() > LONGEST {
            return Err(EngineError::Inference(format!(
                "{} tokens; the model takes 1 to {LONGEST}",
                ids.len()
            )));
        }
        // Few chunks are as long as the longest, and each session would hold its memory for ever.
        let memory = if ids.len() > chunks::FULL && !self.device.is_gpu() {
            Memory::Released
        } else {
            Memory::Kept
        };
        // The network wants the padding token 0 at both ends.
        let tokens: Vec<i64> = [&[0], ids, &[0]].concat();
        let samples = self
            .sessions
            .with(|session| -> Result<Vec<f32>, OnnxError> {
                let inputs = ort::inputs![
                    self.inputs.tokens.as_str() => Tensor::from_array(([1, tokens.len()], tokens))?,
                    self.inputs.style.as_str() => Tensor::from_array(([1, STYLE], style))?,
                    self.inputs.speed.as_str() => Tensor::from_array(([1], vec![speed]))?,
                ];
                let options = memory.run_options()?;
                let outputs = session.run_with_options(inputs, &options)?;
                let (_, samples) = outputs[0].try_extract_tensor::<f32>()?;
                Ok(samples.to_vec())
            })??;
        Ok(samples)
    }
}

#[cfg(test)]
mod tests {
    use voicefleet_onnx::load_runtime;
    use voicefleet_testkit::model_file;

    use super::*;
    use crate::{vocabulary::Vocabulary, voices::Voices};

    /// The loudness of each 10 ms.
    fn envelope(samples: &[f32]) -> Vec<f32> {
        let loudness = |frame: &[f32]| {
            frame
                .iter()
                .map(|sample| sample * sample)
                .sum::<f32>()
                .sqrt()
        };
        samples.chunks(240).map(loudness).collect()
    }

    /// 1 for what rises and falls together.
    fn correlation(one: &[f32], other: &[f32]) -> f32 {
        let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        product(one, other) / (product(one, one) * product(other, other)).sqrt()
    }

    /// What is made of the published network, and that itself, say the same.
    fn both_say(make: fn(&Path) -> Result<Option<Rewritten>, EngineError>) -> [Vec<f32>; 2] {
        let file = model_file("kokoro/kokoro-v1.0.int8.onnx");
        load_runtime(&model_file("onnxruntime/libonnxruntime.so")).unwrap();
        let rewritten = make(&file).unwrap();
        assert!(rewritten.is_some(), "nothing was made of it");
        let open = |made| Model::open(&file, made, 1, Device::Cpu).unwrap();
        let (rewritten, published) = (open(rewritten), open(None));
        let vocabulary = Vocabulary::read(&model_file("kokoro/vocab.json")).unwrap();
        let ids = vocabulary.ids("ðə kwˈɪk bɹˈWn fˈɑks.");
        let voices = Voices::list(&model_file("kokoro/voices")).unwrap();
        let mix = voices.resolve("af_heart").unwrap();
        let style = voices.style(&mix, ids.len()).unwrap();
        [rewritten, published].map(|model| model.run(&ids, style.clone(), 1.0).unwrap())
    }

    #[test]
    fn the_network_of_floats_says_the_same() {
        let [floats, published] = both_say(floats::with_floats);
        assert_eq!(floats.len(), published.len(), "it has other durations");
        let alike = correlation(&envelope(&floats), &envelope(&published));
        assert!(alike > 0.99, "it sounds different: {alike}");
    }

    #[test]
    fn the_fused_network_says_the_same_in_the_same_time() {
        let [fused, published] = both_say(fused::fuse);
        assert_eq!(fused.len(), published.len(), "it has other durations");
        let alike = correlation(&envelope(&fused), &envelope(&published));
        assert!(alike > 0.99, "it sounds different: {alike}");
    }

    /// Resident memory of this process, MiB: now and at most.
    #[cfg(target_os = "linux")]
    fn resident() -> (u64, u64) {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let figure = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name));
            let number = line.and_then(|line| line.split_whitespace().nth(1));
            number.unwrap().parse::<u64>().unwrap() / 1024
        };
        (figure("VmRSS"), figure("VmHWM"))
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_long_text_does_not_hold_its_memory() {
        let file = model_file("kokoro/kokoro-v1.0.int8.onnx");
        load_runtime(&model_file("onnxruntime/libonnxruntime.so")).unwrap();
        let made = rewritten(&file, Device::Cpu).unwrap();
        let model = Model::open(&file, made, 1, Device::Cpu).unwrap();
        let vocabulary = Vocabulary::read(&model_file("kokoro/vocab.json")).unwrap();
        let ids = vocabulary.ids(&"ðə kwˈɪk bɹˈWn fˈɑks, ".repeat(12));
        assert!(ids.len() > chunks::FULL);
        model.run(&ids, vec![0.1; STYLE], 1.0).unwrap();
        let (now, most) = resident();
        assert!(now + 100 < most, "{now} MiB are left of {most}");
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn both_exports_are_understood() {
        for tokens in ["tokens", "input_ids"] {
            let found = InputNames::find(&names(&["style", tokens, "speed"])).unwrap();
            assert_eq!(found.tokens, tokens);
        }
    }

    #[test]
    fn another_model_is_refused_by_its_inputs() {
        let error = InputNames::find(&names(&["input", "scales"])).unwrap_err();
        assert!(error.to_string().contains("input, scales"), "{error}");
    }
}
