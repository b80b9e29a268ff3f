//! Makes Rust of KEDA's contract, without a `protoc`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let contract = "proto/externalscaler.proto";
    println!("cargo:rerun-if-changed={contract}");
    let files = protox::compile([contract], ["proto"])?;
    tonic_prost_build::configure().compile_fds(files)?;
    Ok(())
}
