//! Asking a network which operations made a value.

use std::collections::HashMap;

use voicefleet_onnx::graph::{Network, Node, Tensor};

/// A network, by the names of its values.
pub(crate) struct Pattern<'a> {
    producers: HashMap<&'a str, &'a Node>,
    consumers: HashMap<&'a str, Vec<&'a Node>>,
    constants: HashMap<&'a str, &'a Tensor>,
}

impl<'a> Pattern<'a> {
    pub(crate) fn of(network: &'a Network) -> Self {
        Self {
            producers: network.producers(),
            consumers: network.consumers(),
            constants: network.constants(),
        }
    }

    /// The node that made `value`, if it is an `operation`.
    pub(crate) fn made_by(&self, value: &str, operation: &str) -> Option<&'a Node> {
        let node = self.producers.get(value)?;
        (node.op_type == operation).then_some(*node)
    }

    /// The only node that uses `value`, if it is an `operation`.
    pub(crate) fn used_by(&self, value: &str, operation: &str) -> Option<&'a Node> {
        match self.consumers.get(value)?.as_slice() {
            [node] if node.op_type == operation => Some(node),
            _ => None,
        }
    }

    pub(crate) fn constant(&self, name: &str) -> Option<&'a Tensor> {
        self.constants.get(name).copied()
    }

    pub(crate) fn floats(&self, name: &str) -> Option<Vec<f32>> {
        self.constant(name)?.floats()
    }

    /// A constant that is one number.
    pub(crate) fn number(&self, name: &str) -> Option<f32> {
        match *self.floats(name)? {
            [number] => Some(number),
            _ => None,
        }
    }

    /// The inputs of the `operation` that made `value`, in the order in which `right` accepts them: the
    /// operation gives the same both ways.
    pub(crate) fn either_way<T>(
        &self,
        value: &str,
        operation: &str,
        right: impl Fn(&'a str, &'a str) -> Option<T>,
    ) -> Option<T> {
        let [left, other] = self.made_by(value, operation)?.input.as_slice() else {
            return None;
        };
        right(left, other).or_else(|| right(other, left))
    }
}
