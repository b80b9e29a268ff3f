//! Small files of ours that belong to others' models, as part of the program.

/// Settings of Whisper models in CTranslate2's format. They say what the published ones say, but for the attention heads that
/// words are timed by (see benches/README.md, Word times).
const FILES: [(&str, &str); 2] = [
    (
        "whisper-base.json",
        include_str!("../../manifest/files/whisper-base.json"),
    ),
    (
        "whisper-tiny.en.json",
        include_str!("../../manifest/files/whisper-tiny.en.json"),
    ),
];

/// What the file says, if there is one of this name.
pub(super) fn text(name: &str) -> Option<&'static str> {
    let (_, text) = FILES.into_iter().find(|(known, _)| *known == name)?;
    Some(text)
}
