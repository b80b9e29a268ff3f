//! The product of a few rows with a matrix of weights of 8 bits, where CTranslate2 spends most of its time while it writes a text.
//!
//! A text is written token by token, and each token multiplies a row for each text that is followed (five of them) with all
//! weights of the decoder. CTranslate2 has oneDNN do it, which copies the weights into another order first, each time: nearly
//! half of a step. For so few rows they can be read as they lie. So the library's calls of its own product are led here; what
//! is not of that kind goes on to where it went before, and the sums are the same to the last bit.

mod call;
mod rows;
mod slot;

pub(crate) use call::lead_here;
