//! Convolutions over time with few bits, and the operations before and after them, in one pass.
//!
//! Those of this page have 8-bit weights; those of [`bfloat16`] have numbers of 16 bits.
//!
//! A vocoder's time goes into blocks of: normalise each channel, bend it ([`Activation`]), quantise, convolve,
//! scale back, add what came in. A general runtime does each of these over the whole tensor, unfolds the
//! input for every tap and packs it for its matrix product. Here everything before the product is two passes
//! over the input, and the product reads the quantised input in place.
//!
//! The integers are those of ONNX's `DynamicQuantizeLinear` and `ConvInteger`: nothing is rounded more than
//! there, and the bias, which there is rounded to a step of the product, is added as it is.
//!
//! Begin with [`Weights::pack`] and [`Convolution::apply`], and the [`Instructions`] that they need.

#[cfg(target_arch = "x86_64")]
mod amx;
#[cfg(target_arch = "x86_64")]
mod avx512;
pub mod bfloat16;
mod convolution;
mod instructions;
mod order;
mod pack;

/// The furthest from the first tap to the last, steps of time: so many more of the input are rounded, and held, than are computed
/// together.
const FURTHEST: usize = 1 << 16;

pub use convolution::{
    Activation, Convolution, Input, Normalisation, Scratch, Shape, ShapeError, Weights,
};
pub use instructions::Instructions;
