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

use voicefleet_convolution::Instructions;
use voicefleet_core::ports::EngineError;
use voicefleet_onnx::{
    OnnxError, Rewritten,
    graph::{Network, proto::OperatorSet},
};

use operator::Blocks;

/// Nodes in one piece: few enough to be planned soon, and so many that the encoder's layers, which share
/// their weights, are in two pieces only.
const PIECE: usize = 800;

/// The domain of our operator, and its name there.
const DOMAIN: &str = "voicefleet";
const OPERATOR: &str = "Block";
/// The attribute with the number of the block.
const NUMBER: &str = "number";

/// The weights of a network's blocks.
pub(crate) struct FusedWeights(Blocks);

impl FusedWeights {
    /// Has them packed, so that no run has to. The network can be opened beside it.
    pub(crate) fn pack(&self) {
        self.0.pack();
    }
}

/// The network in `model` with its blocks fused, and their weights; nothing where there are none, or where this processor
/// computes them no faster.
pub(crate) fn fuse(model: &Path) -> Result<Option<(Rewritten, FusedWeights)>, EngineError> {
    let Some(instructions) = Instructions::for_bytes() else {
        return Ok(None);
    };
    let mut network = Network::read(model).map_err(OnnxError::from)?;
    let blocks = blocks::replace(&mut network, instructions);
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
    let pieces = network.pieces(PIECE);
    let weights = FusedWeights(blocks.clone());
    let network = Rewritten {
        path: model.to_owned(),
        pieces: pieces.iter().map(Network::encode).collect(),
        operators: Some(Box::new(move || blocks.domain())),
    };
    Ok(Some((network, weights)))
}
