//! What is left of a vocoder when all that does nothing is left out.

use std::collections::{HashMap, HashSet};

use voicefleet_onnx::graph::{Node, Tensor};

use crate::vits::find::Vocoder;

/// The nodes without those that do nothing.
pub(super) struct Simple<'n> {
    pub(super) nodes: Vec<&'n Node>,
    /// What stands for what.
    same: HashMap<&'n str, &'n str>,
    pub(super) output: String,
    pub(super) consumers: HashMap<String, Vec<&'n Node>>,
}

impl<'n> Simple<'n> {
    pub(super) fn of(vocoder: &Vocoder<'n>, constants: &HashMap<&str, &Tensor>) -> Self {
        let mut zeros: HashSet<&str> = HashSet::new();
        let mut ones = vocoder.ones.clone();
        let mut same = HashMap::new();
        let mut nodes = Vec::new();
        for node in &vocoder.nodes {
            let output = node.output[0].as_str();
            let input = |at: usize| node.input.get(at).map_or("", String::as_str);
            match node.op_type.as_str() {
                "ConstantOfShape" if fills_with_zeros(node) => {
                    zeros.insert(output);
                }
                "Neg" if zeros.contains(input(0)) => {
                    zeros.insert(output);
                }
                "Exp" if zeros.contains(input(0)) => {
                    ones.insert(output);
                }
                "Shape" => {}
                "Add" if zeros.contains(input(0)) => drop(same.insert(output, input(1))),
                "Add" if zeros.contains(input(1)) => drop(same.insert(output, input(0))),
                "Mul" if ones.contains(input(0)) => drop(same.insert(output, input(1))),
                "Mul" if ones.contains(input(1)) => drop(same.insert(output, input(0))),
                "Unsqueeze" => drop(same.insert(output, input(0))),
                _ => nodes.push(*node),
            }
        }
        let mut simple = Self {
            nodes,
            same,
            output: String::new(),
            consumers: HashMap::new(),
        };
        let last = vocoder.nodes.last().map_or("", |node| &node.output[0]);
        simple.output = simple.resolve(last).to_owned();
        for node in simple.nodes.clone() {
            for input in node.inputs() {
                let input = simple.resolve(input).to_owned();
                if !constants.contains_key(input.as_str()) {
                    simple.consumers.entry(input).or_default().push(node);
                }
            }
        }
        simple
    }

    pub(super) fn resolve<'s>(&'s self, name: &'s str) -> &'s str
    where
        'n: 's,
    {
        let mut name = name;
        while let Some(other) = self.same.get(name) {
            name = other;
        }
        name
    }
}

fn fills_with_zeros(node: &Node) -> bool {
    let value = node.attribute("value").and_then(|value| value.t.as_ref());
    value.is_none_or(|value| {
        value
            .floats()
            .is_some_and(|floats| floats.iter().all(|float| *float == 0.0))
    })
}
