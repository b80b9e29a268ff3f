//! What becomes of a session's memory between its runs.

use ort::session::RunOptions;

/// What a session does after a run with the memory that the run took. It keeps its weights either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// It is for the next run, so that the longest run so far counts for ever.
    Kept,
    /// It goes back to the system, and the next run asks for it again. For sessions on the CPU that do not
    /// [free](crate::SessionOptions::frees) it as they go.
    Released,
}

impl Memory {
    /// The options of a run.
    ///
    /// # Errors
    /// ONNX Runtime's.
    pub fn run_options(self) -> ort::Result<RunOptions> {
        let mut options = RunOptions::new()?;
        if self == Self::Released {
            options.set("memory.enable_memory_arena_shrinkage", "cpu:0")?;
        }
        Ok(options)
    }
}
