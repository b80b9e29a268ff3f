//! Making, once for each voice and machine, what is kept.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use voicefleet_onnx::{
    OnnxError, SessionOptions,
    graph::{
        Network,
        proto::{Dimension, ValueInfo},
    },
    open_session, optimised,
    staged::{Key, Part, Prepared, beside, prepared},
};

use super::{
    find::Vocoder,
    network::{Staged, Utterance, VoiceNetwork},
    rewrite::{HEAD, rewrite},
};

/// Changes with everything that is made differently.
const VERSION: &str = "1";

pub(super) const FRONT: &str = "front";
pub(super) const TAIL: &str = "tail";
pub(super) const RATE: &str = "rate";
pub(super) const OVERLAP: &str = "overlap";

/// Nodes in one piece of the front: few enough to be planned at once, many enough that it is not the
/// borders that cost.
const PIECE: usize = 120;

/// Of the loudest sample: how much a prepared voice may differ from the published one.
const TOLERANCE: f32 = 1e-4;

/// What opens a voice's networks.
pub(crate) type Open = Box<dyn Fn() -> Result<VoiceNetwork, OnnxError> + Send + Sync>;

/// Looks for what is prepared for the voice `model`, and prepares it if need be, which takes seconds. The
/// voice's `probe` must sound the same afterwards.
///
/// # Errors
/// If the model cannot be opened at all.
pub(crate) fn opener(model: &Path, digest: &str, probe: &Utterance) -> Result<Open, OnnxError> {
    let key = Key::new(model, digest, VERSION)?;
    let make = |folder: &Path| make(model, probe, folder);
    let found = match prepared(&beside(model), &key, make) {
        Ok(prepared) if prepared.has(FRONT) => Some(Arc::new(prepared)),
        // It was tried, and said something else.
        Ok(_) => None,
        Err(error) => {
            tracing::warn!(model = %model.display(), %error, "the voice is used as it is: it starts slower");
            None
        }
    };
    let model = model.to_owned();
    Ok(match found {
        Some(prepared) => {
            Box::new(move || Ok(VoiceNetwork::Staged(Box::new(Staged::open(&prepared)?))))
        }
        None => Box::new(move || whole(&model)),
    })
}

fn whole(model: &Path) -> Result<VoiceNetwork, OnnxError> {
    let session = open_session(model, &SessionOptions::default())?;
    Ok(VoiceNetwork::Whole(Box::new(session)))
}

/// Fills `folder` with the best that says the same; with nothing if nothing does.
fn make(model: &Path, probe: &Utterance, folder: &Path) -> Result<(), OnnxError> {
    let network = Network::read(model)?;
    let expected = whole(model)?.say(probe.clone())?;
    let attempts: [(&str, Attempt); 2] = [("rewritten", rewritten), ("cut", cut)];
    for (what, attempt) in attempts {
        let said = attempt(&network, folder)
            .and_then(|(parts, facts)| say_prepared(folder, parts, facts, probe));
        let why = match said {
            Ok(said) if same(&said, &expected) => {
                tracing::info!(model = %model.display(), what, "prepared a voice");
                return Ok(());
            }
            Ok(_) => "it does not sound the same".to_owned(),
            Err(error) => error.to_string(),
        };
        tracing::warn!(model = %model.display(), what, why, "a voice cannot be prepared like others");
        empty(folder)?;
    }
    Prepared::write(folder, Vec::new(), Facts::new())
}

type Facts = BTreeMap<String, u64>;
type Attempt = fn(&Network, &Path) -> Result<(Vec<Part>, Facts), OnnxError>;

/// Writes and opens what was made, and has it speak.
fn say_prepared(
    folder: &Path,
    parts: Vec<Part>,
    facts: Facts,
    probe: &Utterance,
) -> Result<Vec<f32>, OnnxError> {
    empty(folder)?;
    Prepared::write(folder, parts, facts)?;
    let prepared = Prepared::read(folder).map_err(|source| OnnxError::Prepared {
        folder: folder.to_owned(),
        source,
    })?;
    VoiceNetwork::Staged(Box::new(Staged::open(&prepared)?)).say(probe.clone())
}

fn same(said: &[f32], expected: &[f32]) -> bool {
    let loudest = expected.iter().fold(0.0_f32, |peak, x| peak.max(x.abs()));
    let near = |(one, other): (&f32, &f32)| (one - other).abs() <= TOLERANCE * loudest;
    said.len() == expected.len() && said.iter().zip(expected).all(near)
}

/// Front, head and tail.
fn rewritten(network: &Network, folder: &Path) -> Result<(Vec<Part>, Facts), OnnxError> {
    let refused =
        |reason| OnnxError::from(voicefleet_onnx::graph::NetworkError::Unsupported(reason));
    let vocoder = Vocoder::find(network).map_err(refused)?;
    let rewritten = rewrite(network, &vocoder).map_err(refused)?;
    let mut front = network.clone();
    let ends = |name: &str| {
        let said = network
            .graph()
            .value_info
            .iter()
            .find(|info| info.name == name);
        said.cloned().unwrap_or_else(|| {
            ValueInfo::tensor(name, voicefleet_onnx::graph::ElementType::FLOAT, None)
        })
    };
    front.graph_mut().output = std::iter::once(vocoder.latent)
        .chain(vocoder.conditions.iter().copied())
        .map(ends)
        .collect();
    front.prune();
    let mut parts = vec![front_part(front, folder)?];
    let mut facts = Facts::new();
    parts.push(free_part(HEAD, &rewritten.head, folder)?);
    if let Some(tail) = rewritten.tail {
        parts.push(free_part(TAIL, &tail.network, folder)?);
        facts.insert(RATE.to_owned(), tail.rate.unsigned_abs());
        facts.insert(OVERLAP.to_owned(), tail.overlap.unsigned_abs());
    }
    Ok((parts, facts))
}

/// All of it as front.
fn cut(network: &Network, folder: &Path) -> Result<(Vec<Part>, Facts), OnnxError> {
    Ok((vec![front_part(network.clone(), folder)?], Facts::new()))
}

fn front_part(mut front: Network, folder: &Path) -> Result<Part, OnnxError> {
    for input in &mut front.graph_mut().input {
        if input.name != "scales" {
            one_at_a_time(input);
        }
    }
    Ok(Part {
        name: FRONT.to_owned(),
        pieces: optimised(&front, folder)?.pieces(PIECE),
    })
}

/// Fixes the first dimension, the batch, to 1.
fn one_at_a_time(input: &mut ValueInfo) {
    let tensor = input.r#type.as_mut().and_then(|info| info.tensor.as_mut());
    let shape = tensor.and_then(|tensor| tensor.shape.as_mut());
    if let Some(batch) = shape.and_then(|shape| shape.dim.first_mut()) {
        *batch = Dimension {
            value: Some(1),
            param: None,
        };
    }
}

/// A part in one piece, whose lengths are fixed only to be optimised.
fn free_part(name: &str, network: &Network, folder: &Path) -> Result<Part, OnnxError> {
    let mut piece = optimised(network, folder)?;
    piece.free_dimensions();
    Ok(Part {
        name: name.to_owned(),
        pieces: vec![piece],
    })
}

fn empty(folder: &Path) -> Result<(), OnnxError> {
    let emptied = || -> std::io::Result<()> {
        for entry in fs::read_dir(folder)? {
            fs::remove_file(entry?.path())?;
        }
        Ok(())
    };
    emptied().map_err(|source| OnnxError::Prepared {
        folder: folder.to_owned(),
        source,
    })
}
