//! A row of sessions that is run like one.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    path::PathBuf,
    sync::Arc,
};

use ort::{
    session::{Session, SessionInputValue},
    value::DynValue,
};

use crate::{OnnxError, SessionOptions, session::open_with};

/// Values by name.
pub type Values = HashMap<String, DynValue>;

/// The open sessions of a network in pieces.
pub struct Stages {
    stages: Vec<Stage>,
    inputs: Vec<String>,
}

struct Stage {
    session: Session,
    inputs: Vec<String>,
    /// What no later stage uses.
    used_up: Vec<String>,
}

impl Stages {
    /// Opens the pieces in order, each with the constants that it shares with others.
    pub(super) fn open<'n>(
        pieces: impl Iterator<Item = (PathBuf, Vec<(&'n str, Arc<DynValue>)>)>,
        options: SessionOptions,
    ) -> Result<Self, OnnxError> {
        let options = SessionOptions {
            optimised: true,
            ..options
        };
        let mut stages = Vec::new();
        for (file, constants) in pieces {
            let session = open_with(&file, options, &constants)?;
            let inputs = session.inputs().iter();
            stages.push(Stage {
                inputs: inputs.map(|input| input.name().to_owned()).collect(),
                session,
                used_up: Vec::new(),
            });
        }
        let made: HashSet<String> = (stages.iter())
            .flat_map(|stage| stage.session.outputs())
            .map(|output| output.name().to_owned())
            .collect();
        let used: BTreeSet<&String> = stages.iter().flat_map(|stage| &stage.inputs).collect();
        let not_made = used.into_iter().filter(|input| !made.contains(*input));
        let inputs = not_made.cloned().collect();
        let mut used_later = HashSet::new();
        for stage in stages.iter_mut().rev() {
            for input in &stage.inputs {
                if used_later.insert(input.clone()) {
                    stage.used_up.push(input.clone());
                }
            }
        }
        Ok(Self { stages, inputs })
    }

    /// The names of the values that the first of them need.
    pub fn inputs(&self) -> Vec<String> {
        self.inputs.clone()
    }

    /// Computes the outputs from `values`, which must hold the inputs.
    ///
    /// # Errors
    /// What a session says.
    pub fn run(&mut self, mut values: Values) -> Result<Values, OnnxError> {
        for stage in &mut self.stages {
            let inputs: Vec<(&str, SessionInputValue)> = (stage.inputs.iter())
                .filter_map(|name| Some((name.as_str(), values.get(name)?.into())))
                .collect();
            let outputs = stage.session.run(inputs)?;
            let made: Vec<(String, DynValue)> = (outputs.into_iter())
                .map(|(name, value)| (name.to_owned(), value))
                .collect();
            for name in &stage.used_up {
                values.remove(name);
            }
            values.extend(made);
        }
        Ok(values)
    }
}
