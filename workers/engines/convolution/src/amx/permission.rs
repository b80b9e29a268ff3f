//! Whether tiles can be used.

use std::{arch::x86_64::__cpuid_count, sync::LazyLock};

/// Bits of EDX in leaf 7 of CPUID: AMX-BF16, AMX-TILE and AMX-INT8 (Intel's manual, volume 2A, CPUID).
const FEATURES: u32 = 1 << 22 | 1 << 24 | 1 << 25;

/// Whether the processor has tiles and the kernel lets this process use them, for which it is asked once.
pub(crate) fn is_permitted() -> bool {
    static PERMITTED: LazyLock<bool> = LazyLock::new(|| has_features() && is_granted());
    *PERMITTED
}

fn has_features() -> bool {
    // Leaf 7 is there where AVX-512 is.
    is_x86_feature_detected!("avx512f") && __cpuid_count(7, 0).edx & FEATURES == FEATURES
}

/// Each thread's tiles are 8 KiB more for the kernel to save, so it wants to be asked.
#[cfg(target_os = "linux")]
fn is_granted() -> bool {
    /// `ARCH_REQ_XCOMP_PERM` and `XFEATURE_XTILEDATA` (Linux, Documentation/arch/x86/xstate.rst).
    const ASK_FOR: libc::c_long = 0x1023;
    const TILE_DATA: libc::c_long = 18;
    #[expect(unsafe_code, reason = "a call of the kernel")]
    // SAFETY: it takes two numbers and changes what this process may use.
    let answer = unsafe { libc::syscall(libc::SYS_arch_prctl, ASK_FOR, TILE_DATA) };
    if answer != 0 {
        let error = std::io::Error::last_os_error();
        tracing::info!(%error, "the kernel does not let this process use AMX");
    }
    answer == 0
}

#[cfg(not(target_os = "linux"))]
fn is_granted() -> bool {
    false
}
