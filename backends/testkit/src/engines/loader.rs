//! Loads fake engines.

use voicefleet_core::{
    EngineId,
    ports::{EngineError, EngineLoader, LoadedEngine, ModelRef},
};

use super::Script;

/// Hands out the same engine for every model. A model named `missing` cannot be loaded.
pub struct FakeLoader {
    id: EngineId,
    engine: LoadedEngine,
    script: Script,
}

impl FakeLoader {
    /// A loader for the engine `id`. Its loads follow `script` (not the script of the engine itself).
    pub fn new(id: &str, engine: LoadedEngine, script: Script) -> Self {
        Self {
            id: EngineId::new(id),
            engine,
            script,
        }
    }
}

impl EngineLoader for FakeLoader {
    fn engine(&self) -> &EngineId {
        &self.id
    }

    fn load(&self, model: &ModelRef, _lanes: usize) -> Result<LoadedEngine, EngineError> {
        self.script.play(EngineError::Load)?;
        if model.name == "missing" {
            return Err(EngineError::Load(
                "the model 'missing' has no files".to_owned(),
            ));
        }
        Ok(self.engine.clone())
    }
}
