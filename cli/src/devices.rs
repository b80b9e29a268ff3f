//! What the engines of this process compute on.

use voicefleet_core::{EngineId, ports::Device};
use voicefleet_models::ModelStore;
use voicefleet_whisper::{ROWS_ON_GPU, runs_on_gpus};

use crate::settings::{Settings, SettingsError};

/// What the engines of this process compute on. Piper has the CPU.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Devices {
    pub(crate) kokoro: Device,
    pub(crate) whisper: Device,
    /// Windows of Whisper jobs that are computed together, at most.
    pub(crate) whisper_rows: usize,
}

impl Devices {
    /// Those of the engines that this process works for.
    pub(crate) fn of(settings: &Settings, works_for: impl Fn(&EngineId) -> bool) -> Self {
        let here = |engine: &str, device: Device| {
            let works = works_for(&EngineId::new(engine));
            if works { device } else { Device::Cpu }
        };
        let whisper = here("whisper", settings.whisper_device);
        let rows = settings.whisper_batch.unwrap_or(ROWS_ON_GPU);
        Self {
            kokoro: here("kokoro", settings.kokoro_device),
            whisper,
            whisper_rows: if whisper.is_gpu() { rows } else { 1 },
        }
    }

    /// Finds out now, and not with the first job, whether each GPU that is asked for can be computed on. Blocks.
    ///
    /// # Errors
    /// A sentence for each that cannot: what was found, and what to do.
    pub(crate) fn check(self, store: &ModelStore) -> Result<(), SettingsError> {
        let of_kokoro = self.kokoro.is_gpu().then(|| kokoro(store, self.kokoro));
        let of_whisper = self.whisper.is_gpu().then(|| whisper(store, self.whisper));
        let wrong: Vec<String> = [
            ("kokoro_device", self.kokoro, of_kokoro),
            ("whisper_device", self.whisper, of_whisper),
        ]
        .into_iter()
        .filter_map(|(setting, device, checked)| Some((setting, device, checked?.err()?)))
        .map(|(setting, device, found)| sentence(setting, device, &found))
        .collect();
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(SettingsError::new(wrong))
        }
    }
}

fn sentence(setting: &str, device: Device, found: &str) -> String {
    format!(
        "{setting}: {device} cannot be used: {found}. A GPU needs NVIDIA's driver (`nvidia-smi` lists the GPUs), CUDA 12 and, \
         for Kokoro, cuDNN 9; or set {setting} to cpu"
    )
}

fn kokoro(store: &ModelStore, device: Device) -> Result<(), String> {
    let runtime = store
        .onnxruntime_cuda()
        .map_err(|error| error.to_string())?;
    voicefleet_kokoro::check_device(&runtime, device).map_err(|error| error.to_string())
}

fn whisper(store: &ModelStore, device: Device) -> Result<(), String> {
    let library = store.ctranslate2().map_err(|error| error.to_string())?;
    let able: Vec<&str> = (store.whisper_weights())
        .filter(|(_, weights)| runs_on_gpus(weights))
        .map(|(name, _)| name)
        .collect();
    if !able.iter().any(|model| store.installed(model)) {
        return Err(format!(
            "no Whisper model is installed that can be computed on it: run `voicefleet models pull MODEL` with one of {}",
            able.join(", ")
        ));
    }
    voicefleet_whisper::check_device(&library, device).map_err(|error| error.to_string())
}
