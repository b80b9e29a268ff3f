//! Speech whose engine the client leaves to us.

use std::time::Duration;

use voicefleet_core::{
    AudioFormat, Catalog, EngineId, Failure, JobSpec, SpeechSpec, Tier, Timestamp,
    catalog::ModelTask,
    cost,
    ports::BlobKey,
    scaling::{Speaker, SteeredBy, Survey, steer},
};

use super::{SpeechWish, resolve};
use crate::{app::App, fleet, speech::openai_names, tenancy::Caller};

/// The engine that others stand in for: it is waited for where it has no worker.
const MAINSTAY: &str = "piper";

/// What "auto" is called, as an engine and as a model.
pub(super) const AUTO: &str = "auto";

/// How urgent the speech is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Urgency {
    pub(crate) tier: Tier,
    pub(crate) deadline: Option<Timestamp>,
}

/// Checks every field and fills in every default, the engine among them: that of the voice or model, or
/// else the one whose turn it is by the split and that can speak in time.
pub(crate) async fn resolve_and_steer(
    app: &App,
    caller: &Caller,
    wish: SpeechWish<'_>,
    urgency: Urgency,
    max_chars: usize,
    default_format: AudioFormat,
) -> Result<SpeechSpec, Failure> {
    let catalog = app.catalog_now();
    let of_engine = |engine: Option<&str>| {
        let wish = SpeechWish {
            engine: engine.or(wish.engine),
            ..wish
        };
        resolve(wish, &catalog, max_chars, default_format)
    };
    if !is_open(&wish, &catalog) {
        return of_engine(None);
    }
    let engines = speaking(&catalog);
    let mut specs = Vec::new();
    for engine in &engines {
        specs.extend(of_engine(Some(engine.as_str())));
    }
    match specs.len() {
        // The mainstay's refusal says best what is wrong.
        0 => of_engine(engines.first().map(EngineId::as_str)),
        1 => Ok(specs.swap_remove(0)),
        _ => {
            for spec in &mut specs {
                spec.walled = caller.wall();
            }
            Ok(steered(app, specs, urgency).await)
        }
    }
}

/// Checks every field without choosing among engines.
pub(crate) fn check(
    wish: SpeechWish<'_>,
    catalog: &Catalog,
    max_chars: usize,
) -> Result<(), Failure> {
    let of_engine = |engine: Option<&str>| {
        let wish = SpeechWish {
            engine: engine.or(wish.engine),
            ..wish
        };
        resolve(wish, catalog, max_chars, AudioFormat::Wav).map(drop)
    };
    if !is_open(&wish, catalog) {
        return of_engine(None);
    }
    let mut engines = speaking(catalog).into_iter();
    let mainstay = of_engine(engines.next().as_ref().map(EngineId::as_str));
    mainstay.or_else(|failure| {
        let others = engines.any(|engine| of_engine(Some(engine.as_str())).is_ok());
        if others { Ok(()) } else { Err(failure) }
    })
}

/// Whether any engine may speak: neither engine nor model nor a voice of one engine is asked for.
fn is_open(wish: &SpeechWish<'_>, catalog: &Catalog) -> bool {
    let is_auto = |name: Option<&str>| name.is_none_or(|name| name == AUTO);
    let voice_is_open = wish.voice.is_none_or(|voice| {
        catalog.voice(voice).is_none() && openai_names::kokoro_voice(voice).is_some()
    });
    is_auto(wish.engine) && is_auto(wish.model) && voice_is_open
}

/// The engines that speak, the mainstay first.
fn speaking(catalog: &Catalog) -> Vec<EngineId> {
    let mut engines = catalog.engines(ModelTask::Speech);
    engines.sort_by_key(|engine| engine.as_str() != MAINSTAY);
    engines
}

/// One of `specs`, which say the same by different engines; there is at least one.
async fn steered(app: &App, mut specs: Vec<SpeechSpec>, urgency: Urgency) -> SpeechSpec {
    let survey = fleet::survey(app).await;
    let speakers: Vec<Speaker> = specs
        .iter()
        .map(|spec| speaker(spec, survey.as_deref(), urgency.tier))
        .collect();
    let text = specs.first().map(|spec| spec.text.clone());
    let Some((turn, by)) = steer(
        text.as_deref().unwrap_or_default(),
        &speakers,
        patience(app, urgency).as_secs_f64(),
    ) else {
        return specs.swap_remove(0);
    };
    // Its turn first, so that it is also the first to be looked for among what has been spoken already.
    specs.sort_by_key(|spec| spec.engine != turn.engine);
    let spoken = spoken_before(app, &specs).await;
    let by = if spoken.is_some() { None } else { Some(by) };
    let spec = specs.swap_remove(spoken.unwrap_or(0));
    app.meters
        .steered(&spec.engine, by.map_or("cache", SteeredBy::name));
    spec
}

fn speaker(spec: &SpeechSpec, survey: Option<&Survey>, tier: Tier) -> Speaker {
    let cost = cost::estimate(&JobSpec::Speech(spec.clone()));
    match survey.and_then(|survey| survey.pool(&spec.engine)) {
        Some(pool) => Speaker::of(pool, tier, cost),
        None => Speaker::unknown(spec.engine.clone(), cost),
    }
}

/// The time that the tier's backlog is to be worked off in, or until the deadline if that is sooner.
fn patience(app: &App, urgency: Urgency) -> Duration {
    let seconds = app.scaling.drain.0[urgency.tier.rank()];
    let drained = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
    let left = urgency
        .deadline
        .map(|deadline| deadline.since(app.clock.now()));
    left.map_or(drained, |left| left.min(drained))
}

/// The first of them whose audio is there. A cache that does not answer has none.
async fn spoken_before(app: &App, specs: &[SpeechSpec]) -> Option<usize> {
    for (index, spec) in specs.iter().enumerate() {
        let key = BlobKey::Result(JobSpec::Speech(spec.clone()).fingerprint());
        if app.blobs.contains(&key).await.unwrap_or(false) {
            return Some(index);
        }
    }
    None
}
