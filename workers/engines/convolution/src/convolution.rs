//! One convolution: its weights, and running it.

use crate::{FURTHEST, Instructions, order::Order, pack};

/// The most products that are summed up for an output, with those of absent inputs: each is of two differences of bytes, and
/// the sum is an `i32`.
const MOST_PRODUCTS: i32 = i32::MAX / (255 * 255);

/// The shape of a convolution over time, with stride 1 and as much output as input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Channels that go in.
    pub inputs: usize,
    /// Channels that come out.
    pub outputs: usize,
    /// Weights in time. Odd.
    pub taps: usize,
    /// Steps of time between taps.
    pub dilation: usize,
}

impl Shape {
    /// Inputs of four channels each, the last of them filled up.
    fn words(&self) -> usize {
        self.inputs.div_ceil(4)
    }

    /// The products that are summed up for an output.
    ///
    /// # Errors
    /// [`ShapeError`] if there is no such convolution.
    fn products(&self) -> Result<i32, ShapeError> {
        if [self.inputs, self.outputs, self.dilation].contains(&0) || self.taps.is_multiple_of(2) {
            return Err(ShapeError::Form(*self));
        }
        let reach = self.dilation.checked_mul(self.taps - 1);
        if reach.is_none_or(|reach| reach > FURTHEST) {
            return Err(ShapeError::Reach(*self));
        }
        let inputs = self.words().checked_mul(4);
        (inputs.and_then(|inputs| inputs.checked_mul(self.taps)))
            .and_then(|products| i32::try_from(products).ok())
            .filter(|products| *products <= MOST_PRODUCTS)
            .ok_or(ShapeError::Products(*self))
    }

    /// Zeros before the first and after the last value, so that output is as long as input.
    pub fn padding(&self) -> usize {
        self.dilation * (self.taps - 1) / 2
    }
}

/// Why there is no convolution with some weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// There are not as many weights as the shape has.
    #[error("{given} weights; the shape has {needed}")]
    Weights {
        /// How many there are.
        given: usize,
        /// How many there should be.
        needed: usize,
    },
    /// There are not as many biases as outputs.
    #[error("{given} biases for {outputs} outputs")]
    Biases {
        /// How many there are.
        given: usize,
        /// How many there should be.
        outputs: usize,
    },
    /// A dimension is zero, or the taps are even in number.
    #[error("a convolution of {0:?} has no middle")]
    Form(Shape),
    /// So many products are summed up for an output that the sum may be no `i32`.
    #[error("a convolution of {0:?} sums up too much")]
    Products(Shape),
    /// Its taps are too far apart.
    #[error("a convolution of {0:?} reaches too far")]
    Reach(Shape),
}

/// Normalisation of each channel over time, then a gain and a shift (adaptive instance normalisation).
#[derive(Clone, Copy, Debug)]
pub struct Normalisation<'a> {
    /// One factor for each channel.
    pub gain: &'a [f32],
    /// One summand for each channel.
    pub shift: &'a [f32],
    /// Added to the variance.
    pub epsilon: f32,
}

/// A function of each value.
#[derive(Clone, Copy, Debug)]
pub enum Activation<'a> {
    /// The value itself.
    None,
    /// The value, or this fraction of it if it is negative.
    LeakyRelu(f32),
    /// `x + inverse * sin²(alpha * x)`.
    Snake {
        /// One for each channel.
        alpha: &'a [f32],
        /// One for each channel: the inverse of `alpha`.
        inverse: &'a [f32],
    },
}

/// What a convolution runs on.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// `[inputs][length]`.
    pub values: &'a [f32],
    /// Steps of time. Not zero.
    pub length: usize,
    /// Done first.
    pub normalisation: Option<Normalisation<'a>>,
    /// Done second.
    pub activation: Activation<'a>,
    /// `[outputs][length]`, added to the output.
    pub residual: Option<&'a [f32]>,
}

/// Memory that one run needs and the next can use again.
#[derive(Debug, Default)]
pub struct Scratch {
    /// The quantised input: rows of words, a word is four channels at one time.
    pub(crate) words: Vec<u32>,
    /// As much of it as is worked on together.
    pub(crate) tile: Vec<u32>,
}

/// A convolution, [packed](Weights::pack) for [`apply`](Self::apply).
#[derive(Debug)]
pub struct Convolution {
    shape: Shape,
    order: Order,
    packed: Vec<u32>,
    /// Of each output's weights, less 128, with those of absent inputs.
    sums: Vec<i32>,
    /// What stands for zero among the weights, less 128.
    zero: i32,
    /// That are summed up for each output.
    products: i32,
    scale: f32,
    bias: Vec<f32>,
}

/// The weights of a convolution as a model has them, to be packed, which takes long, when there is time.
#[derive(Debug)]
pub struct Weights<B> {
    shape: Shape,
    bytes: B,
    zero: u8,
    products: i32,
    scale: f32,
    bias: Vec<f32>,
}

impl<B: AsRef<[u8]>> Weights<B> {
    /// Weights (`[outputs][inputs][taps]`) that stand for `(byte - zero) * scale`.
    ///
    /// # Errors
    /// [`ShapeError`] if the numbers do not fit the shape.
    pub fn new(
        shape: Shape,
        bytes: B,
        zero: u8,
        scale: f32,
        bias: Option<&[f32]>,
    ) -> Result<Self, ShapeError> {
        let products = shape.products()?;
        let needed = (shape.inputs * shape.taps).saturating_mul(shape.outputs);
        let given = bytes.as_ref().len();
        if given != needed {
            return Err(ShapeError::Weights { given, needed });
        }
        let bias = bias.map_or_else(|| vec![0.0; shape.outputs], <[f32]>::to_vec);
        if bias.len() != shape.outputs {
            return Err(ShapeError::Biases {
                given: bias.len(),
                outputs: shape.outputs,
            });
        }
        Ok(Self {
            shape,
            bytes,
            zero,
            products,
            scale,
            bias,
        })
    }

    /// The convolution with these weights, by these instructions.
    pub fn pack(self, instructions: Instructions) -> Convolution {
        let order = Order {
            instructions,
            outputs: self.shape.outputs,
            taps: self.shape.taps,
            words: self.shape.words(),
        };
        let (packed, sums) = pack::pack(&self.shape, &order, self.bytes.as_ref(), self.zero);
        Convolution {
            shape: self.shape,
            order,
            packed,
            sums,
            zero: i32::from(self.zero) - 128,
            products: self.products,
            scale: self.scale,
            bias: self.bias,
        }
    }
}

/// How bytes stand for floats: `value = (byte - zero) * scale`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Quantisation {
    pub(crate) scale: f32,
    pub(crate) zero: u8,
}

impl Convolution {
    /// Its shape.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Runs the convolution into `output` (`[outputs][length]`).
    ///
    /// # Panics
    /// If a slice has not the length that the shape and the input's length ask for, or if the processor has not the
    /// [`Instructions`].
    pub fn apply(&self, input: &Input<'_>, scratch: &mut Scratch, output: &mut [f32]) {
        let Shape {
            inputs, outputs, ..
        } = self.shape;
        assert!(input.length > 0, "an input of no length");
        assert_eq!(input.values.len(), inputs * input.length, "values");
        assert_eq!(output.len(), outputs * input.length, "output");
        if let Some(residual) = input.residual {
            assert_eq!(residual.len(), output.len(), "residual");
        }
        if let Some(normal) = input.normalisation {
            assert_eq!((normal.gain.len(), normal.shift.len()), (inputs, inputs));
        }
        if let Activation::Snake { alpha, inverse } = input.activation {
            assert_eq!((alpha.len(), inverse.len()), (inputs, inputs));
        }
        let mut able = Instructions::all_for_bytes();
        assert!(
            able.any(|able| able == self.order.instructions),
            "{:?} for bytes are not there",
            self.order.instructions
        );
        self.run(input, scratch, output);
    }

    #[cfg(target_arch = "x86_64")]
    fn run(&self, input: &Input<'_>, scratch: &mut Scratch, output: &mut [f32]) {
        #[expect(unsafe_code, reason = "the processor's own instructions")]
        // SAFETY: the processor has them, by the assertion above; tiles are there with vectors only.
        unsafe {
            crate::avx512::run(self, input, scratch, output);
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn run(&self, _: &Input<'_>, _: &mut Scratch, _: &mut [f32]) {
        unreachable!("no instructions are there");
    }

    pub(crate) fn order(&self) -> &Order {
        &self.order
    }

    pub(crate) fn packed(&self) -> &[u32] {
        &self.packed
    }

    /// What stands for zero among the packed weights.
    pub(crate) fn zero(&self) -> i32 {
        self.zero
    }

    /// How the integers of output `index` become floats, given the input's bytes.
    pub(crate) fn scaling(&self, index: usize, input: Quantisation) -> Scaling {
        let zero = i32::from(input.zero);
        Scaling {
            constant: self.products * self.zero * zero - zero * self.sums[index],
            scale: input.scale * self.scale,
            bias: self.bias[index],
        }
    }
}

/// How the integers of one output become floats.
///
/// The product is of bytes as they are, so the zeros are taken out afterwards:
/// `Σ(w - v)(x - z) = Σwx - vΣx - zΣw + nvz`. `vΣx` is the same for all outputs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scaling {
    /// `nvz - zΣw`.
    pub(crate) constant: i32,
    pub(crate) scale: f32,
    pub(crate) bias: f32,
}
