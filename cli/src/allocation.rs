//! Whom this process has its memory from.
//!
//! jemalloc, for Rust and for the libraries in C and C++: of glibc's arenas a fifth to a quarter of what is resident is memory
//! that nobody uses (benches/README.md, Memory). Its settings are compiled in, from `.cargo/config.toml`; the environment
//! variable `MALLOC_CONF` changes them.

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;
