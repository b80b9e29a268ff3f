//! Element types of values, also of those of which a file does not say it.

use std::collections::HashMap;

use super::{
    Network, Node,
    proto::{Dimension, Shape, TensorType, Type, ValueInfo},
};

/// ONNX's number of an element type (`TensorProto.DataType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ElementType(pub i32);

impl ElementType {
    /// 32-bit floating point.
    pub const FLOAT: Self = Self(1);
    /// 64-bit signed integers.
    pub const INT64: Self = Self(7);
    /// Truth values.
    pub const BOOL: Self = Self(9);
    /// 16-bit floating point.
    pub const FLOAT16: Self = Self(10);
}

impl ValueInfo {
    /// A tensor of this element type; its dimensions, where a length is not known, are `None`.
    pub fn tensor(name: &str, element: ElementType, dims: Option<&[Option<i64>]>) -> Self {
        let dimension = |value: &Option<i64>| Dimension {
            value: *value,
            param: None,
        };
        Self {
            name: name.to_owned(),
            r#type: Some(Type {
                tensor: Some(TensorType {
                    elem_type: element.0,
                    shape: dims.map(|dims| Shape {
                        dim: dims.iter().map(dimension).collect(),
                    }),
                }),
                ..Type::default()
            }),
        }
    }

    /// `None` if it is no tensor, or nothing is said.
    pub fn element(&self) -> Option<ElementType> {
        let tensor = self.r#type.as_ref()?.tensor.as_ref()?;
        (tensor.elem_type != 0).then_some(ElementType(tensor.elem_type))
    }

    /// The dimensions, where anything is said of them.
    pub fn dims(&self) -> Option<Vec<Option<i64>>> {
        let shape = self.r#type.as_ref()?.tensor.as_ref()?.shape.as_ref()?;
        Some(shape.dim.iter().map(|dim| dim.value).collect())
    }
}

impl Network {
    /// The element types of all values of which they are known or follow.
    pub fn element_types(&self) -> HashMap<String, ElementType> {
        let graph = self.graph();
        let said = (graph.value_info.iter())
            .chain(&graph.input)
            .chain(&graph.output)
            .filter_map(|info| Some((info.name.clone(), info.element()?)));
        let constants = (graph.initializer.iter())
            .map(|tensor| (tensor.name.clone(), ElementType(tensor.data_type)));
        let mut types: HashMap<_, _> = said.chain(constants).collect();
        for node in &graph.node {
            let Some(first) = node.output.first() else {
                continue;
            };
            if types.contains_key(first) {
                continue;
            }
            if let Some(element) = follows(node, &types) {
                // Of several outputs only those of Split are of one type.
                let outputs = if node.op_type == "Split" {
                    &node.output[..]
                } else {
                    &node.output[..1]
                };
                for output in outputs {
                    types.insert(output.clone(), element);
                }
            }
        }
        types
    }
}

/// The type of a node's first output, for the operations that exporters and ONNX Runtime leave unsaid.
fn follows(node: &Node, types: &HashMap<String, ElementType>) -> Option<ElementType> {
    let of = |input: usize| types.get(node.input.get(input)?).copied();
    match node.op_type.as_str() {
        "Shape" | "Size" | "NonZero" | "ArgMax" | "ArgMin" => Some(ElementType::INT64),
        "Less" | "LessOrEqual" | "Greater" | "GreaterOrEqual" | "Equal" | "Not" | "And" | "Or" => {
            Some(ElementType::BOOL)
        }
        "Cast" | "RandomNormalLike" | "RandomUniformLike" => {
            let key = if node.op_type == "Cast" {
                "to"
            } else {
                "dtype"
            };
            match node.int(key) {
                Some(number) => i32::try_from(number).ok().map(ElementType),
                None => of(0),
            }
        }
        "ConstantOfShape" => Some(
            (node.attribute("value").and_then(|value| value.t.as_ref()))
                .map_or(ElementType::FLOAT, |value| ElementType(value.data_type)),
        ),
        "Where" => of(1),
        "Add" | "Sub" | "Mul" | "Div" | "Pow" | "Sqrt" | "Exp" | "Neg" | "Erf" | "Tanh"
        | "Sigmoid" | "Relu" | "LeakyRelu" | "Softmax" | "Softplus" | "Ceil" | "Clip" | "Floor"
        | "Reshape" | "Transpose" | "Unsqueeze" | "Squeeze" | "Expand" | "Slice" | "Split"
        | "Gather" | "GatherElements" | "GatherND" | "ScatterND" | "Concat" | "Pad" | "CumSum"
        | "Range" | "ReduceMean" | "ReduceSum" | "ReduceMax" | "MatMul" | "FusedMatMul"
        | "Gemm" | "Conv" | "FusedConv" | "ConvTranspose" | "LayerNormalization" | "Identity"
        | "ReorderInput" | "ReorderOutput" | "Gelu" | "BiasGelu" | "QuickGelu" | "MaxPool" => of(0),
        _ => None,
    }
}
