//! Products in the instructions of AMX.
//!
//! A tile is 16 rows of 16 words. One instruction adds to a tile of sums, 16 outputs by 16 steps of time, the product of a tile of
//! weights, 16 outputs by 16 words of inputs, and a tile of the input, these 16 words by the 16 steps: a word is two
//! bfloat16 or four bytes. The input lies as it does for vectors, and taps are the same input a few words further on.

mod permission;
mod product;

pub(crate) use permission::is_permitted;
pub(crate) use product::{Columns, ROWS, Sums, TIMES, Tiles, pairs};
