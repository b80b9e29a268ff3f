//! The network.

use std::{path::Path, thread};

use ort::value::Tensor;
use voicefleet_core::ports::{Device, EngineError};
use voicefleet_onnx::{
    Lanes, Memory, OnnxError, Rewritten, SessionOptions, Stages, Values, open_rewritten,
    open_session,
};

use crate::{
    chunks, floats,
    fused::{self, FusedWeights},
    voices::{ROWS, STYLE},
};

/// Sample rate of the network's audio (Hz).
pub(crate) const SAMPLE_RATE: u32 = 24_000;
/// The most token ids in one run: there is a style for each length up to this.
pub(crate) const LONGEST: usize = ROWS;

/// Sessions of the model, one for each job at the same time.
pub(crate) struct Model {
    sessions: Lanes<Stages>,
    inputs: InputNames,
    /// The name of what it makes.
    audio: String,
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

/// What is made of a model file.
pub(crate) struct Made {
    network: Rewritten,
    weights: Option<FusedWeights>,
}

/// What is made of the model file for `device`; nothing where it is best as it is. Needs no ONNX Runtime.
pub(crate) fn made(file: &Path, device: Device) -> Result<Option<Made>, EngineError> {
    // What is fused is computed on the CPU, and 8-bit weights are.
    Ok(if device.is_gpu() {
        floats::with_floats(file)?.map(|network| Made {
            network,
            weights: None,
        })
    } else {
        fused::fuse(file)?.map(|(network, weights)| Made {
            network,
            weights: Some(weights),
        })
    })
}

impl Model {
    /// Opens what was made of the model file for `device`, or else the file itself, with `lanes` sessions, the first at once.
    pub(crate) fn open(
        file: &Path,
        made: Option<Made>,
        lanes: usize,
        device: Device,
    ) -> Result<Self, EngineError> {
        let path = file.to_owned();
        let options = SessionOptions {
            device,
            ..SessionOptions::default()
        };
        let (network, weights) = match made {
            Some(Made { network, weights }) => (Some(network), weights),
            None => (None, None),
        };
        let open = move || match &network {
            Some(network) => open_rewritten(network, &options),
            None => Ok(Stages::of(vec![open_session(&path, &options)?])),
        };
        let sessions = thread::scope(|scope| {
            if let Some(weights) = weights {
                scope.spawn(move || weights.pack());
            }
            Lanes::new(lanes, open)
        })?;
        let (inputs, outputs) = sessions.with(|stages| (stages.inputs(), stages.outputs()))?;
        let audio = outputs.into_iter().next();
        Ok(Self {
            sessions,
            inputs: InputNames::find(&inputs)?,
            audio: audio.ok_or_else(|| EngineError::Load("the model makes nothing".to_owned()))?,
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
            .with(|stages| -> Result<Vec<f32>, OnnxError> {
                let tokens = Tensor::from_array(([1, tokens.len()], tokens))?.into_dyn();
                let style = Tensor::from_array(([1, STYLE], style))?.into_dyn();
                let speed = Tensor::from_array(([1], vec![speed]))?.into_dyn();
                let inputs = Values::from([
                    (self.inputs.tokens.clone(), tokens),
                    (self.inputs.style.clone(), style),
                    (self.inputs.speed.clone(), speed),
                ]);
                let made = stages.run(inputs, memory)?;
                let audio = made.get(&self.audio);
                let audio = audio.ok_or_else(|| ort::Error::new("the model made no audio"))?;
                Ok(audio.try_extract_tensor::<f32>()?.1.to_vec())
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

    /// What is said, on the CPU, by what is made of the published network for `device`, and by that itself.
    fn both_say(device: Device) -> [Vec<f32>; 2] {
        let file = model_file("kokoro/kokoro-v1.0.int8.onnx");
        load_runtime(&model_file("onnxruntime/libonnxruntime.so")).unwrap();
        let made = made(&file, device).unwrap();
        assert!(made.is_some(), "nothing was made of it");
        let open = |made| Model::open(&file, made, 1, Device::Cpu).unwrap();
        let (made, published) = (open(made), open(None));
        let vocabulary = Vocabulary::read(&model_file("kokoro/vocab.json")).unwrap();
        let ids = vocabulary.ids("ðə kwˈɪk bɹˈWn fˈɑks.");
        let voices = Voices::list(&model_file("kokoro/voices")).unwrap();
        let mix = voices.resolve("af_heart").unwrap();
        let style = voices.style(&mix, ids.len()).unwrap();
        [made, published].map(|model| model.run(&ids, style.clone(), 1.0).unwrap())
    }

    #[test]
    fn the_network_of_floats_says_the_same() {
        let [floats, published] = both_say(Device::Cuda(0));
        assert_eq!(floats.len(), published.len(), "it has other durations");
        let alike = correlation(&envelope(&floats), &envelope(&published));
        assert!(alike > 0.99, "it sounds different: {alike}");
    }

    #[test]
    fn the_fused_network_says_the_same_in_the_same_time() {
        let [fused, published] = both_say(Device::Cpu);
        assert_eq!(fused.len(), published.len(), "it has other durations");
        let alike = correlation(&envelope(&fused), &envelope(&published));
        assert!(alike > 0.99, "it sounds different: {alike}");
    }

    /// Resident memory of this process, MiB: now and at most.
    #[cfg(target_os = "linux")]
    fn resident() -> (u64, u64) {
        let process = procfs::process::Process::myself().unwrap();
        let status = process.status().unwrap();
        let [now, most] = [status.vmrss, status.vmhwm].map(|kib| kib.unwrap() / 1024);
        (now, most)
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_long_text_does_not_hold_its_memory() {
        let file = model_file("kokoro/kokoro-v1.0.int8.onnx");
        load_runtime(&model_file("onnxruntime/libonnxruntime.so")).unwrap();
        let made = made(&file, Device::Cpu).unwrap();
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
