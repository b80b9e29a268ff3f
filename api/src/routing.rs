//! Which engine speaks when the client leaves the choice to us. The one place that decides it.

use voicefleet_core::{Catalog, EngineId, catalog::ModelTask};

/// The engine that is taken if it is on offer.
const PREFERRED: &str = "piper";

/// The engine for `engine: auto` without a voice: Piper, or the first that speaks where there is no Piper.
pub(crate) fn auto_speech_engine(catalog: &Catalog) -> Option<EngineId> {
    let engines = catalog.engines(ModelTask::Speech);
    let preferred = engines.iter().find(|engine| engine.as_str() == PREFERRED);
    preferred.or(engines.first()).cloned()
}
