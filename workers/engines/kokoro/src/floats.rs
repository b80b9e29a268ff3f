//! The network with its weights of 8 bits as floats, for GPUs.
//!
//! ONNX Runtime has no kernels for 8-bit weights on GPUs: it would compute nine tenths of the network on the CPU, without a
//! word. So each product of integers, with what quantises its input and scales its output, becomes the product of floats that
//! it stands for, and the weights are the same numbers as before.

use std::{collections::HashMap, path::Path};

use voicefleet_core::ports::EngineError;
use voicefleet_onnx::{
    OnnxError, Rewritten,
    graph::{Network, Node, Tensor},
};

use crate::fused::pattern::Pattern;

/// What is replaced.
const PRODUCTS: [&str; 2] = ["ConvInteger", "MatMulInteger"];
const LSTM: &str = "DynamicQuantizeLSTM";

/// The parameters that an LSTM of floats has, too.
const LSTM_PARAMETERS: [&str; 7] = [
    "activation_alpha",
    "activation_beta",
    "activations",
    "clip",
    "direction",
    "hidden_size",
    "input_forget",
];

/// The model file `model` as a GPU computes it: with its weights as floats. `None` if they are floats already.
///
/// # Errors
/// [`EngineError::Load`] naming the file.
pub fn model_of_floats(model: &Path) -> Result<Option<Vec<u8>>, EngineError> {
    Ok(network_of_floats(model)?.map(|network| network.encode()))
}

/// The same, to be opened.
pub(crate) fn with_floats(model: &Path) -> Result<Option<Rewritten>, EngineError> {
    let network = network_of_floats(model)?;
    Ok(network.map(|network| Rewritten {
        path: model.to_owned(),
        // In one: what goes from piece to piece would leave the GPU.
        pieces: vec![network.encode()],
        operators: None,
    }))
}

fn network_of_floats(model: &Path) -> Result<Option<Network>, EngineError> {
    let mut network = Network::read(model).map_err(OnnxError::from)?;
    let replaced = replace(&mut network).map_err(|node| {
        EngineError::Load(format!(
            "the model {} cannot be computed on a GPU: nobody knows what its node '{node}' would be with floats",
            model.display()
        ))
    })?;
    if replaced == 0 {
        return Ok(None);
    }
    tracing::info!(nodes = replaced, model = %model.display(), "made floats of the weights");
    Ok(Some(network))
}

/// A node of floats, and its weights.
struct Made {
    node: Node,
    weights: Vec<Tensor>,
}

/// Replaces all and says how many there were, or names a node that has no counterpart.
fn replace(network: &mut Network) -> Result<usize, String> {
    let mut nodes = HashMap::new();
    let mut weights = HashMap::new();
    let pattern = Pattern::of(network);
    for node in &network.graph().node {
        let made = match node.op_type.as_str() {
            operation if PRODUCTS.contains(&operation) => product(&pattern, node),
            LSTM => lstm(&pattern, node),
            _ => continue,
        };
        let made = made.ok_or_else(|| node.name.clone().unwrap_or_default())?;
        nodes.insert(made.node.output.first().cloned(), made.node);
        weights.extend(made.weights.into_iter().map(|w| (w.name.clone(), w)));
    }
    let replaced = nodes.len();
    let graph = network.graph_mut();
    for node in &mut graph.node {
        if let Some(made) = nodes.remove(&node.output.first().cloned()) {
            *node = made;
        }
    }
    graph.initializer.extend(weights.into_values());
    network.prune();
    Ok(replaced)
}

/// The product of floats that a product of integers stands for, up to where its result is scaled back.
fn product(pattern: &Pattern<'_>, node: &Node) -> Option<Made> {
    let [bytes, weights, _, zero] = node.input.as_slice() else {
        return None;
    };
    let quantise = pattern.made_by(bytes, "DynamicQuantizeLinear")?;
    let scaled = scaled_back(pattern, node, quantise.output.get(1)?)?;
    let is_convolution = node.op_type == "ConvInteger";
    let weights = pattern.constant(weights)?;
    let zeros = whole_numbers(pattern.constant(zero)?)?;
    let columns = match weights.dims.last() {
        Some(columns) if !is_convolution => usize::try_from(*columns).ok()?,
        _ => 1,
    };
    if ![1, columns].contains(&scaled.scales.len()) || ![1, columns].contains(&zeros.len()) {
        return None;
    }
    let numbers = whole_numbers(weights)?.into_iter().enumerate();
    let floats: Vec<f32> = numbers
        .map(|(place, number)| {
            (number - zeros[place % zeros.len()]) * scaled.scales[place % scaled.scales.len()]
        })
        .collect();
    let floats = Tensor::of_floats(&float_name(&weights.name), &weights.dims, &floats);
    let mut inputs = vec![quantise.input.first()?.as_str(), &floats.name];
    let node = match (is_convolution, scaled.bias) {
        (true, bias) => {
            inputs.extend(bias);
            Node {
                attribute: node.attribute.clone(),
                ..Node::new("Conv", &inputs, scaled.output)
            }
        }
        (false, None) => Node::new("MatMul", &inputs, scaled.output),
        (false, Some(_)) => return None,
    };
    Some(Made {
        node,
        weights: vec![floats],
    })
}

/// What makes floats of integers again.
struct Scaled<'a> {
    /// Of the weights: one, or one for each column.
    scales: Vec<f32>,
    bias: Option<&'a str>,
    output: &'a str,
}

/// The integers of `node`, plus a bias, times the scale of the input (`input`) and those of the weights.
fn scaled_back<'a>(pattern: &Pattern<'a>, node: &'a Node, input: &str) -> Option<Scaled<'a>> {
    let integers = node.output.first()?;
    let (integers, bias) = match pattern.used_by(integers, "Add") {
        None => (integers, None),
        Some(sum) => {
            let bias = sum.input.iter().find(|input| *input != integers)?;
            (sum.output.first()?, Some(bias_of(pattern, bias)?))
        }
    };
    let floats = pattern.used_by(integers, "Cast")?.output.first()?;
    let scaled = pattern.used_by(floats, "Mul")?;
    let scale = scaled.input.iter().find(|input| *input != floats)?;
    let factors = pattern.either_way(scale, "Mul", |left, right| {
        (left == input).then(|| pattern.floats(right)).flatten()
    })?;
    Some(Scaled {
        scales: factors,
        bias,
        output: scaled.output.first()?,
    })
}

/// The bias before it was rounded to a step of the product.
fn bias_of<'a>(pattern: &Pattern<'a>, integers: &str) -> Option<&'a str> {
    let shaped = pattern.made_by(integers, "Reshape")?;
    let cast = pattern.made_by(shaped.input.first()?, "Cast")?;
    let floor = pattern.made_by(cast.input.first()?, "Floor")?;
    let steps = pattern.made_by(floor.input.first()?, "Div")?;
    steps.input.first().map(String::as_str)
}

/// The LSTM of floats. Its weights lie the other way round: a row for each gate.
fn lstm(pattern: &Pattern<'_>, node: &Node) -> Option<Made> {
    let input = |place: usize| node.input.get(place).map(String::as_str);
    let weights = lstm_weights(pattern, input(1)?, input(8)?, input(9)?)?;
    let recurrent = lstm_weights(pattern, input(2)?, input(10)?, input(11)?)?;
    let rest = (3..8).filter_map(input);
    let mut inputs: Vec<&str> = vec![input(0)?, &weights.name, &recurrent.name];
    inputs.extend(rest);
    while inputs.last().is_some_and(|input| input.is_empty()) {
        inputs.pop();
    }
    let parameters = node.attribute.iter();
    let kept = parameters.filter(|parameter| LSTM_PARAMETERS.contains(&parameter.name.as_str()));
    let made = Node {
        output: node.output.clone(),
        attribute: kept.cloned().collect(),
        ..Node::new("LSTM", &inputs, node.output.first()?)
    };
    Some(Made {
        node: made,
        weights: vec![weights, recurrent],
    })
}

/// Weights of directions times inputs times gates, with a scale for each direction or for each of its gates.
fn lstm_weights(pattern: &Pattern<'_>, weights: &str, scales: &str, zeros: &str) -> Option<Tensor> {
    let weights = pattern.constant(weights)?;
    let (scales, zeros) = (
        pattern.floats(scales)?,
        whole_numbers(pattern.constant(zeros)?)?,
    );
    let [directions, inputs, gates] = *weights.dims.as_slice() else {
        return None;
    };
    let size = |number: i64| usize::try_from(number).ok();
    let (sizes, numbers) = (
        (size(directions)?, size(inputs)?, size(gates)?),
        whole_numbers(weights)?,
    );
    let per = |count: usize| -> Option<usize> {
        // How many gates share one of them.
        match count {
            count if count == sizes.0 * sizes.2 => Some(1),
            count if count == sizes.0 => Some(sizes.2),
            _ => None,
        }
    };
    let (per_scale, per_zero) = (per(scales.len())?, per(zeros.len())?);
    let mut floats = Vec::with_capacity(numbers.len());
    for direction in 0..sizes.0 {
        for gate in 0..sizes.2 {
            let row = direction * sizes.2 + gate;
            let (scale, zero) = (scales[row / per_scale], zeros[row / per_zero]);
            floats.extend((0..sizes.1).map(|input| {
                let place = (direction * sizes.1 + input) * sizes.2 + gate;
                (numbers[place] - zero) * scale
            }));
        }
    }
    let name = float_name(&weights.name);
    Some(Tensor::of_floats(
        &name,
        &[directions, gates, inputs],
        &floats,
    ))
}

fn float_name(weights: &str) -> String {
    format!("{weights} as floats")
}

/// The numbers of a constant of 8 bits, which a file may have as bytes or as words.
#[expect(clippy::cast_precision_loss, reason = "they have 8 bits")]
fn whole_numbers(tensor: &Tensor) -> Option<Vec<f32>> {
    // `TensorProto.DataType`.
    const UINT8: i32 = 2;
    const INT8: i32 = 3;
    let of_byte = |byte: &u8| match tensor.data_type {
        UINT8 => f32::from(*byte),
        _ => f32::from(byte.cast_signed()),
    };
    match (&tensor.raw_data, tensor.data_type) {
        (Some(raw), UINT8 | INT8) => Some(raw.iter().map(of_byte).collect()),
        (None, UINT8 | INT8) => Some(tensor.int32_data.iter().map(|word| *word as f32).collect()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use voicefleet_onnx::graph::proto::{Attribute, Graph, ValueInfo};
    use voicefleet_testkit::model_file;

    use super::*;

    #[test]
    fn nothing_of_8_bits_is_left() {
        let file = model_file("kokoro/kokoro-v1.0.int8.onnx");
        let mut network = Network::read(&file).expect("a network");
        assert_eq!(replace(&mut network), Ok(148 + 87 + 6));
        let nodes = network.graph().node.iter();
        let operations: HashSet<&str> = nodes.map(|node| node.op_type.as_str()).collect();
        for gone in [
            "ConvInteger",
            "MatMulInteger",
            LSTM,
            "DynamicQuantizeLinear",
        ] {
            assert!(!operations.contains(gone), "{gone}");
        }
        for there in ["Conv", "MatMul", "LSTM"] {
            assert!(operations.contains(there), "{there}");
        }
    }

    #[test]
    fn a_network_of_floats_stays_as_it_is() {
        let file = model_file("piper/en_US-joe-medium/en_US-joe-medium.onnx");
        assert!(with_floats(&file).expect("a network").is_none());
    }

    #[test]
    fn the_weights_of_an_lstm_are_turned_and_scaled_by_gate() {
        let bytes = |name: &str, dims: &[i64], bytes: &[u8]| Tensor {
            name: name.to_owned(),
            dims: dims.to_vec(),
            data_type: 2,
            raw_data: Some(bytes.to_vec().into()),
            ..Tensor::default()
        };
        let source = Network::read(&model_file("kokoro/kokoro-v1.0.int8.onnx")).expect("a network");
        let inputs = ["x", "w", "r", "", "", "", "", "", "ws", "wz", "rs", "rz"];
        let odd = Attribute {
            name: "odd".to_owned(),
            ..Attribute::default()
        };
        let mut node = Node::new(LSTM, &inputs, "y").with_int("hidden_size", 1);
        node.attribute.push(odd);
        let graph = Graph {
            node: vec![node],
            initializer: vec![
                // One direction, two inputs, two gates.
                bytes("w", &[1, 2, 2], &[1, 2, 3, 4]),
                bytes("r", &[1, 1, 2], &[5, 6]),
                Tensor::of_floats("ws", &[1, 2], &[10.0, 100.0]),
                bytes("wz", &[1, 2], &[1, 1]),
                Tensor::of_floats("rs", &[1], &[0.5]),
                bytes("rz", &[1], &[0]),
            ],
            output: vec![ValueInfo {
                name: "y".to_owned(),
                r#type: None,
            }],
            ..Graph::default()
        };
        let mut network = source.of(graph);
        assert_eq!(replace(&mut network), Ok(1));
        let node = &network.graph().node[0];
        assert_eq!(node.input, ["x", "w as floats", "r as floats"]);
        assert_eq!(node.attribute.len(), 1);
        let constants = network.constants();
        assert_eq!(constants["w as floats"].dims, [1, 2, 2]);
        let floats = constants["w as floats"].floats();
        assert_eq!(floats, Some(vec![0.0, 20.0, 100.0, 300.0]));
        assert_eq!(constants["r as floats"].floats(), Some(vec![2.5, 3.0]));
    }

    #[test]
    fn what_has_no_counterpart_is_named() {
        let source = Network::read(&model_file("kokoro/kokoro-v1.0.int8.onnx")).expect("a network");
        let graph = Graph {
            node: vec![Node::new("MatMulInteger", &["a", "b"], "c")],
            ..Graph::default()
        };
        let refused = replace(&mut source.of(graph));
        assert_eq!(refused, Err("MatMulInteger of c".to_owned()));
    }
}
