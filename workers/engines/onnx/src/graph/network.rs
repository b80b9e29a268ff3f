//! A model as a whole.

use std::{
    collections::{HashMap, HashSet},
    fs, io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use prost::Message;

use super::{
    Node, Tensor,
    proto::{Graph, Model, OperatorSet, ValueInfo},
};

/// A model in memory.
#[derive(Clone, Debug)]
pub struct Network {
    model: Model,
}

/// Why a model cannot be taken apart. Its session may be fine.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The file is not there or cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not an ONNX model.
    #[error("{} is not an ONNX model: {reason}", path.display())]
    NoModel {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// It has parts that we do not take apart.
    #[error("it cannot be taken apart: {0}")]
    Unsupported(String),
}

impl Network {
    /// Reads the model file `path`. Constants that are nodes become initializers.
    ///
    /// # Errors
    /// [`NetworkError`]: also for a model whose weights lie in other files, and for one with functions,
    /// nested graphs or sparse weights.
    pub fn read(path: &Path) -> Result<Self, NetworkError> {
        let bytes = fs::read(path).map_err(|source| NetworkError::File {
            path: path.to_owned(),
            source,
        })?;
        let no_model = |reason: String| NetworkError::NoModel {
            path: path.to_owned(),
            reason,
        };
        let model =
            Model::decode(Bytes::from(bytes)).map_err(|error| no_model(error.to_string()))?;
        let Some(graph) = &model.graph else {
            return Err(no_model("it has no graph".to_owned()));
        };
        let unsupported = |what: &str| Err(NetworkError::Unsupported(what.to_owned()));
        if !model.functions.is_empty() {
            return unsupported("it has functions");
        }
        if graph.has_bodies() {
            return unsupported("it has nested graphs");
        }
        if !graph.sparse_initializer.is_empty() || !graph.quantization_annotation.is_empty() {
            return unsupported("it has sparse weights or quantization annotations");
        }
        if graph.initializer.iter().any(Tensor::is_external) {
            return unsupported("its weights lie in other files");
        }
        let mut network = Self { model };
        network.constants_to_initializers();
        Ok(network)
    }

    /// A network of these nodes, with the operator versions of `self`.
    #[must_use]
    pub fn of(&self, graph: Graph) -> Self {
        Self {
            model: Model {
                graph: Some(graph),
                functions: Vec::new(),
                ..self.model.clone_without_graph()
            },
        }
    }

    /// The file's content.
    pub fn encode(&self) -> Vec<u8> {
        self.model.encode_to_vec()
    }

    /// Writes the model file `path`.
    ///
    /// # Errors
    /// [`NetworkError::File`].
    pub fn write(&self, path: &Path) -> Result<(), NetworkError> {
        fs::write(path, self.encode()).map_err(|source| NetworkError::File {
            path: path.to_owned(),
            source,
        })
    }

    /// Its graph.
    pub fn graph(&self) -> &Graph {
        self.model.graph.as_ref().unwrap_or(&EMPTY)
    }

    /// Its graph, to be changed.
    pub fn graph_mut(&mut self) -> &mut Graph {
        self.model.graph.get_or_insert_default()
    }

    /// The constants by name.
    pub fn constants(&self) -> HashMap<&str, &Tensor> {
        let constants = self.graph().initializer.iter();
        constants
            .map(|tensor| (tensor.name.as_str(), tensor))
            .collect()
    }

    /// Which node makes a value.
    pub fn producers(&self) -> HashMap<&str, &Node> {
        let nodes = self.graph().node.iter();
        let outputs = nodes.flat_map(|node| node.outputs().map(move |name| (name.as_str(), node)));
        outputs.collect()
    }

    /// Which nodes use a value, once for each use.
    pub fn consumers(&self) -> HashMap<&str, Vec<&Node>> {
        let mut consumers: HashMap<&str, Vec<&Node>> = HashMap::new();
        for node in &self.graph().node {
            for input in node.inputs() {
                consumers.entry(input).or_default().push(node);
            }
        }
        consumers
    }

    /// Says that the network uses these operators too.
    pub fn add_operators(&mut self, operators: OperatorSet) {
        self.model.opset_import.push(operators);
    }

    /// Leaves out what no output needs.
    pub fn prune(&mut self) {
        let graph = self.graph_mut();
        let mut needed: HashSet<String> = graph.output.iter().map(|o| o.name.clone()).collect();
        let mut kept: Vec<Node> = Vec::with_capacity(graph.node.len());
        // The nodes are in order, so from the back every user of a node comes before it.
        while let Some(node) = graph.node.pop() {
            if node.outputs().any(|output| needed.contains(output)) {
                needed.extend(node.inputs().cloned());
                kept.push(node);
            }
        }
        kept.reverse();
        let made: HashSet<&String> = kept.iter().flat_map(Node::outputs).collect();
        graph
            .initializer
            .retain(|tensor| needed.contains(&tensor.name));
        graph.value_info.retain(|info| made.contains(&info.name));
        graph.node = kept;
    }

    /// Forgets all lengths: those of inputs and outputs that were fixed are free again.
    pub fn free_dimensions(&mut self) {
        let graph = self.graph_mut();
        graph.value_info.clear();
        let free = |info: &ValueInfo| {
            let dims = info.dims().map(|dims| vec![None; dims.len()]);
            let element = info.element().unwrap_or(super::ElementType::FLOAT);
            ValueInfo::tensor(&info.name, element, dims.as_deref())
        };
        graph.input = graph.input.iter().map(free).collect();
        graph.output = graph.output.iter().map(free).collect();
    }

    fn constants_to_initializers(&mut self) {
        let graph = self.graph_mut();
        let nodes = std::mem::take(&mut graph.node);
        for node in nodes {
            let constant = (node.op_type == "Constant")
                .then(|| node.attribute("value")?.t.clone())
                .flatten();
            match (constant, node.output.first()) {
                (Some(mut tensor), Some(name)) => {
                    tensor.name.clone_from(name);
                    graph.initializer.push(tensor);
                }
                _ => graph.node.push(node),
            }
        }
    }
}

static EMPTY: Graph = Graph {
    node: Vec::new(),
    name: None,
    initializer: Vec::new(),
    input: Vec::new(),
    output: Vec::new(),
    value_info: Vec::new(),
    quantization_annotation: Vec::new(),
    sparse_initializer: Vec::new(),
};

impl Model {
    fn clone_without_graph(&self) -> Self {
        Self {
            ir_version: self.ir_version,
            producer_name: self.producer_name.clone(),
            producer_version: self.producer_version.clone(),
            domain: self.domain.clone(),
            model_version: self.model_version,
            graph: None,
            opset_import: self.opset_import.clone(),
            functions: Vec::new(),
        }
    }
}
