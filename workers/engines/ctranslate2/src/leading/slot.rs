//! Where a library keeps the address of a function that it calls.
#![expect(unsafe_code, reason = "reads the library's table of addresses")]

use std::{
    ffi::c_void,
    fs::File,
    path::Path,
    ptr::NonNull,
    sync::atomic::{AtomicPtr, Ordering},
};

use object::{
    Object, ObjectSegment, ObjectSymbol, ObjectSymbolTable, ReadCache, RelocationTarget,
    elf::{PF_W, PT_GNU_RELRO},
    read::elf::{ElfFile64, ProgramHeader},
};

pub(super) type Elf<'a> = ElfFile64<'a, object::Endianness, &'a ReadCache<File>>;

/// Where an address is kept that calls go to.
pub(super) type Slot = NonNull<AtomicPtr<c_void>>;

/// What is read of the library `file`: of some 80 MB its tables are needed only.
pub(super) fn parts(file: &Path) -> Result<ReadCache<File>, String> {
    let file = File::open(file).map_err(|error| error.to_string())?;
    Ok(ReadCache::new(file))
}

/// The entries of the loaded library `elf` through which it calls `symbol`, which it has at `address`. At least one.
pub(super) fn of(elf: &Elf<'_>, symbol: &str, address: *mut c_void) -> Result<Vec<Slot>, String> {
    let symbols = elf.dynamic_symbol_table().ok_or("it has no symbols")?;
    let (index, at) = symbols
        .symbols()
        .find(|found| found.name() == Ok(symbol) && found.is_definition())
        .map(|found| (found.index(), found.address()))
        .ok_or("it does not define the function")?;
    let base = (address as usize).wrapping_sub(as_usize(at)?);
    let slots: Vec<_> = elf
        .dynamic_relocations()
        .ok_or("it has no relocations")?
        .filter(|(_, relocation)| relocation.target() == RelocationTarget::Symbol(index))
        .map(|(slot, _)| loaded(elf, base, slot, address))
        .collect::<Result<_, _>>()?;
    if slots.is_empty() {
        return Err("it does not call the function through a table".to_owned());
    }
    Ok(slots)
}

/// The entry at `slot` of the library, which is loaded at `base`; it holds `address`.
fn loaded(elf: &Elf<'_>, base: usize, slot: u64, address: *mut c_void) -> Result<Slot, String> {
    if !stays_writable(elf, slot) {
        return Err("its table is read-only".to_owned());
    }
    let slot = base.wrapping_add(as_usize(slot)?) as *mut AtomicPtr<c_void>;
    let slot = NonNull::new(slot)
        .filter(|slot| slot.is_aligned())
        .ok_or("its table is not aligned")?;
    // SAFETY: it lies in a segment of the loaded library that stays writable, and holds one pointer.
    if unsafe { slot.as_ref() }.load(Ordering::Acquire) != address {
        return Err("its table holds another address".to_owned());
    }
    Ok(slot)
}

/// Whether what lies there can be written to once the library is loaded.
fn stays_writable(elf: &Elf<'_>, slot: u64) -> bool {
    let endian = elf.endian();
    let holds = |start: u64, size: u64| slot >= start && slot + 8 <= start + size;
    let protected = elf.elf_program_headers().iter().any(|header| {
        header.p_type(endian) == PT_GNU_RELRO
            && holds(header.p_vaddr(endian), header.p_memsz(endian))
    });
    let writable = elf.segments().any(|segment| {
        let object::SegmentFlags::Elf { p_flags, .. } = segment.flags() else {
            return false;
        };
        p_flags & PF_W != 0 && holds(segment.address(), segment.size())
    });
    writable && !protected
}

fn as_usize(address: u64) -> Result<usize, String> {
    usize::try_from(address).map_err(|error| error.to_string())
}
