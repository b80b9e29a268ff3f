//! A voice's network, ready to be run.

use std::{sync::Arc, thread};

use ort::{
    session::{Session, SessionInputValue},
    value::{DynValue, Tensor},
};
use voicefleet_onnx::{Lanes, Memory, OnnxError, SessionOptions, Stages, Values, staged::Prepared};

use super::{operator, prepare, rewrite::BETWEEN, rewrite::HEAD};

/// Samples of audio that the tail computes at a time: its tensors then fit into a core's caches, and
/// memory does not grow with the sentence.
const SAMPLES_PER_WINDOW: u64 = 8_192;

/// How many networks have one front between them. It takes a fifth of the time of a sentence, and most of the memory of
/// what is open.
const LANES_PER_FRONT: usize = 2;

/// What is to be said.
#[derive(Clone, Debug)]
pub(crate) struct Utterance {
    /// Ids of phonemes.
    pub(crate) ids: Vec<i64>,
    /// Noise of the audio, length, noise of the durations.
    pub(crate) scales: [f32; 3],
    /// `None` for a model that takes no speaker.
    pub(crate) speaker: Option<i64>,
}

/// A network that can be run.
pub(crate) enum VoiceNetwork {
    /// As it was published.
    Whole(Box<Session>),
    /// As it was prepared.
    Staged(Box<Staged>),
}

/// The parts of a prepared network.
pub(crate) struct Staged {
    fronts: Arc<Fronts>,
    head: Option<Stages>,
    tail: Option<Tail>,
    inputs: Vec<String>,
}

/// The part that is run in windows.
struct Tail {
    stages: Stages,
    /// Samples of audio per sample that it takes.
    rate: usize,
    /// Samples of a window, without the overlaps.
    window: usize,
    /// Samples at each edge that are only there for the others.
    overlap: usize,
}

impl VoiceNetwork {
    /// The names of the inputs.
    pub(crate) fn inputs(&self) -> Vec<String> {
        match self {
            Self::Whole(session) => {
                let inputs = session.inputs().iter();
                inputs.map(|input| input.name().to_owned()).collect()
            }
            Self::Staged(staged) => staged.inputs.clone(),
        }
    }

    /// The samples of an utterance, as loud as they come.
    ///
    /// # Errors
    /// What ONNX Runtime says.
    pub(crate) fn say(&mut self, utterance: Utterance) -> Result<Vec<f32>, OnnxError> {
        let inputs = inputs(utterance)?;
        match self {
            Self::Whole(session) => {
                let named = |(name, value): (&'static str, DynValue)| {
                    (name, SessionInputValue::from(value))
                };
                let inputs: Vec<_> = inputs.into_iter().map(named).collect();
                let outputs = session.run(inputs)?;
                let (_, audio) = outputs[0].try_extract_tensor::<f32>()?;
                Ok(audio.to_vec())
            }
            Self::Staged(staged) => {
                let owned = |(name, value): (&str, DynValue)| (name.to_owned(), value);
                staged.say(inputs.into_iter().map(owned).collect())
            }
        }
    }
}

/// The first part, which several networks use in turn.
pub(super) type Fronts = Lanes<Stages>;

/// The fronts for up to `lanes` networks.
pub(super) fn fronts(prepared: &Arc<Prepared>, lanes: usize) -> Arc<Fronts> {
    let prepared = Arc::clone(prepared);
    let open = move || prepared.open(prepare::FRONT, &freeing());
    Arc::new(Lanes::unmade(lanes.div_ceil(LANES_PER_FRONT), open))
}

impl Staged {
    /// Opens the parts of `prepared`, on two cores if there are.
    pub(super) fn open(prepared: &Prepared, fronts: &Arc<Fronts>) -> Result<Self, OnnxError> {
        let freeing = freeing();
        let (inputs, rest) = thread::scope(|scope| {
            let rest = scope.spawn(|| -> Result<_, OnnxError> {
                let head = (prepared.has(HEAD))
                    .then(|| open(prepared, HEAD, freeing))
                    .transpose()?;
                let tail = (prepared.has(prepare::TAIL))
                    .then(|| Tail::open(prepared))
                    .transpose()?;
                Ok((head, tail))
            });
            // There is one afterwards.
            let inputs = fronts.with(|front| front.inputs());
            (inputs, rest.join())
        });
        let (head, tail) = rest.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok(Self {
            inputs: inputs?,
            fronts: Arc::clone(fronts),
            head,
            tail,
        })
    }

    fn say(&mut self, inputs: Values) -> Result<Vec<f32>, OnnxError> {
        let mut values = (self.fronts).with(|front| front.run(inputs, Memory::Kept))??;
        if let Some(head) = &mut self.head {
            values = head.run(values, Memory::Kept)?;
        }
        if let Some(tail) = &mut self.tail {
            let between = values.remove(BETWEEN);
            let between = between.ok_or_else(|| missing(BETWEEN))?;
            return tail.say(&between);
        }
        let audio = values.into_values().next();
        let audio = audio.ok_or_else(|| missing("audio"))?;
        Ok(audio.try_extract_tensor::<f32>()?.1.to_vec())
    }
}

impl Tail {
    fn open(prepared: &Prepared) -> Result<Self, OnnxError> {
        let fact = |name: &str| prepared.fact(name).ok_or_else(|| missing(name));
        let whole = |number: u64| usize::try_from(number).map_err(|_| missing("a small number"));
        let (rate, overlap) = (fact(prepare::RATE)?.max(1), fact(prepare::OVERLAP)?);
        Ok(Self {
            stages: open(prepared, prepare::TAIL, freeing())?,
            rate: whole(rate)?,
            window: whole((SAMPLES_PER_WINDOW / rate).max(4 * overlap).max(1))?,
            overlap: whole(overlap)?,
        })
    }

    /// The audio of `between`, `[1, channels, 1, time]`.
    fn say(&mut self, between: &DynValue) -> Result<Vec<f32>, OnnxError> {
        let (shape, samples) = between.try_extract_tensor::<f32>()?;
        let channels = shape.get(1).copied().unwrap_or(1).max(1);
        let channels = usize::try_from(channels).unwrap_or(1);
        let length = samples.len() / channels;
        let mut audio = Vec::with_capacity(length * self.rate);
        // Windows of one length; a short one at the end would be mostly overlap.
        let window = length.div_ceil(length.div_ceil(self.window).max(1)).max(1);
        for begin in (0..length).step_by(window) {
            let end = (begin + window).min(length);
            let from = begin.saturating_sub(self.overlap);
            let to = (end + self.overlap).min(length);
            let taken: Vec<f32> = (samples.chunks_exact(length))
                .flat_map(|channel| &channel[from..to])
                .copied()
                .collect();
            let taken = Tensor::from_array(([1, channels, 1, to - from], taken))?;
            let values = Values::from([(BETWEEN.to_owned(), taken.into_dyn())]);
            let made = self.stages.run(values, Memory::Kept)?;
            let made = made.into_values().next().ok_or_else(|| missing("audio"))?;
            let (_, made) = made.try_extract_tensor::<f32>()?;
            let inside = (begin - from) * self.rate..(end - from) * self.rate;
            let whole = made.len() == (to - from) * self.rate;
            let inside = made.get(inside).filter(|_| whole);
            audio.extend_from_slice(inside.ok_or_else(|| missing("a sample"))?);
        }
        Ok(audio)
    }
}

/// Sentences differ in length, and what an arena keeps of the windows of one lane is of no use to another.
fn freeing() -> SessionOptions {
    SessionOptions {
        frees: true,
        ..SessionOptions::default()
    }
}

/// Opens a part that may have our operator.
fn open(prepared: &Prepared, part: &str, options: SessionOptions) -> Result<Stages, OnnxError> {
    prepared.open_with_operators(part, &options, Some(&operator::domain))
}

fn inputs(utterance: Utterance) -> Result<Vec<(&'static str, DynValue)>, OnnxError> {
    let Utterance {
        ids,
        scales,
        speaker,
    } = utterance;
    let length = ids.len();
    let lengths = i64::try_from(length).expect("a sequence is short");
    let mut inputs = vec![
        ("input", Tensor::from_array(([1, length], ids))?.into_dyn()),
        (
            "input_lengths",
            Tensor::from_array(([1], vec![lengths]))?.into_dyn(),
        ),
        (
            "scales",
            Tensor::from_array(([3], scales.to_vec()))?.into_dyn(),
        ),
    ];
    if let Some(speaker) = speaker {
        inputs.push(("sid", Tensor::from_array(([1], vec![speaker]))?.into_dyn()));
    }
    Ok(inputs)
}

fn missing(what: &str) -> OnnxError {
    OnnxError::Run(ort::Error::new(format!(
        "the prepared voice does not give {what}"
    )))
}
