//! Flow and decoder, written anew.
//!
//! - What adds 0, multiplies by 1 or masks nothing is left out.
//! - Sequences `[1, channels, time]` become images `[1, channels, 1, time]`: ONNX Runtime computes
//!   two-dimensional convolutions on blocked channels, one-dimensional ones by copying the input once
//!   for each tap. In [16 bits](Precision) the convolutions are our operator's, with the leaky rectifiers before
//!   them and the additions behind them.
//! - A transposed convolution becomes a convolution that computes the samples between two others as
//!   channels, and a reordering.
//! - A convolution whose channels go separate ways becomes several.
//! - A division before a convolution goes into its weights.

mod convolution;
mod fuse;
mod kernels;
mod simple;
mod upsampling;
mod writer;

use std::collections::HashSet;

use voicefleet_convolution::Instructions;
use voicefleet_onnx::graph::{Network, Node};

use self::{simple::Simple, writer::Writer};
use super::{find::Vocoder, reach::Reach};

/// Frames that the lengths are fixed to for ONNX Runtime to optimise floats. Any number will do.
const FRAMES: i64 = 1024;

/// The head, with fixed lengths.
pub(super) const HEAD: &str = "head";
/// What the head gives the tail.
pub(super) const BETWEEN: &str = "between";

/// What convolutions are computed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Precision {
    /// Floats, by ONNX Runtime's own kernels.
    Single,
    /// Numbers of 16 bits, by our [operator](super::operator) with these instructions.
    Bfloat16(Instructions),
}

/// Head and tail.
pub(super) struct Rewritten {
    /// Lengths are fixed.
    pub(super) head: Network,
    /// Lengths are fixed. `None` if there is only one stage of upsampling.
    pub(super) tail: Option<Tail>,
}

/// The later stages of the decoder.
pub(super) struct Tail {
    pub(super) network: Network,
    /// Samples at each edge of a window that are only there for the others.
    pub(super) overlap: i64,
    /// Samples of audio per sample of the window.
    pub(super) rate: i64,
}

/// Writes `vocoder` of `network` anew; else says what stands in the way.
pub(super) fn rewrite(
    network: &Network,
    vocoder: &Vocoder,
    precision: Precision,
) -> Result<Rewritten, String> {
    let constants = network.constants();
    let simple = Simple::of(vocoder, &constants);
    let mut head = Writer::new(&constants, &simple, precision);
    head.takes_sequence(
        vocoder.latent,
        [Some(1), Some(vocoder.channels), Some(FRAMES)],
    );
    for condition in &vocoder.conditions {
        head.takes_condition(condition);
    }
    let upsampling: Vec<&Node> = (simple.nodes.iter().copied())
        .filter(|node| node.op_type == "ConvTranspose")
        .collect();
    let Some(second) = upsampling.get(1) else {
        head.write_all(&simple.nodes)?;
        let head = head.finish(network, &simple.output, None);
        return Ok(Rewritten { head, tail: None });
    };
    let cut = simple.resolve(&second.input[0]).to_owned();
    let (first, later) = split_at(&cut, &simple);
    head.write_all(&first)?;
    let channels = head.weights(second)?.dims[0];
    let scale = head.pending.get(&cut).copied();
    let mut tail = Writer::new(&constants, &simple, precision);
    tail.takes_window(
        &cut,
        [Some(1), Some(channels), Some(1), Some(FRAMES)],
        scale,
    );
    tail.write_all(&later)?;
    let Reach { rate, .. } = tail.reaches.of(std::iter::once(&simple.output));
    let overlap = tail.reaches.of(std::iter::once(&simple.output)).overlap();
    Ok(Rewritten {
        head: head.finish(network, &cut, Some(BETWEEN)),
        tail: Some(Tail {
            network: tail.finish(network, &simple.output, None),
            overlap,
            rate,
        }),
    })
}

/// The nodes that come of `cut`, and those before them.
fn split_at<'n>(cut: &str, simple: &Simple<'n>) -> (Vec<&'n Node>, Vec<&'n Node>) {
    let mut made = HashSet::from([cut.to_owned()]);
    simple.nodes.iter().partition(|node| {
        let later = node
            .inputs()
            .any(|input| made.contains(simple.resolve(input)));
        if later {
            made.extend(node.outputs().cloned());
        }
        !later
    })
}
