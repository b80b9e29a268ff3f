//! Making, once for each voice and machine, what is kept.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use voicefleet_convolution::Instructions;
use voicefleet_onnx::{
    OnnxError, SessionOptions,
    graph::{
        Network,
        proto::{Dimension, ValueInfo},
    },
    open_session, optimised,
    staged::{Contents, Part, Prepared, PreparedError, beside, key, prepared},
};

use super::{
    alike,
    find::Vocoder,
    halves::halve_weights,
    network::{Staged, Utterance, VoiceNetwork, fronts},
    rewrite::{HEAD, Precision, rewrite},
};

/// Changes with everything that is made differently.
const VERSION: &str = "3";

pub(super) const FRONT: &str = "front";
pub(super) const TAIL: &str = "tail";
pub(super) const RATE: &str = "rate";
pub(super) const OVERLAP: &str = "overlap";

/// Nodes in one piece of the front: few enough to be planned at once, many enough that it is not the
/// borders that cost.
const PIECE: usize = 120;

/// What opens a voice's networks.
pub(crate) type Open = Box<dyn Fn() -> Result<VoiceNetwork, OnnxError> + Send + Sync>;

/// Looks for what is prepared for the voice `model`, and prepares it if need be, which takes seconds. The
/// voice's `probe` must sound the same afterwards. Up to `lanes` networks will be open at a time.
///
/// # Errors
/// If the model cannot be opened at all.
pub(crate) fn opener(
    model: &Path,
    digest: &str,
    probe: &Utterance,
    lanes: usize,
) -> Result<Open, OnnxError> {
    let order = Instructions::for_bfloat16().map_or("in floats", Instructions::order);
    let version = format!("{VERSION}, {order}");
    let key = key(model, digest, &version)?;
    let make = |folder: &Path| make(model, probe, folder);
    let found = match prepared::<Prepared, _>(&beside(model), &key, make) {
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
            let fronts = fronts(&prepared, lanes);
            Box::new(move || {
                let staged = Staged::open(&prepared, &fronts)?;
                Ok(VoiceNetwork::Staged(Box::new(staged)))
            })
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
    for way in ways() {
        let said = way
            .prepare(&network, folder)
            .and_then(|(parts, facts)| say_prepared(folder, parts, facts, probe));
        let what = way.what;
        let why = match said {
            Ok(said) if (way.is_same)(&said, &expected) => {
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

/// How a voice can be prepared.
struct Way {
    what: &'static str,
    /// Of what is rewritten; nothing is where there is none.
    precision: Option<Precision>,
    change_front: fn(&mut Network),
    /// Whether what it says sounds as the published voice does.
    is_same: fn(&[f32], &[f32]) -> bool,
}

impl Way {
    fn prepare(&self, network: &Network, folder: &Path) -> Result<Made, OnnxError> {
        match self.precision {
            Some(precision) => rewritten(network, precision, self.change_front, folder),
            None => cut(network, folder),
        }
    }
}

/// The best comes first.
fn ways() -> impl Iterator<Item = Way> {
    let in_16_bits = |instructions| {
        let front_in_floats = Way {
            what: "rewritten in 16 bits, its front in floats",
            precision: Some(Precision::Bfloat16(instructions)),
            change_front: |_| (),
            is_same: alike::in_spectrum,
        };
        let all = Way {
            what: "rewritten in 16 bits",
            change_front: halve_weights,
            ..front_in_floats
        };
        [all, front_in_floats]
    };
    let in_floats = Way {
        what: "rewritten",
        precision: Some(Precision::Single),
        change_front: |_| (),
        is_same: alike::in_each_sample,
    };
    let only_cut = Way {
        what: "cut",
        precision: None,
        ..in_floats
    };
    let in_16_bits = Instructions::for_bfloat16().map(in_16_bits);
    (in_16_bits.into_iter().flatten()).chain([in_floats, only_cut])
}

type Facts = BTreeMap<String, u64>;
/// What is to be kept.
type Made = (Vec<Part>, Facts);

/// Writes and opens what was made, and has it speak.
fn say_prepared(
    folder: &Path,
    parts: Vec<Part>,
    facts: Facts,
    probe: &Utterance,
) -> Result<Vec<f32>, OnnxError> {
    empty(folder)?;
    Prepared::write(folder, parts, facts)?;
    let prepared = Prepared::read(folder).map_err(PreparedError::at(folder))?;
    let prepared = Arc::new(prepared);
    let staged = Staged::open(&prepared, &fronts(&prepared, 1))?;
    VoiceNetwork::Staged(Box::new(staged)).say(probe.clone())
}

/// Front, head and tail.
fn rewritten(
    network: &Network,
    precision: Precision,
    change_front: fn(&mut Network),
    folder: &Path,
) -> Result<Made, OnnxError> {
    let refused =
        |reason| OnnxError::from(voicefleet_onnx::graph::NetworkError::Unsupported(reason));
    let vocoder = Vocoder::find(network).map_err(refused)?;
    let rewritten = rewrite(network, &vocoder, precision).map_err(refused)?;
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
    let mut parts = vec![front_part(front, change_front, folder)?];
    let mut facts = Facts::new();
    parts.push(free_part(HEAD, rewritten.head, precision, folder)?);
    if let Some(tail) = rewritten.tail {
        parts.push(free_part(TAIL, tail.network, precision, folder)?);
        facts.insert(RATE.to_owned(), tail.rate.unsigned_abs());
        facts.insert(OVERLAP.to_owned(), tail.overlap.unsigned_abs());
    }
    Ok((parts, facts))
}

/// All of it as front.
fn cut(network: &Network, folder: &Path) -> Result<Made, OnnxError> {
    Ok((
        vec![front_part(network.clone(), |_| (), folder)?],
        Facts::new(),
    ))
}

/// Optimised, then changed.
fn front_part(
    mut front: Network,
    change: fn(&mut Network),
    folder: &Path,
) -> Result<Part, OnnxError> {
    for input in &mut front.graph_mut().input {
        if input.name != "scales" {
            one_at_a_time(input);
        }
    }
    let mut front = optimised(&front, folder)?;
    change(&mut front);
    Ok(Part {
        name: FRONT.to_owned(),
        pieces: front.pieces(PIECE),
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

/// A part in one piece, whose lengths are fixed only for ONNX Runtime to optimise it. It would find nothing in what our
/// operator computes.
fn free_part(
    name: &str,
    network: Network,
    precision: Precision,
    folder: &Path,
) -> Result<Part, OnnxError> {
    let mut piece = match precision {
        Precision::Single => optimised(&network, folder)?,
        Precision::Bfloat16(_) => network,
    };
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
    Ok(emptied().map_err(PreparedError::at(folder))?)
}

#[cfg(test)]
mod tests {
    use voicefleet_onnx::load_runtime;
    use voicefleet_testkit::model_file;

    use super::*;
    use crate::config::VoiceConfig;

    /// Whoever loads a voice gets the best way that there is on the machine; here each of them has to speak.
    #[test]
    fn whichever_way_a_voice_is_prepared_it_sounds_as_published() {
        let joe = |ending: &str| {
            model_file(&format!(
                "piper/en_US-joe-medium/en_US-joe-medium.onnx{ending}"
            ))
        };
        load_runtime(&model_file("onnxruntime/libonnxruntime.so")).unwrap();
        let probe = Utterance {
            ids: VoiceConfig::read(&joe(".json")).unwrap().ids.sample(30),
            scales: [0.0, 1.0, 0.0],
            speaker: None,
        };
        let published = whole(&joe("")).unwrap().say(probe.clone()).unwrap();
        let network = Network::read(&joe("")).unwrap();
        for way in ways() {
            let folder = tempfile::tempdir().unwrap();
            let (parts, facts) = way.prepare(&network, folder.path()).unwrap();
            let said = say_prepared(folder.path(), parts, facts, &probe).unwrap();
            assert!((way.is_same)(&said, &published), "{}", way.what);
        }
    }
}
