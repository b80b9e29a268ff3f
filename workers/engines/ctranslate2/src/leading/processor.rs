//! What the library takes the processor for.

use std::{env, ffi::c_void};

use super::Led;

/// `ctranslate2::cpu::CpuIsa::AVX512`.
const AVX512: i32 = 3;

/// The variable by which the library's users choose its functions: what it names is the library's to heed.
const CHOSEN_ISA: &str = "CT2_FORCE_CPU_ISA";
/// The variable by which they ask for MKL, which cannot be had.
const ASKED_FOR_MKL: &str = "CT2_USE_MKL";

/// Whether it has what the library's functions for AVX-512 are compiled for.
pub(super) fn is_supported() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512cd")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
}

/// `ctranslate2::cpu::mayiuse_mkl()` and, unless it is chosen, `ctranslate2::cpu::get_cpu_isa()`.
///
/// On Intel's processors the library would have MKL multiply with weights in an order of MKL's own. Here they are read as they lie,
/// and the rest is as quick without. (On some processors with AMX that product divides by zero where several
/// rows are computed, and ends the process.)
///
/// Its own functions it has for AVX-512, too, but takes those for AVX2 unless it is told otherwise.
pub(super) fn led() -> impl Iterator<Item = Led> {
    let asked = env::var_os(ASKED_FOR_MKL);
    if asked.is_some_and(|asked| asked == "1" || asked.eq_ignore_ascii_case("true")) {
        tracing::warn!("{ASKED_FOR_MKL} is not heeded: MKL's products are not used here");
    }
    let uses_mkl: extern "C" fn() -> bool = uses_mkl;
    let instructions: extern "C" fn() -> i32 = instructions;
    let mkl = Led {
        symbol: "_ZN11ctranslate23cpu11mayiuse_mklEv",
        ours: uses_mkl as *mut c_void,
        theirs: None,
    };
    let instructions = Led {
        symbol: "_ZN11ctranslate23cpu11get_cpu_isaEv",
        ours: instructions as *mut c_void,
        theirs: None,
    };
    let is_chosen = env::var_os(CHOSEN_ISA).is_some();
    [mkl]
        .into_iter()
        .chain((!is_chosen).then_some(instructions))
}

extern "C" fn uses_mkl() -> bool {
    false
}

extern "C" fn instructions() -> i32 {
    AVX512
}
