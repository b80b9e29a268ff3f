//! How often which answer came.

use std::collections::BTreeMap;

/// Wrong answers that are told in full.
const TOLD: usize = 5;

/// One answer.
pub(crate) struct Answered {
    /// What was asked.
    pub(crate) kind: &'static str,
    pub(crate) status: u16,
    /// What is wrong with it, if anything is.
    pub(crate) wrong: Option<String>,
}

#[derive(Default)]
pub(crate) struct Tally {
    counts: BTreeMap<(&'static str, u16), usize>,
    wrong: Vec<String>,
}

impl Tally {
    pub(crate) fn with(mut self, answers: Vec<Answered>) -> Self {
        for Answered {
            kind,
            status,
            wrong,
        } in answers
        {
            *self.counts.entry((kind, status)).or_default() += 1;
            self.wrong
                .extend(wrong.map(|what| format!("{kind}: {status}: {what}")));
        }
        self
    }

    pub(crate) fn answers(&self) -> usize {
        self.counts.values().sum()
    }

    /// For each kind of request and status how often it came.
    pub(crate) fn lines(&self) -> Vec<String> {
        let line =
            |((kind, status), count): (&(&str, u16), &usize)| format!("{count:8} {status} {kind}");
        self.counts.iter().map(line).collect()
    }

    /// # Errors
    /// If an answer was wrong.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let some = self
            .wrong
            .iter()
            .take(TOLD)
            .cloned()
            .collect::<Vec<_>>()
            .join("\n");
        anyhow::ensure!(
            self.wrong.is_empty(),
            "{} answers are wrong:\n{some}",
            self.wrong.len()
        );
        Ok(())
    }
}
