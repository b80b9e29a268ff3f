//! The network with its quantised convolutions, and what surrounds them, as one operator each.
//!
//! Nine tenths of the network's time go into 84 blocks of: normalise and shift (adaptive instance
//! normalisation), bend (snake or leaky rectifier), quantise, convolve, scale back, add what came in. In the model
//! file each is some 20 nodes. Here each becomes one node of our own, computed by [`voicefleet_convolution`].
//! The rest of the network stays as it is.
//!
//! [`fuse`] reads the model; `blocks` finds the blocks in it, with `pattern`; `operator` computes them.
//! The weights of the blocks are kept once, whatever the number of sessions.

mod blocks;
mod operator;
pub(crate) mod pattern;

use std::path::Path;

use voicefleet_core::ports::EngineError;
use voicefleet_onnx::{
    OnnxError, Rewritten,
    graph::{Network, proto::OperatorSet},
};

use operator::Blocks;

/// The domain of our operator, and its name there.
const DOMAIN: &str = "voicefleet";
const OPERATOR: &str = "Block";
/// The attribute with the number of the block.
const NUMBER: &str = "number";

/// The network in `model` with its blocks fused; nothing where there are none, or where this processor
/// computes them no faster.
pub(crate) fn fuse(model: &Path) -> Result<Option<Rewritten>, EngineError> {
    if !voicefleet_convolution::is_supported() {
        return Ok(None);
    }
    let mut network = Network::read(model).map_err(OnnxError::from)?;
    let blocks = blocks::replace(&mut network);
    if blocks.is_empty() {
        return Ok(None);
    }
    tracing::info!(blocks = blocks.len(), model = %model.display(), "fused the network");
    network.prune();
    network.add_operators(OperatorSet {
        domain: Some(DOMAIN.to_owned()),
        version: Some(1),
    });
    let blocks = Blocks::new(blocks);
    Ok(Some(Rewritten {
        path: model.to_owned(),
        model: network.encode(),
        operators: Some(Box::new(move || blocks.domain())),
    }))
}
