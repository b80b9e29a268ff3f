//! What is spoken.

use std::sync::atomic::{AtomicUsize, Ordering};

/// No text is spoken twice in a run, so no cache answers.
static TEXTS: AtomicUsize = AtomicUsize::new(0);

/// Sentences of an interview, between 3 and 10 seconds long.
const SENTENCES: [&str; 4] = [
    "Could you tell me about a difficult problem that you solved?",
    "Take your time, and describe what you did first.",
    "How did the others in your team see it, and what would you do in another way now?",
    "Is there anything that you would like to ask?",
];

/// A text that was not spoken before; the same ones for each who begins at the same number.
pub(crate) fn text(number: usize) -> String {
    let sentences = SENTENCES.iter().cycle().skip(number).take(number % 3 + 1);
    let sentences: Vec<&str> = sentences.copied().collect();
    format!("This is question {number}. {}", sentences.join(" "))
}

/// The next number.
pub(crate) fn next() -> usize {
    TEXTS.fetch_add(1, Ordering::Relaxed)
}
