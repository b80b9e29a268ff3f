//! What the processor multiplies with.

/// Instructions that multiply. Each reads weights in an order of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instructions {
    /// AVX-512: 16 sums at a time. For bytes with VNNI: Intel servers since 2019, AMD since 2022 (Zen 4). For bfloat16: Intel
    /// servers since 2020 (Cooper Lake) but for Ice Lake, AMD since 2022.
    Vectors,
    /// AMX: 256 sums at a time, and AVX-512 before and after it. Intel servers since 2023 (Sapphire Rapids), under Linux.
    Tiles,
}

impl Instructions {
    /// The quickest that this machine has for bytes.
    pub fn for_bytes() -> Option<Self> {
        Self::all_for_bytes().next()
    }

    /// All that this machine has for bytes, the quickest first.
    pub fn all_for_bytes() -> impl Iterator<Item = Self> {
        ways(vectors_of_bytes(), tiles())
    }

    /// The quickest that this machine has for bfloat16.
    pub fn for_bfloat16() -> Option<Self> {
        Self::all_for_bfloat16().next()
    }

    /// All that this machine has for bfloat16, the quickest first.
    pub fn all_for_bfloat16() -> impl Iterator<Item = Self> {
        ways(vectors_of_bfloat16(), tiles())
    }

    /// Names the order of packed weights; changes with it. Whoever keeps weights keeps this with them.
    pub fn order(self) -> &'static str {
        match self {
            Self::Vectors => "1",
            Self::Tiles => "tiles 1",
        }
    }
}

/// Tiles need vectors, too.
fn ways(vectors: bool, tiles: bool) -> impl Iterator<Item = Instructions> {
    let tiles = (vectors && tiles).then_some(Instructions::Tiles);
    tiles
        .into_iter()
        .chain(vectors.then_some(Instructions::Vectors))
}

#[cfg(target_arch = "x86_64")]
fn vectors_of_bytes() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vnni")
}

#[cfg(target_arch = "x86_64")]
fn vectors_of_bfloat16() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512bf16")
}

#[cfg(not(target_arch = "x86_64"))]
fn vectors_of_bytes() -> bool {
    false
}

#[cfg(not(target_arch = "x86_64"))]
fn vectors_of_bfloat16() -> bool {
    false
}

#[cfg(target_arch = "x86_64")]
fn tiles() -> bool {
    crate::amx::is_permitted()
}

#[cfg(not(target_arch = "x86_64"))]
fn tiles() -> bool {
    false
}
