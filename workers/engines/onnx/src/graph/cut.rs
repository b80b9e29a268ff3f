//! Cutting a network into a row of smaller ones.

use std::collections::{HashMap, HashSet};

use super::{
    ElementType, Network, Node,
    proto::{Graph, Tensor, ValueInfo},
};

impl Network {
    /// Cuts the network into pieces of some `size` nodes that, computed one after the other, each from
    /// the outputs of those before, give the same. Cuts are where few values cross.
    ///
    /// ONNX Runtime plans the memory of a network in a time that grows with the square of its nodes:
    /// pieces of a network of thousands of nodes open in a tenth of its time.
    pub fn pieces(&self, size: usize) -> Vec<Self> {
        let graph = self.graph();
        let types = self.element_types();
        let ends = ends(graph, &types, size.max(2));
        let mut begin = 0;
        let mut pieces = Vec::with_capacity(ends.len());
        for end in ends {
            pieces.push(self.piece(begin..end, &types));
            begin = end;
        }
        pieces
    }

    fn piece(&self, range: std::ops::Range<usize>, types: &HashMap<String, ElementType>) -> Self {
        let graph = self.graph();
        let constants = self.constants();
        let nodes = &graph.node[range.clone()];
        let made: HashSet<&String> = nodes.iter().flat_map(Node::outputs).collect();
        let later = graph.node[range.end..].iter().flat_map(Node::inputs);
        let outputs = graph.output.iter().map(|output| &output.name);
        let wanted: HashSet<&String> = later.chain(outputs).collect();
        let used = once_each(nodes.iter().flat_map(Node::inputs));
        let info = |name: &&String| {
            let said = (graph.input.iter())
                .chain(&graph.output)
                .find(|info| info.name == **name);
            said.cloned().unwrap_or_else(|| {
                let element = types.get(*name).copied().unwrap_or(ElementType::FLOAT);
                ValueInfo::tensor(name, element, None)
            })
        };
        let from_before =
            |name: &&&String| !made.contains(**name) && !constants.contains_key(name.as_str());
        let results = once_each(nodes.iter().flat_map(Node::outputs));
        let initializer: Vec<Tensor> = (used.iter())
            .filter_map(|name| constants.get(name.as_str()).copied().cloned())
            .collect();
        self.of(Graph {
            name: Some(format!("nodes {} to {}", range.start, range.end)),
            node: nodes.to_vec(),
            initializer,
            input: used.iter().filter(from_before).map(info).collect(),
            output: (results.iter())
                .filter(|name| wanted.contains(**name))
                .map(info)
                .collect(),
            ..Graph::default()
        })
    }
}

fn once_each<'n>(names: impl Iterator<Item = &'n String>) -> Vec<&'n String> {
    let mut seen = HashSet::new();
    names.filter(|name| seen.insert(*name)).collect()
}

/// Where the pieces end. A place where a value crosses whose type is unknown is none.
fn ends(graph: &Graph, types: &HashMap<String, ElementType>, size: usize) -> Vec<usize> {
    let crossing = crossing(graph, types);
    let count = graph.node.len();
    let mut ends = Vec::new();
    let mut begin = 0;
    while count - begin > size + size / 3 {
        let least = |from: usize, to: usize| {
            (from..to.min(count - 1))
                .filter_map(|last| Some((crossing[last]?, last)))
                .min_by_key(|(crossing, last)| (*crossing, usize::MAX - last))
        };
        let found = least(begin + size / 2, begin + size).or_else(|| least(begin + size, count));
        let Some((_, node)) = found else { break };
        begin = node + 1;
        ends.push(begin);
    }
    ends.push(count);
    ends
}

/// How many values cross behind each node; `None` where that of an unknown type does.
fn crossing(graph: &Graph, types: &HashMap<String, ElementType>) -> Vec<Option<usize>> {
    let mut last_use: HashMap<&String, usize> = HashMap::new();
    for (at, node) in graph.node.iter().enumerate() {
        for input in node.inputs() {
            last_use.insert(input, at);
        }
    }
    let mut crossing = vec![Some(0); graph.node.len()];
    for (at, node) in graph.node.iter().enumerate() {
        for output in node.outputs() {
            let until = last_use.get(output).copied().unwrap_or(at);
            for place in &mut crossing[at..until] {
                *place = (types.contains_key(output))
                    .then(|| place.map(|count| count + 1))
                    .flatten();
            }
        }
    }
    crossing
}
