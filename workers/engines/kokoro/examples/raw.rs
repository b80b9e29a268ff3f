//! throw-away
#![allow(
    clippy::all,
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "throw-away"
)]
fn main() {
    let e = voicefleet_phonemes::Espeak::open(std::path::Path::new(
        "/root/.cache/voicefleet/models/espeak-ng-data",
    ))
    .unwrap();
    for l in std::io::stdin().lines() {
        let l = l.unwrap();
        let (v, t) = l.split_once('\t').unwrap();
        println!(
            "{v}\t{t}\n\t{:?}",
            e.clauses(v, t).map(|c| c
                .into_iter()
                .map(|c| format!("{}{:?}", c.phonemes, c.terminator))
                .collect::<Vec<_>>())
        );
    }
}
