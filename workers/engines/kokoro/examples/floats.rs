//! Writes the network that a GPU computes: the published one with its weights as floats.
//!
//! ```text
//! cargo run --release -p voicefleet-kokoro --example floats -- MODEL.onnx INTO.onnx
//! ```

use std::{error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1).map(PathBuf::from);
    let (Some(model), Some(into)) = (arguments.next(), arguments.next()) else {
        return Err("usage: floats MODEL.onnx INTO.onnx".into());
    };
    let made = voicefleet_kokoro::model_of_floats(&model)?;
    let made = made.ok_or("its weights are floats already")?;
    fs::write(into, made)?;
    Ok(())
}
