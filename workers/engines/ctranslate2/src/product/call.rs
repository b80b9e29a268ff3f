//! What CTranslate2 calls.
#![expect(unsafe_code, reason = "called by C++, with pointers")]

use std::{
    ffi::c_void,
    mem,
    path::Path,
    ptr, slice,
    sync::atomic::{AtomicPtr, Ordering},
};

use libloading::os::unix::Library;

use super::{
    rows::{self, BLOCK, MOST_ROWS, WEIGHTS_AT_A_TIME},
    slot,
};

/// `ctranslate2::primitives<Device::CPU>::gemm<int8_t, int32_t>`.
const SYMBOL: &str =
    "_ZN11ctranslate210primitivesILNS_6DeviceE0EE4gemmIaiEEvbbbblllfPKT_lS6_lfPT0_lPKS7_";

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

/// `ctranslate2::cpu::mayiuse_mkl()`.
const USES_MKL: &str = "_ZN11ctranslate23cpu11mayiuse_mklEv";

/// Leads the library's calls of its own product here, if the processor has what it takes. The error says why they go where they
/// went before.
///
/// On Intel's processors it would have MKL multiply, which has the weights in an order of its own. Here they are read as they lie,
/// and the rest is as quick with oneDNN. (On some processors with AMX MKL's product with such weights divides by
/// zero where several rows are computed, and ends the process.)
pub(crate) fn lead_here(library: &Library, file: &Path) -> Result<(), String> {
    if !rows::is_supported() {
        return Err("the processor has no AVX-512 VNNI".to_owned());
    }
    let uses_mkl: extern "C" fn() -> bool = uses_mkl;
    lead(library, file, USES_MKL, uses_mkl as *mut c_void)?;
    THEIRS.store(address(library, SYMBOL)?, Ordering::Release);
    let ours: Product = product;
    lead(library, file, SYMBOL, ours as *mut c_void)
}

/// Has the library call `ours` where it would call its own `symbol`.
fn lead(library: &Library, file: &Path, symbol: &str, ours: *mut c_void) -> Result<(), String> {
    let slot = slot::of(file, symbol, address(library, symbol)?)?;
    // SAFETY: the slot holds the address of that function for as long as the library is loaded, which is until the process
    // ends; calls read it as one pointer.
    unsafe { slot.as_ref() }.store(ours, Ordering::Release);
    Ok(())
}

fn address(library: &Library, symbol: &str) -> Result<*mut c_void, String> {
    // SAFETY: only its address is taken here.
    let symbol = unsafe { library.get::<*mut c_void>(symbol.as_bytes()) };
    Ok(symbol.map_err(|error| error.to_string())?.into_raw())
}

extern "C" fn uses_mkl() -> bool {
    false
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
        // SAFETY: the caller's matrices have these lengths, and nobody else writes to them meanwhile; a has no sign, since
        // there is a shift.
        let (a, b, shift, c) = unsafe {
            (
                slice::from_raw_parts(a.cast::<u8>(), (rows - 1) * a_stride + length),
                slice::from_raw_parts(b, (weights - 1) * b_stride + length),
                slice::from_raw_parts(shift, weights),
                slice::from_raw_parts_mut(c, (rows - 1) * c_stride + weights),
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
