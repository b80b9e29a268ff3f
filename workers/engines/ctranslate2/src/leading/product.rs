//! The product of a few rows with a matrix of weights of 8 bits, where CTranslate2 spends most of its time while it writes a text.
//!
//! A text is written token by token, and each token multiplies a row for each text that is followed (five of them) with all
//! weights of the decoder. CTranslate2 has oneDNN do it, which copies the weights into another order first, each time: nearly
//! half of a step. For so few rows they can be read as they lie. What is not of that kind goes on to where it went before,
//! and the sums are the same to the last bit.
#![expect(unsafe_code, reason = "called by C++, with pointers")]

use std::{
    ffi::c_void,
    mem, ptr, slice,
    sync::atomic::{AtomicPtr, Ordering},
};

use super::{
    Led,
    rows::{self, BLOCK, MOST_ROWS, WEIGHTS_AT_A_TIME},
};

/// The library's own product: `c = alpha * op(a) * op(b) + beta * c + shift`, matrices by rows, `lda`, `ldb` and `ldc` their
/// lengths in memory. Where `shift` is there, `a` holds numbers without a sign.
type Product = unsafe extern "C" fn(
    a_is_packed: bool,
    b_is_packed: bool,
    transpose_a: bool,
    transpose_b: bool,
    m: i64,
    n: i64,
    k: i64,
    alpha: f32,
    a: *const i8,
    lda: i64,
    b: *const i8,
    ldb: i64,
    beta: f32,
    c: *mut i32,
    ldc: i64,
    shift: *const i32,
);

/// Where a call goes on to that is not done here.
static THEIRS: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

/// `ctranslate2::primitives<Device::CPU>::gemm<int8_t, int32_t>`.
pub(super) fn led() -> Led {
    let ours: Product = product;
    Led {
        symbol: "_ZN11ctranslate210primitivesILNS_6DeviceE0EE4gemmIaiEEvbbbblllfPKT_lS6_lfPT0_lPKS7_",
        ours: ours as *mut c_void,
        theirs: Some(&THEIRS),
    }
}

#[expect(
    clippy::many_single_char_names,
    reason = "the library's parameters, by their names in BLAS"
)]
unsafe extern "C" fn product(
    a_is_packed: bool,
    b_is_packed: bool,
    transpose_a: bool,
    transpose_b: bool,
    m: i64,
    n: i64,
    k: i64,
    alpha: f32,
    a: *const i8,
    lda: i64,
    b: *const i8,
    ldb: i64,
    beta: f32,
    c: *mut i32,
    ldc: i64,
    shift: *const i32,
) {
    let plain = !a_is_packed && !b_is_packed && !transpose_a && transpose_b;
    #[expect(clippy::float_cmp, reason = "what callers write as 1 and 0")]
    let only = alpha == 1.0 && beta == 0.0 && !shift.is_null();
    let whole = [m, n, k, lda, ldb, ldc].map(|length| usize::try_from(length).unwrap_or(0));
    let [rows, weights, length, a_stride, b_stride, c_stride] = whole;
    let few = (1..=MOST_ROWS).contains(&rows) && weights >= WEIGHTS_AT_A_TIME;
    let fits =
        length > 0 && length.is_multiple_of(BLOCK) && a_stride >= length && b_stride >= length;
    if plain && only && few && fits && c_stride >= weights {
        // SAFETY: the caller's matrices have these lengths, and nobody else writes to them meanwhile; nothing may have been
        // written to c; a has no sign, since there is a shift.
        let (a, b, shift, c) = unsafe {
            (
                slice::from_raw_parts(a.cast::<u8>(), (rows - 1) * a_stride + length),
                slice::from_raw_parts(b, (weights - 1) * b_stride + length),
                slice::from_raw_parts(shift, weights),
                slice::from_raw_parts_mut(c.cast(), (rows - 1) * c_stride + weights),
            )
        };
        let rows = rows::Rows {
            values: a,
            count: rows,
            stride: a_stride,
        };
        let weights = rows::Weights {
            values: b,
            count: weights,
            stride: b_stride,
            length,
        };
        rows::multiply(&rows, &weights, shift, c, c_stride);
        return;
    }
    let theirs = THEIRS.load(Ordering::Acquire);
    // SAFETY: it was stored before the first call could come here, and the symbol's name holds these types.
    unsafe {
        let theirs = mem::transmute::<*mut c_void, Product>(theirs);
        theirs(
            a_is_packed,
            b_is_packed,
            transpose_a,
            transpose_b,
            m,
            n,
            k,
            alpha,
            a,
            lda,
            b,
            ldb,
            beta,
            c,
            ldc,
            shift,
        );
    }
}

#[cfg(test)]
mod tests {
    use voicefleet_testkit::model_file;

    use super::*;
    use crate::load_library;

    #[test]
    fn the_librarys_own_sums_are_the_same() {
        let file = model_file("ctranslate2/libctranslate2.so");
        load_library(&file).expect("the library");
        if !rows::is_supported() {
            return;
        }
        let theirs = THEIRS.load(Ordering::Acquire);
        assert!(!theirs.is_null(), "its calls are led here");
        // SAFETY: as in `product`.
        let theirs = unsafe { mem::transmute::<*mut c_void, Product>(theirs) };
        let byte = |at: usize| u8::try_from(at * 7_919 % 251).expect("below 256");
        for (m, n, k) in [
            (1_usize, 9_usize, 64_usize),
            (5, 513, 512),
            (20, 512, 2_048),
            (30, 70, 128),
        ] {
            let a: Vec<i8> = (0..m * k).map(|at| byte(at).cast_signed()).collect();
            let b: Vec<i8> = (0..n * k)
                .map(|at| byte(at + 5).cast_signed() / 2)
                .collect();
            let shift: Vec<i32> = (0..n).map(|at| -100 * i32::from(byte(at))).collect();
            let sums = |product: Product| {
                let mut c = vec![0; m * n];
                let [rows, outputs, inputs] =
                    [m, n, k].map(|length| i64::try_from(length).expect("few"));
                // SAFETY: the matrices have these lengths.
                unsafe {
                    product(
                        false,
                        false,
                        false,
                        true,
                        rows,
                        outputs,
                        inputs,
                        1.0,
                        a.as_ptr(),
                        inputs,
                        b.as_ptr(),
                        inputs,
                        0.0,
                        c.as_mut_ptr(),
                        outputs,
                        shift.as_ptr(),
                    );
                }
                c
            };
            assert_eq!(sums(product), sums(theirs), "{m} x {n} x {k}");
        }
    }
}
