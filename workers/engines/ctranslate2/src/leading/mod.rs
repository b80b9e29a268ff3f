//! Calls of the library to functions of its own that are led to us.
//!
//! It calls what it exports through a table, of which we change entries once it is loaded. All of them need AVX-512.

mod compensation;
mod processor;
mod product;
mod rows;
mod slot;

use std::{
    ffi::c_void,
    path::Path,
    sync::atomic::{AtomicPtr, Ordering},
};

use libloading::os::unix::Library;

/// A function of the library, and what is called in its place.
struct Led {
    symbol: &'static str,
    ours: *mut c_void,
    /// Where its own is kept, if calls go on to it.
    theirs: Option<&'static AtomicPtr<c_void>>,
}

/// Leads the library's calls here, if the processor has what it takes. The error says why they go where they went before.
pub(crate) fn lead_here(library: &Library, file: &Path) -> Result<(), String> {
    if !rows::is_supported() || !processor::is_supported() {
        return Err("the processor has no AVX-512 VNNI".to_owned());
    }
    let parts = slot::parts(file)?;
    let elf = slot::Elf::parse(&parts).map_err(|error| error.to_string())?;
    let all: Vec<Led> = processor::led()
        .chain([compensation::led(), product::led()])
        .collect();
    // All of them or none: they count on each other.
    let entries: Result<Vec<_>, _> = all.iter().map(|led| find(library, &elf, led)).collect();
    for (led, (slots, theirs)) in all.iter().zip(entries?) {
        if let Some(kept) = led.theirs {
            kept.store(theirs, Ordering::Release);
        }
        for slot in slots {
            #[expect(unsafe_code, reason = "an entry of the library's table")]
            // SAFETY: the slot holds the address of that function for as long as the library is loaded, which is until the
            // process ends; calls read it as one pointer.
            unsafe { slot.as_ref() }.store(led.ours, Ordering::Release);
        }
    }
    Ok(())
}

/// The library's table entries for its function, and the function.
fn find(
    library: &Library,
    elf: &slot::Elf<'_>,
    led: &Led,
) -> Result<(Vec<slot::Slot>, *mut c_void), String> {
    #[expect(unsafe_code, reason = "the type of a symbol is what we say it is")]
    // SAFETY: only its address is taken here.
    let theirs = unsafe { library.get::<*mut c_void>(led.symbol.as_bytes()) };
    let theirs = theirs.map_err(|error| error.to_string())?.into_raw();
    let slots =
        slot::of(elf, led.symbol, theirs).map_err(|why| format!("{}: {why}", led.symbol))?;
    Ok((slots, theirs))
}
