//! Our operator, as ONNX Runtime calls it.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use ort::{
    operator::{
        ComputeContext, Kernel, KernelContext, Operator, OperatorDomain, OperatorInput,
        OperatorOutput,
    },
    value::TensorElementType,
};
use voicefleet_convolution::{Activation, Input, Normalisation, Scratch};

use super::{
    DOMAIN, NUMBER, OPERATOR,
    blocks::{Bend, Block},
};

/// The operator: all the blocks of a network. Clones share them.
#[derive(Clone)]
pub(super) struct Blocks {
    blocks: Vec<Arc<Block>>,
    idle: Idle,
}

impl Blocks {
    pub(super) fn new(blocks: Vec<Block>) -> Self {
        Self {
            blocks: blocks.into_iter().map(Arc::new).collect(),
            idle: Idle::default(),
        }
    }

    /// Packs all weights, which takes a tenth of a second. A run that comes before waits for what it needs, or packs it.
    pub(super) fn pack(&self) {
        for block in &self.blocks {
            LazyLock::force(&block.convolution);
        }
    }

    /// The domain with the operator, for one session.
    pub(super) fn domain(&self) -> ort::Result<OperatorDomain> {
        OperatorDomain::new(DOMAIN)?.add(self.clone())
    }
}

/// Memory that no run uses now: at most as many as there were runs at the same time.
type Idle = Arc<Mutex<Vec<Scratch>>>;

impl Operator for Blocks {
    type Kernel<'attr> = OneBlock;

    fn name(&self) -> &str {
        OPERATOR
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        [OperatorInput::variadic(1).homogenous(TensorElementType::Float32)]
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        [OperatorOutput::required(TensorElementType::Float32)]
    }

    fn create_kernel(&self, node: &KernelContext<'_>) -> ort::Result<OneBlock> {
        let number = node
            .get::<i64>(NUMBER)
            .and_then(|number| usize::try_from(number).ok());
        let block = number.and_then(|number| self.blocks.get(number));
        Ok(OneBlock {
            block: Arc::clone(block.ok_or_else(|| ort::Error::new("a node without a block"))?),
            idle: Arc::clone(&self.idle),
        })
    }
}

/// One node.
pub(super) struct OneBlock {
    block: Arc<Block>,
    idle: Idle,
}

impl Kernel for OneBlock {
    fn compute(&mut self, context: &ComputeContext) -> ort::Result<()> {
        let mut scratch = self.take();
        let computed = compute(&self.block, context, &mut scratch);
        self.give_back(scratch);
        computed
    }
}

impl OneBlock {
    fn take(&self) -> Scratch {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.pop().unwrap_or_default()
    }

    fn give_back(&self, scratch: Scratch) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(scratch);
    }
}

fn compute(block: &Block, context: &ComputeContext, scratch: &mut Scratch) -> ort::Result<()> {
    let inputs = (0..context.num_inputs()?)
        .map(|index| {
            let input = context.input(index)?;
            input.ok_or_else(|| ort::Error::new(format!("no input {index}")))
        })
        .collect::<ort::Result<Vec<_>>>()?;
    let inputs = inputs
        .iter()
        .map(|input| {
            let (shape, values) = input.try_extract_tensor::<f32>()?;
            Ok((shape, values))
        })
        .collect::<ort::Result<Vec<_>>>()?;
    let shape = block.convolution.shape();
    let Some(([1, channels, length], values)) =
        inputs.first().map(|(shape, values)| (&shape[..], *values))
    else {
        return Err(ort::Error::new(
            "the first input is not [1, channels, length]",
        ));
    };
    let length = usize::try_from(*length).unwrap_or(0);
    if usize::try_from(*channels) != Ok(shape.inputs) || length == 0 {
        return Err(ort::Error::new(format!(
            "an input of {channels} x {length}; {} channels are needed",
            shape.inputs
        )));
    }
    let each = |index: usize, count: usize, what: &str| match inputs.get(index) {
        Some((_, values)) if values.len() == count => Ok(*values),
        other => {
            let given = other.map_or(0, |(_, values)| values.len());
            Err(ort::Error::new(format!(
                "{given} numbers of {what}; {count} are needed"
            )))
        }
    };
    let normalisation = match block.epsilon {
        None => None,
        Some(epsilon) => Some(Normalisation {
            gain: each(1, shape.inputs, "gain")?,
            shift: each(2, shape.inputs, "shift")?,
            epsilon,
        }),
    };
    let residual = if block.adds {
        Some(each(
            inputs.len() - 1,
            shape.outputs * length,
            "what is added",
        )?)
    } else {
        None
    };
    let activation = match &block.bend {
        Bend::None => Activation::None,
        Bend::LeakyRelu(slope) => Activation::LeakyRelu(*slope),
        Bend::Snake { alpha, inverse } => Activation::Snake { alpha, inverse },
    };
    let input = Input {
        values,
        length,
        normalisation,
        activation,
        residual,
    };
    let Some(mut output) = context.output(0, [1, shape.outputs, length])? else {
        return Err(ort::Error::new("nobody wants the output"));
    };
    let (_, output) = output.try_extract_tensor_mut::<f32>()?;
    block.convolution.apply(&input, scratch, output);
    Ok(())
}
