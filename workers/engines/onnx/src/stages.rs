//! A row of sessions that is run like one.

use std::collections::{BTreeSet, HashMap, HashSet};

use ort::{
    session::{Session, SessionInputValue},
    value::DynValue,
};

use crate::{Memory, OnnxError};

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
    /// The sessions of a network's pieces, in order.
    pub fn of(sessions: Vec<Session>) -> Self {
        let mut stages: Vec<Stage> = (sessions.into_iter())
            .map(|session| Stage {
                inputs: (session.inputs().iter())
                    .map(|input| input.name().to_owned())
                    .collect(),
                session,
                used_up: Vec::new(),
            })
            .collect();
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
        Self { stages, inputs }
    }

    /// The names of the values that the first of them need.
    pub fn inputs(&self) -> Vec<String> {
        self.inputs.clone()
    }

    /// The names of what the last of them makes.
    pub fn outputs(&self) -> Vec<String> {
        let last = self.stages.last();
        let outputs = last.map_or(&[][..], |stage| stage.session.outputs());
        outputs.iter().map(|o| o.name().to_owned()).collect()
    }

    /// Computes the outputs from `values`, which must hold the inputs.
    ///
    /// # Errors
    /// What a session says.
    pub fn run(&mut self, mut values: Values, memory: Memory) -> Result<Values, OnnxError> {
        let options = memory.run_options()?;
        for stage in &mut self.stages {
            let inputs: Vec<(&str, SessionInputValue)> = (stage.inputs.iter())
                .filter_map(|name| Some((name.as_str(), values.get(name)?.into())))
                .collect();
            let outputs = stage.session.run_with_options(inputs, &options)?;
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
