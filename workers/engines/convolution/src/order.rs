//! The order in which products read weights.

use crate::Instructions;

/// Outputs that [`Instructions::Vectors`] compute together.
pub(crate) const OUTPUTS_OF_VECTORS: usize = 8;
/// Outputs of a tile, and words of each.
pub(crate) const SIDE_OF_TILE: usize = 16;

/// Where each word of weights lies, a word being those of an output at one tap for as many inputs as fit into 32 bits.
///
/// Vectors read `[outputs / 8][taps][words][8 outputs]`, tiles `[outputs / 16][taps][words / 16][16 outputs][16 words]`. What there
/// is not weighs nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    pub(crate) instructions: Instructions,
    pub(crate) outputs: usize,
    pub(crate) taps: usize,
    /// Of an output at one tap.
    pub(crate) words: usize,
}

impl Order {
    /// Outputs that lie together.
    pub(crate) fn together(&self) -> usize {
        match self.instructions {
            Instructions::Vectors => OUTPUTS_OF_VECTORS,
            Instructions::Tiles => SIDE_OF_TILE,
        }
    }

    /// Rows of words that the input has, with those that weigh nothing.
    pub(crate) fn rows(&self) -> usize {
        match self.instructions {
            Instructions::Vectors => self.words,
            Instructions::Tiles => self.words.next_multiple_of(SIDE_OF_TILE),
        }
    }

    /// Words in all.
    pub(crate) fn length(&self) -> usize {
        self.outputs.next_multiple_of(self.together()) * self.taps * self.rows()
    }

    /// Where the word is.
    pub(crate) fn index(&self, output: usize, tap: usize, word: usize) -> usize {
        let together = self.together();
        let (block, output) = (output / together, output % together);
        let of_tap = (block * self.taps + tap) * self.rows() * together;
        of_tap
            + match self.instructions {
                Instructions::Vectors => word * together + output,
                Instructions::Tiles => {
                    let (chunk, word) = (word / SIDE_OF_TILE, word % SIDE_OF_TILE);
                    (chunk * together + output) * SIDE_OF_TILE + word
                }
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_has_a_place_of_its_own() {
        for instructions in [Instructions::Vectors, Instructions::Tiles] {
            let order = Order {
                instructions,
                outputs: 37,
                taps: 3,
                words: 21,
            };
            let mut taken = vec![false; order.length()];
            for output in 0..order.outputs {
                for tap in 0..order.taps {
                    for word in 0..order.words {
                        let place = &mut taken[order.index(output, tap, word)];
                        assert!(!*place, "{instructions:?}: {output}, {tap}, {word}");
                        *place = true;
                    }
                }
            }
        }
    }
}
