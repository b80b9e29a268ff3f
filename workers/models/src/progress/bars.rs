//! Progress bars, for terminals.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use indicatif::{HumanBytes, MultiProgress, ProgressBar, ProgressStyle};

use super::{Event, Progress, Step};

/// How often the sign of life of an uncounted step moves.
const TICK: Duration = Duration::from_millis(120);

/// One bar per file in work, with bytes per second and total; a line per finished asset.
pub struct Bars {
    all: MultiProgress,
    files: Mutex<HashMap<String, ProgressBar>>,
    bytes: ProgressStyle,
    step: ProgressStyle,
}

impl Bars {
    /// Draws on standard error.
    ///
    /// # Panics
    /// Never: the templates are constants.
    pub fn new() -> Self {
        let style = |template| ProgressStyle::with_template(template).expect("a valid template");
        Self {
            all: MultiProgress::new(),
            files: Mutex::default(),
            bytes: style(
                "{prefix:40!} {wide_bar:.cyan/dim} {bytes:>11}/{total_bytes:11} {bytes_per_sec:>13} {eta:>4}",
            ),
            step: style("{prefix:40!} {spinner} {msg} ({elapsed})"),
        }
    }

    fn with_bar(&self, file: &str, act: impl FnOnce(&ProgressBar)) {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bar) = files.get(file) {
            act(bar);
        }
    }

    fn start(&self, file: &str, size: u64) {
        let bar = self.all.add(ProgressBar::new(size));
        bar.set_style(self.bytes.clone());
        bar.set_prefix(file.rsplit('/').next().unwrap_or(file).to_owned());
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.insert(file.to_owned(), bar);
    }

    fn advance(&self, bar: &ProgressBar, bytes: u64) {
        if !bar.message().is_empty() {
            bar.set_style(self.bytes.clone());
            bar.set_message("");
            bar.disable_steady_tick();
        }
        let is_first = bar.position() == 0;
        bar.set_position(bytes);
        if is_first {
            // What an earlier pull left behind is not this one's speed.
            bar.reset_eta();
        }
    }

    fn step(&self, bar: &ProgressBar, step: Step<'_>) {
        bar.set_style(self.step.clone());
        bar.set_message(step.to_string());
        bar.enable_steady_tick(TICK);
    }

    fn end(&self, file: &str) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bar) = files.remove(file) {
            bar.finish_and_clear();
            self.all.remove(&bar);
        }
    }

    fn line(&self, text: &str) {
        // A terminal that has gone must not stop a pull.
        let _ = self.all.println(text);
    }
}

impl Default for Bars {
    fn default() -> Self {
        Self::new()
    }
}

impl Progress for Bars {
    fn on(&self, event: Event<'_>) {
        match event {
            Event::FileStarted { file, size } => self.start(file, size),
            Event::FileAdvanced { file, bytes } => {
                self.with_bar(file, |bar| self.advance(bar, bytes));
            }
            Event::FileStep { file, step } => self.with_bar(file, |bar| self.step(bar, step)),
            Event::FileEnded { file } => self.end(file),
            Event::AssetFinished {
                asset,
                files,
                bytes,
            } => self.line(&format!(
                "{asset}: {files} files, {}, done",
                HumanBytes(bytes)
            )),
            Event::Note { text } => self.line(text),
        }
    }
}
