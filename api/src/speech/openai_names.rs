//! OpenAI's names for models and voices, and what they mean here. The tables are part of the API.

/// OpenAI's speech models and the engine that stands for each.
pub(crate) const SPEECH_MODELS: [(&str, &str); 3] = [
    ("tts-1", "piper"),
    ("tts-1-hd", "kokoro"),
    ("gpt-4o-mini-tts", "kokoro"),
];

/// OpenAI's transcription models: all mean the default transcriber, the first installed.
pub(crate) const TRANSCRIPTION_MODELS: [&str; 4] = [
    "whisper-1",
    "gpt-transcribe",
    "gpt-4o-transcribe",
    "gpt-4o-mini-transcribe",
];

/// OpenAI's voices and their Kokoro counterparts. On Piper each means the default voice.
pub(crate) const VOICES: [(&str, &str); 13] = [
    ("alloy", "af_alloy"),
    ("ash", "am_adam"),
    ("ballad", "bm_lewis"),
    ("cedar", "am_michael"),
    ("coral", "af_bella"),
    ("echo", "am_echo"),
    ("fable", "bm_fable"),
    ("marin", "af_heart"),
    ("nova", "af_nova"),
    ("onyx", "am_onyx"),
    ("sage", "af_sarah"),
    ("shimmer", "af_sky"),
    ("verse", "am_liam"),
];

/// The engine behind one of OpenAI's speech models.
pub(crate) fn speech_engine(model: &str) -> Option<&'static str> {
    let found = SPEECH_MODELS.iter().find(|(name, _)| *name == model);
    found.map(|(_, engine)| *engine)
}

/// The Kokoro voice behind one of OpenAI's voices.
pub(crate) fn kokoro_voice(openai: &str) -> Option<&'static str> {
    let found = VOICES.iter().find(|(name, _)| *name == openai);
    found.map(|(_, voice)| *voice)
}
