//! The products themselves.
#![expect(
    unsafe_code,
    reason = "the processor's own instructions, and pointers for them"
)]

use std::{arch::asm, marker::PhantomData};

use super::is_permitted;
use crate::order::SIDE_OF_TILE;

/// Outputs and steps of time that are computed together: four tiles of sums, of the eight that there are.
pub(crate) const ROWS: usize = 2 * SIDE_OF_TILE;
pub(crate) const TIMES: usize = 2 * SIDE_OF_TILE;

/// Weights of 16 outputs at one tap for 16 words of input.
pub(crate) type Tile = [[u32; SIDE_OF_TILE]; SIDE_OF_TILE];

/// Sums over time of each output.
pub(crate) type Sums<T> = [[T; TIMES]; ROWS];

/// The input at [`TIMES`] steps of time.
#[derive(Clone, Copy)]
pub(crate) struct Columns<'a> {
    /// Rows of words.
    pub(crate) words: &'a [u32],
    /// Of a row.
    pub(crate) width: usize,
    /// The first step.
    pub(crate) first: usize,
    /// What each tap reads lies so many steps further on.
    pub(crate) offsets: &'a [usize],
}

/// The packed weights of two times 16 outputs each, of `of_block` tiles. An odd one is multiplied twice.
pub(crate) fn pairs(packed: &[u32], of_block: usize) -> impl Iterator<Item = [&[Tile]; 2]> + Clone {
    let (rows, _) = packed.as_chunks();
    let (tiles, _): (&[Tile], _) = rows.as_chunks();
    tiles.chunks(2 * of_block).map(move |pair| {
        let (one, other) = pair.split_at(of_block);
        [one, if other.is_empty() { one } else { other }]
    })
}

/// The tiles of this thread, until dropped.
pub(crate) struct Tiles(PhantomData<*const ()>);

/// The form of the tiles: Intel's manual, volume 1, chapter 18 (palette 1).
#[repr(C, align(64))]
struct Form {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    /// Bytes of a row of each tile; the last eight are not there.
    bytes: [u16; 16],
    rows: [u8; 16],
}

impl Tiles {
    /// # Panics
    /// If this process may not use them.
    pub(crate) fn new() -> Self {
        assert!(is_permitted(), "no AMX");
        let form = Form {
            palette: 1,
            start_row: 0,
            reserved: [0; 14],
            bytes: std::array::from_fn(|tile| if tile < 8 { 64 } else { 0 }),
            rows: std::array::from_fn(|tile| if tile < 8 { 16 } else { 0 }),
        };
        // SAFETY: the processor has the instruction and the kernel permits it, by the assertion; it reads the 64 bytes.
        unsafe {
            asm!("ldtilecfg [{}]", in(reg) &raw const form, options(nostack, readonly));
        }
        Self(PhantomData)
    }
}

impl Drop for Tiles {
    fn drop(&mut self) {
        // SAFETY: as above. It spares the kernel from saving them.
        unsafe {
            asm!("tilerelease", options(nostack, nomem));
        }
    }
}

/// Sums of the weights (`[taps][chunks]`) of 2 times 16 outputs, times the columns.
macro_rules! product {
    ($name:ident, $sum:ty, $instruction:literal, $what:literal) => {
        impl Tiles {
            #[doc = $what]
            pub(crate) fn $name(
                &self,
                weights: [&[Tile]; 2],
                columns: Columns<'_>,
                sums: &mut Sums<$sum>,
            ) {
                let Columns {
                    words,
                    width,
                    first,
                    offsets,
                } = columns;
                let taps = offsets.len();
                let chunks = words.len() / width / SIDE_OF_TILE;
                assert!(taps > 0 && chunks > 0, "nothing to sum up");
                assert!(
                    weights.iter().all(|tiles| tiles.len() == taps * chunks),
                    "weights"
                );
                let furthest = first + offsets.iter().copied().max().unwrap_or(0) + TIMES;
                assert!(furthest <= width, "columns");
                // SAFETY: the processor has the instructions, and its tiles have their form, as there is a `Tiles` and it cannot
                // leave its thread. Read are `taps * chunks` tiles from each pointer to weights, `taps` offsets, and of
                // `chunks * 16` rows of `width` words 32 up to `furthest`; written are 32 rows of 32 sums.
                unsafe {
                    asm!(
                        "tilezero tmm0",
                        "tilezero tmm1",
                        "tilezero tmm2",
                        "tilezero tmm3",
                        "2:",
                        "mov {column}, qword ptr [{offsets}]",
                        "lea {column}, [{words} + {column}*4]",
                        "mov {left}, {chunks}",
                        "3:",
                        "tileloadd tmm4, [{one} + {line}*1]",
                        "tileloadd tmm6, [{column} + {stride}*1]",
                        "tileloadd tmm5, [{other} + {line}*1]",
                        "tileloadd tmm7, [{column} + {stride}*1 + 64]",
                        concat!($instruction, " tmm0, tmm4, tmm6"),
                        concat!($instruction, " tmm2, tmm5, tmm6"),
                        concat!($instruction, " tmm1, tmm4, tmm7"),
                        concat!($instruction, " tmm3, tmm5, tmm7"),
                        "add {one}, 1024",
                        "add {other}, 1024",
                        "add {column}, {step}",
                        "dec {left}",
                        "jnz 3b",
                        "add {offsets}, 8",
                        "dec {taps}",
                        "jnz 2b",
                        // Rows of sums are twice as long as those of a tile.
                        "tilestored [{sums} + {line}*2], tmm0",
                        "tilestored [{sums} + {line}*2 + 64], tmm1",
                        "tilestored [{sums} + {line}*2 + 2048], tmm2",
                        "tilestored [{sums} + {line}*2 + 2112], tmm3",
                        one = inout(reg) weights[0].as_ptr() => _,
                        other = inout(reg) weights[1].as_ptr() => _,
                        offsets = inout(reg) offsets.as_ptr() => _,
                        taps = inout(reg) taps => _,
                        words = in(reg) words.as_ptr().add(first),
                        column = out(reg) _,
                        left = out(reg) _,
                        chunks = in(reg) chunks,
                        stride = in(reg) 4 * width,
                        step = in(reg) SIDE_OF_TILE * 4 * width,
                        line = in(reg) 4 * SIDE_OF_TILE,
                        sums = in(reg) sums.as_mut_ptr(),
                        out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                        out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                        options(nostack),
                    );
                }
            }
        }
    };
}

product!(
    multiply_bfloat16,
    f32,
    "tdpbf16ps",
    "The product of two bfloat16 to a word."
);
product!(
    multiply_bytes,
    i32,
    "tdpbsud",
    "The product of four bytes to a word, signed weights and an unsigned input."
);
