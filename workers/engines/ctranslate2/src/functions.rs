//! The functions of CTranslate2 that `ct2rs` calls, each a jump to where the library has it.
//!
//! A program that links CTranslate2 cannot start without it: 80 MB that only a worker for models of its format needs. So
//! the linker finds these jumps instead (what PLT entries are to a program that links a library), and
//! [`bind`] fills in their targets once the library is loaded.
#![expect(unsafe_code, reason = "assembly, and a static that it defines")]

use std::{
    arch::global_asm,
    ffi::c_void,
    ptr,
    sync::atomic::{AtomicPtr, Ordering},
};

/// Defines one jump for each symbol, and the table of their targets: `SYMBOLS[i]` jumps to what the i-th entry of the table
/// holds.
macro_rules! jumps {
    ($($symbol:literal,)*) => {
        /// Their names as the compiler mangled them (Itanium C++ ABI).
        pub(crate) const SYMBOLS: &[&str] = &[$($symbol),*];

        global_asm!(
            ".pushsection .data.voicefleet_ctranslate2, \"aw\", @progbits",
            ".balign 8",
            ".globl voicefleet_ctranslate2_targets",
            "voicefleet_ctranslate2_targets:",
            $(concat!(".Ltarget", $symbol, ": .quad 0"),)*
            ".popsection",
            ".pushsection .text.voicefleet_ctranslate2, \"ax\", @progbits",
            $(
                concat!(".globl ", $symbol),
                concat!(".type ", $symbol, ", @function"),
                concat!($symbol, ": jmp qword ptr [rip + .Ltarget", $symbol, "]"),
            )*
            ".popsection",
        );
    };
}

jumps! {
    "_ZN11ctranslate210ThreadPoolC1ESt6vectorISt10unique_ptrINS_6WorkerESt14default_deleteIS3_EESaIS6_EEmi",
    "_ZN11ctranslate210ThreadPoolD1Ev",
    "_ZN11ctranslate210Translator15translate_batchERKSt6vectorIS1_INSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEESaIS7_EESaIS9_EERKNS_18TranslationOptionsEmNS_9BatchTypeE",
    "_ZN11ctranslate210Translator15translate_batchERKSt6vectorIS1_INSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEESaIS7_EESaIS9_EESD_RKNS_18TranslationOptionsEmNS_9BatchTypeE",
    "_ZN11ctranslate211StorageViewC1EOS0_",
    "_ZN11ctranslate211StorageViewC1IfEESt6vectorIlSaIlEEPT_NS_6DeviceE",
    "_ZN11ctranslate211StorageViewD1Ev",
    "_ZN11ctranslate213get_allocatorENS_6DeviceE",
    "_ZN11ctranslate213get_log_levelEv",
    "_ZN11ctranslate213set_log_levelENS_8LogLevelE",
    "_ZN11ctranslate215destroy_contextENS_6DeviceE",
    "_ZN11ctranslate215get_random_seedEv",
    "_ZN11ctranslate215set_num_threadsEm",
    "_ZN11ctranslate215set_random_seedEj",
    "_ZN11ctranslate216get_device_countENS_6DeviceE",
    "_ZN11ctranslate216set_device_indexENS_6DeviceEi",
    "_ZN11ctranslate218synchronize_streamENS_6DeviceE",
    "_ZN11ctranslate26models11ModelLoaderC1ERKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE",
    "_ZN11ctranslate26models11ModelLoaderC1ERKSt10shared_ptrINS0_11ModelReaderEE",
    "_ZN11ctranslate26models14WhisperReplica17create_from_modelERKNS0_5ModelE",
    "_ZN11ctranslate26models17ModelMemoryReader13register_fileENSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEES7_",
    "_ZN11ctranslate26models17ModelMemoryReaderC1ENSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE",
    "_ZN11ctranslate26models7Whisper15detect_languageB5cxx11ERKNS_11StorageViewE",
    "_ZN11ctranslate26models7Whisper5alignERKNS_11StorageViewESt6vectorImSaImEES5_IS7_SaIS7_EES7_l",
    "_ZN11ctranslate26models7Whisper6encodeERKNS_11StorageViewEb",
    "_ZN11ctranslate26models7Whisper8generateERKNS_11StorageViewESt6vectorIS5_INSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEESaISB_EESaISD_EENS0_14WhisperOptionsE",
    "_ZN11ctranslate29Generator17score_batch_asyncERKSt6vectorIS1_INSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEESaIS7_EESaIS9_EERKNS_14ScoringOptionsEmNS_9BatchTypeE",
    "_ZN11ctranslate29Generator20generate_batch_asyncERKSt6vectorIS1_INSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEESaIS7_EESaIS9_EERKNS_17GenerationOptionsEmNS_9BatchTypeE",
    "_ZN11ctranslate2lsERSoRKNS_11StorageViewE",
    "_ZNK11ctranslate210ThreadPool11num_threadsEv",
    "_ZNK11ctranslate210ThreadPool15num_active_jobsEv",
    "_ZNK11ctranslate210ThreadPool15num_queued_jobsEv",
    "_ZNK11ctranslate211StorageView9owns_dataEv",
    "_ZNK11ctranslate26models11ModelLoader4loadEv",
    "_ZNK11ctranslate26models7Whisper13num_languagesEv",
    "_ZNK11ctranslate26models7Whisper15is_multilingualEv",
    "_ZNK11ctranslate26models7Whisper6n_melsEv",
}

// SAFETY: the table is defined above, with one zeroed, aligned entry of eight bytes for every symbol.
unsafe extern "C" {
    static voicefleet_ctranslate2_targets: [AtomicPtr<c_void>; SYMBOLS.len()];
}

/// Lets the i-th jump go to `targets[i]`, which must be what [`SYMBOLS`]`[i]` names in a library of the version that `ct2rs`
/// was compiled for.
pub(crate) fn bind(targets: &[*mut c_void; SYMBOLS.len()]) {
    for (entry, target) in table().iter().zip(targets) {
        debug_assert!(!ptr::eq(*target, ptr::null()), "a jump into nothing");
        entry.store(*target, Ordering::Release);
    }
}

fn table() -> &'static [AtomicPtr<c_void>; SYMBOLS.len()] {
    // SAFETY: the static lives as long as the program and holds pointers at every time; they are written atomically.
    unsafe { &voicefleet_ctranslate2_targets }
}
