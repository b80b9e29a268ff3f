//! Plain lines, for logs and pipes.

use std::{
    io::Write,
    sync::{Mutex, PoisonError},
};

use indicatif::HumanBytes;

use super::{Event, Progress, Step};

/// Files below this size get no line of their own.
const WORTH_A_LINE: u64 = 1_000_000;

/// Writes a line for each larger file, each asset and each note.
pub struct Lines<W> {
    out: Mutex<W>,
}

impl<W: Write + Send> Lines<W> {
    /// Writes to `out`. Write errors are ignored: a closed log must not stop a pull.
    pub fn new(out: W) -> Self {
        Self {
            out: Mutex::new(out),
        }
    }

    fn line(&self, text: &str) {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = writeln!(out, "{text}");
    }
}

impl<W: Write + Send> Progress for Lines<W> {
    fn on(&self, event: Event<'_>) {
        match event {
            Event::FileStarted { file, size } if size >= WORTH_A_LINE => {
                self.line(&format!("{file} ({})", HumanBytes(size)));
            }
            Event::FileStep { file, step } if step != Step::Checking => {
                self.line(&format!("{file}: {step}"));
            }
            Event::AssetFinished {
                asset,
                files,
                bytes,
            } => self.line(&format!(
                "{asset}: {files} files, {}, done",
                HumanBytes(bytes)
            )),
            Event::Note { text } => self.line(text),
            Event::FileStarted { .. }
            | Event::FileAdvanced { .. }
            | Event::FileStep { .. }
            | Event::FileEnded { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_files_are_told_only_with_their_asset() {
        let lines = Lines::new(Vec::new());
        for event in [
            Event::FileStarted {
                file: "a/large",
                size: 2 << 20,
            },
            Event::FileStep {
                file: "a/large",
                step: Step::Converting("b"),
            },
            Event::FileStep {
                file: "a/large",
                step: Step::Checking,
            },
            Event::FileStarted {
                file: "a/small",
                size: 10,
            },
            Event::AssetFinished {
                asset: "a",
                files: 2,
                bytes: (2 << 20) + 10,
            },
        ] {
            lines.on(event);
        }
        let text = String::from_utf8(lines.out.into_inner().unwrap()).unwrap();
        assert_eq!(
            text,
            "a/large (2.00 MiB)\na/large: converting b\na: 2 files, 2.00 MiB, done\n"
        );
    }
}
