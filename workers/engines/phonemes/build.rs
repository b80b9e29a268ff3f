//! Links what espeak-ng's own build finds on this machine and its crate does not pass on.
//!
//! espeak-ng is built with libsonic always, and with libpcaudio where its development files are
//! installed; espeak-rs-sys links neither.

use std::{env, path::PathBuf, process::Command};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    match find_library("libsonic.a") {
        // The whole archive (one object), because this crate comes before espeak-ng in the link
        // order and some linkers drop what nobody has asked for yet.
        Some(archive) => {
            link_directory(&archive);
            println!("cargo:rustc-link-lib=static:+whole-archive=sonic");
        }
        None => println!("cargo:rustc-link-lib=dylib=sonic"),
    }
    if let Some(library) = find_library("libpcaudio.so") {
        link_directory(&library);
        println!("cargo:rustc-link-lib=dylib=pcaudio");
    }
}

/// Where the C toolchain finds the library `file`, if it does.
fn find_library(file: &str) -> Option<PathBuf> {
    let compiler = env::var_os("CC").unwrap_or_else(|| "cc".into());
    let output = Command::new(compiler)
        .arg(format!("-print-file-name={file}"))
        .output()
        .ok()?;
    // The compiler repeats the bare name when it knows no such file.
    let path = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
    path.canonicalize().ok().filter(|_| path.is_absolute())
}

fn link_directory(library: &std::path::Path) {
    if let Some(directory) = library.parent() {
        println!("cargo:rustc-link-search=native={}", directory.display());
    }
}
