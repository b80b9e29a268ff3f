//! Our operator: a convolution of numbers of 16 bits with what stands before and behind it, as a node of a network and as ONNX Runtime
//! calls it.
//!
//! Its inputs are the image `[1, channels, 1, time]`, the weights, the biases, and what is added to the
//! output. The weights are packed: two to a word, in tensors of floats, which nobody computes with as they are.

use std::sync::{Arc, Mutex, PoisonError};

use ort::{
    operator::{
        ComputeContext, Kernel, KernelContext, Operator, OperatorDomain, OperatorInput,
        OperatorOutput,
    },
    value::TensorElementType,
};
use voicefleet_convolution::{
    Instructions,
    bfloat16::{Convolution, Form, Input, Scratch},
};
use voicefleet_onnx::graph::{Node, proto::OperatorSet};

const DOMAIN: &str = "voicefleet";
const NAME: &str = "Convolution";

/// The parameter with the [`Form`]'s numbers.
const FORM: &str = "form";
/// The parameter with what negative values are multiplied by first.
const SLOPE: &str = "slope";

/// The node of a convolution.
pub(super) fn node(form: &Form, [image, weights, bias]: [&str; 3], output: &str) -> Node {
    let [before, after] = form.padding;
    let [begin, end] = form.cut;
    let numbers = [
        form.inputs,
        form.outputs,
        form.taps,
        form.dilation,
        before,
        after,
        form.phases,
        begin,
        end,
    ];
    let numbers = numbers.map(|number| i64::try_from(number).unwrap_or(i64::MAX));
    let mut node = Node::new(NAME, &[image, weights, bias], output).with_ints(FORM, &numbers);
    node.domain = Some(DOMAIN.to_owned());
    node
}

/// Whether `node` is one of ours.
pub(super) fn is_ours(node: &Node) -> bool {
    node.op_type == NAME && node.domain.as_deref() == Some(DOMAIN)
}

/// Whether something of its output's form can be added to it.
pub(super) fn can_add(node: &Node) -> bool {
    is_ours(node) && form(node.ints(FORM)).is_some_and(|form| form.is_plain())
}

/// The node with the leaky rectifier before it.
pub(super) fn with_slope(node: Node, slope: f32) -> Node {
    node.with_float(SLOPE, slope)
}

/// What a network with such nodes says that it uses.
pub(super) fn operators() -> OperatorSet {
    OperatorSet {
        domain: Some(DOMAIN.to_owned()),
        version: Some(1),
    }
}

/// The operator for one session.
pub(super) fn domain() -> ort::Result<OperatorDomain> {
    OperatorDomain::new(DOMAIN)?.add(Convolutions::default())
}

fn form(numbers: &[i64]) -> Option<Form> {
    let numbers: Result<Vec<usize>, _> = numbers.iter().map(|&n| n.try_into()).collect();
    let &[
        inputs,
        outputs,
        taps,
        dilation,
        before,
        after,
        phases,
        begin,
        end,
    ] = numbers.ok()?.as_slice()
    else {
        return None;
    };
    Some(Form {
        inputs,
        outputs,
        taps,
        dilation,
        padding: [before, after],
        phases,
        cut: [begin, end],
    })
}

#[derive(Default)]
struct Convolutions {
    /// What a session's nodes, which run one after the other, share.
    scratch: Arc<Mutex<Scratch>>,
}

impl Operator for Convolutions {
    type Kernel<'attr> = OneConvolution;

    fn name(&self) -> &str {
        NAME
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        [OperatorInput::variadic(3).homogenous(TensorElementType::Float32)]
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        [OperatorOutput::required(TensorElementType::Float32)]
    }

    fn create_kernel(&self, node: &KernelContext<'_>) -> ort::Result<OneConvolution> {
        let numbers: Option<Vec<i64>> = node.get(FORM);
        let form = numbers.and_then(|numbers| form(&numbers));
        let form = form.filter(Form::is_sound);
        let instructions = Instructions::for_bfloat16();
        Ok(OneConvolution {
            instructions: instructions
                .ok_or_else(|| ort::Error::new("this processor has no AVX-512 BF16"))?,
            form: form.ok_or_else(|| ort::Error::new("a convolution without a form"))?,
            slope: node.get(SLOPE).unwrap_or(1.0),
            scratch: Arc::clone(&self.scratch),
        })
    }
}

/// One node.
struct OneConvolution {
    instructions: Instructions,
    form: Form,
    slope: f32,
    scratch: Arc<Mutex<Scratch>>,
}

impl Kernel for OneConvolution {
    fn compute(&mut self, context: &ComputeContext) -> ort::Result<()> {
        let inputs = (0..context.num_inputs()?)
            .map(|index| {
                let input = context.input(index)?;
                input.ok_or_else(|| ort::Error::new(format!("no input {index}")))
            })
            .collect::<ort::Result<Vec<_>>>()?;
        let inputs = (inputs.iter())
            .map(|input| input.try_extract_tensor::<f32>())
            .collect::<ort::Result<Vec<_>>>()?;
        let [(dims, values), (_, weights), (_, bias), added @ ..] = &inputs[..] else {
            return Err(ort::Error::new("a convolution without weights"));
        };
        let [1, channels, 1, length] = dims[..] else {
            return Err(ort::Error::new(format!("an input of {dims:?}")));
        };
        let length = usize::try_from(length).unwrap_or(0);
        let made = self.form.length(length);
        let weights = bytemuck::cast_slice(weights);
        let convolution = Convolution::new(self.instructions, self.form, weights, bias);
        let convolution =
            convolution.ok_or_else(|| ort::Error::new("weights that do not fit the form"))?;
        let added: Vec<&[f32]> = added.iter().map(|(_, added)| *added).collect();
        let fits = |added: &&[f32]| added.len() == made * self.form.channels();
        let is_ours = usize::try_from(channels) == Ok(self.form.inputs);
        if !is_ours || length == 0 || made == 0 || !added.iter().all(fits) {
            return Err(ort::Error::new(format!("an input of {dims:?}")));
        }
        let Some(mut output) = context.output(0, [1, self.form.channels(), 1, made])? else {
            return Err(ort::Error::new("nobody wants the output"));
        };
        let (_, output) = output.try_extract_tensor_mut::<f32>()?;
        let input = Input {
            values,
            length,
            slope: self.slope,
            added: &added,
        };
        let mut scratch = self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        convolution.apply(&input, &mut scratch, output);
        Ok(())
    }
}
