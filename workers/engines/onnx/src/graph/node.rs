//! Making nodes, and asking them.

use super::{
    Node,
    proto::{Attribute, Graph},
};

// ONNX's numbers of the attribute types that we write (`AttributeProto.AttributeType`).
const FLOAT: i32 = 1;
const INT: i32 = 2;
const INTS: i32 = 7;

impl Node {
    /// A node of ONNX's own operators with one output, which also names it.
    pub fn new(op: &str, inputs: &[&str], output: &str) -> Self {
        Self {
            op_type: op.to_owned(),
            name: Some(format!("{op} of {output}")),
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: vec![output.to_owned()],
            ..Self::default()
        }
    }

    /// The node with a list of whole numbers as a parameter.
    #[must_use]
    pub fn with_ints(mut self, name: &str, ints: &[i64]) -> Self {
        self.attribute.push(Attribute {
            name: name.to_owned(),
            ints: ints.to_vec(),
            r#type: Some(INTS),
            ..Attribute::default()
        });
        self
    }

    /// The node with a whole number as a parameter.
    #[must_use]
    pub fn with_int(mut self, name: &str, int: i64) -> Self {
        self.attribute.push(Attribute {
            name: name.to_owned(),
            i: Some(int),
            r#type: Some(INT),
            ..Attribute::default()
        });
        self
    }

    /// The node with a number as a parameter.
    #[must_use]
    pub fn with_float(mut self, name: &str, float: f32) -> Self {
        self.attribute.push(Attribute {
            name: name.to_owned(),
            f: Some(float),
            r#type: Some(FLOAT),
            ..Attribute::default()
        });
        self
    }

    /// The parameter of this name.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attribute
            .iter()
            .find(|attribute| attribute.name == name)
    }

    /// A parameter that is a whole number.
    pub fn int(&self, name: &str) -> Option<i64> {
        self.attribute(name)?.i
    }

    /// A parameter that is a list of whole numbers; empty if it is not there.
    pub fn ints(&self, name: &str) -> &[i64] {
        self.attribute(name)
            .map_or(&[], |attribute| &attribute.ints)
    }

    /// Whether it holds a graph of its own, which may use values that are not among its inputs.
    pub(crate) fn has_body(&self) -> bool {
        let holds = |attribute: &Attribute| attribute.g.is_some() || !attribute.graphs.is_empty();
        self.attribute.iter().any(holds)
    }

    /// Its inputs that are there; optional ones that are left out have no name.
    pub fn inputs(&self) -> impl Iterator<Item = &String> {
        self.input.iter().filter(|input| !input.is_empty())
    }

    /// Its outputs that are there.
    pub fn outputs(&self) -> impl Iterator<Item = &String> {
        self.output.iter().filter(|output| !output.is_empty())
    }
}

impl Graph {
    /// Whether any node holds a graph of its own.
    pub(crate) fn has_bodies(&self) -> bool {
        self.node.iter().any(Node::has_body)
    }
}
