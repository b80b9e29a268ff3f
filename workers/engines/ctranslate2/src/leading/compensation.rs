//! What weights add to a product because its other side is made positive, for each output: computed once, when a model is loaded.
#![expect(unsafe_code, reason = "called by C++, with pointers")]

use std::{
    ffi::c_void,
    mem::{self, MaybeUninit},
    ptr, slice,
    sync::atomic::{AtomicPtr, Ordering},
};

use super::Led;

/// What is added to each number of the other side, so that it has no sign.
const SHIFT: i32 = 128;

/// For weights `b` of `n` outputs and `k` inputs, in rows of an output each if they are transposed: `alpha * -128 * sum(row)`.
type Compensation = unsafe extern "C" fn(
    b: *const i8,
    transpose_b: bool,
    k: i64,
    n: i64,
    alpha: f32,
    compensation: *mut i32,
);

/// Where a call goes on to that is not done here.
static THEIRS: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

/// `ctranslate2::primitives<Device::CPU>::compute_u8_compensation`.
pub(super) fn led() -> Led {
    let ours: Compensation = compensation;
    Led {
        symbol: "_ZN11ctranslate210primitivesILNS_6DeviceE0EE23compute_u8_compensationEPKabllfPi",
        ours: ours as *mut c_void,
        theirs: Some(&THEIRS),
    }
}

unsafe extern "C" fn compensation(
    b: *const i8,
    transpose_b: bool,
    k: i64,
    n: i64,
    alpha: f32,
    compensation: *mut i32,
) {
    let lengths = [k, n].map(|length| usize::try_from(length).unwrap_or(0));
    #[expect(clippy::float_cmp, reason = "what the caller writes as 1")]
    if transpose_b && alpha == 1.0 && lengths.iter().all(|length| *length > 0) {
        let [inputs, outputs] = lengths;
        // SAFETY: the caller's matrices have these lengths, and nobody else writes to them meanwhile; nothing may have been
        // written to the compensation; where this is called the processor has AVX-512.
        unsafe {
            let weights = slice::from_raw_parts(b, inputs * outputs);
            sum_up(
                weights,
                inputs,
                slice::from_raw_parts_mut(compensation.cast(), outputs),
            );
        }
        return;
    }
    let theirs = THEIRS.load(Ordering::Acquire);
    // SAFETY: it was stored before the first call could come here, and the symbol's name holds these types.
    unsafe {
        let theirs = mem::transmute::<*mut c_void, Compensation>(theirs);
        theirs(b, transpose_b, k, n, alpha, compensation);
    }
}

#[target_feature(enable = "avx512f,avx512bw")]
fn sum_up(weights: &[i8], inputs: usize, compensation: &mut [MaybeUninit<i32>]) {
    for (row, compensation) in weights.chunks_exact(inputs).zip(compensation) {
        let sum: i32 = row.iter().map(|weight| i32::from(*weight)).sum();
        compensation.write(-SHIFT * sum);
    }
}

#[cfg(test)]
mod tests {
    use voicefleet_testkit::model_file;

    use super::*;
    use crate::load_library;

    #[test]
    fn the_librarys_own_numbers_are_the_same() {
        load_library(&model_file("ctranslate2/libctranslate2.so")).expect("the library");
        let theirs = THEIRS.load(Ordering::Acquire);
        if theirs.is_null() {
            return;
        }
        // SAFETY: as in `compensation`.
        let theirs = unsafe { mem::transmute::<*mut c_void, Compensation>(theirs) };
        for (k, n) in [(1_usize, 1_usize), (64, 9), (513, 70)] {
            let weights: Vec<i8> = (0..k * n)
                .map(|at| {
                    u8::try_from(at * 7_919 % 251)
                        .expect("below 256")
                        .cast_signed()
                })
                .collect();
            for (transposed, alpha) in [(true, 1.0), (true, 0.5), (false, 1.0)] {
                let sums = |compute: Compensation| {
                    let mut sums = vec![0; n];
                    let [inputs, outputs] = [k, n].map(|n| i64::try_from(n).expect("few"));
                    // SAFETY: the matrices have these lengths.
                    unsafe {
                        compute(
                            weights.as_ptr(),
                            transposed,
                            inputs,
                            outputs,
                            alpha,
                            sums.as_mut_ptr(),
                        );
                    }
                    sums
                };
                assert_eq!(
                    sums(compensation),
                    sums(theirs),
                    "{k}, {n}, {transposed}, {alpha}"
                );
            }
        }
    }
}
