//! What the sample has spoken: plain sentences, so that any difference in the transcript is a fault.

/// A question and how it is to be spoken.
pub(super) struct Question {
    pub(super) engine: &'static str,
    pub(super) tier: &'static str,
    pub(super) voice: &'static str,
    pub(super) text: &'static str,
}

pub(super) const QUESTIONS: [Question; 6] = [
    Question {
        engine: "piper",
        tier: "realtime",
        voice: "en_US-joe-medium",
        text: "Please introduce yourself, and tell us about your last project.",
    },
    Question {
        engine: "kokoro",
        tier: "realtime",
        voice: "af_heart",
        text: "What would you do if a deadline could not be met?",
    },
    Question {
        engine: "piper",
        tier: "standard",
        voice: "en_US-joe-medium",
        text: "Describe a difficult decision that you made last year.",
    },
    Question {
        engine: "kokoro",
        tier: "standard",
        voice: "bm_george",
        text: "Why do you want to work with our team?",
    },
    Question {
        engine: "piper",
        tier: "batch",
        voice: "en_US-joe-medium",
        text: "How do you make sure that your own work is correct?",
    },
    Question {
        engine: "kokoro",
        tier: "batch",
        voice: "af_bella+af_sky",
        text: "Thank you for your time. The interview is now over.",
    },
];
