//! The contenders in turn.

use std::time::Instant;

use futures::future::try_join_all;
use voicefleet_benches::{median, report};

use crate::{
    http::Client,
    options::Options,
    server::{Contender, Server},
    texts,
};

/// Both send 16-bit WAV with one channel, and the voice has this rate (Hz).
const RATE: f64 = 22_050.0;
/// Bytes before the samples.
const HEADER: usize = 44;

/// Some requests of one contender.
#[derive(Clone, Copy)]
struct Figures {
    audio_seconds: f64,
    cpu_seconds: f64,
    wall_seconds: f64,
    /// Median seconds to the whole answer.
    answer: f64,
}

impl Figures {
    fn cpu(&self) -> f64 {
        self.cpu_seconds / self.audio_seconds
    }

    fn wall(&self) -> f64 {
        self.wall_seconds / self.audio_seconds
    }

    fn say(&self, who: &str) {
        report(&format!(
            "{who}: {:.4} CPU s and {:.4} s for a second of audio, answer in {:.2} s ({:.0} s of audio)",
            self.cpu(),
            self.wall(),
            self.answer,
            self.audio_seconds
        ));
    }
}

pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    let mut contenders = vec![Contender::Ours];
    match &options.piper {
        Some(folder) => contenders.push(Contender::Piper(folder.clone())),
        None => report("no --piper: nothing is compared"),
    }
    for (clients, requests) in [
        (1, options.requests.div_ceil(4)),
        (options.clients, options.requests),
    ] {
        let mut measured = vec![Vec::new(); contenders.len()];
        for round in 1..=options.rounds {
            let first = texts::next() + round * 100_000;
            for (contender, measured) in contenders.iter().zip(&mut measured) {
                let server = contender.start().await?;
                speak(&server, clients, first + 50_000..first + 50_000 + clients).await?;
                let figures = speak(&server, clients, first..first + requests).await?;
                figures.say(&format!(
                    "round {round}, {clients} clients, {}",
                    contender.name()
                ));
                measured.push(figures);
            }
        }
        conclude(clients, &contenders, &measured)?;
    }
    if options.soak > 0 {
        for contender in &contenders {
            soak(contender, options).await?;
        }
    }
    Ok(())
}

/// What is resident after many requests of all lengths.
async fn soak(contender: &Contender, options: &Options) -> anyhow::Result<()> {
    let server = contender.start().await?;
    let begin = server.process.resident_bytes()?;
    speak(
        &server,
        options.clients,
        10_000_000..10_000_000 + options.soak,
    )
    .await?;
    #[expect(clippy::cast_precision_loss, reason = "shown in whole MB")]
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    report(&format!(
        "{}: {:.0} MB resident after the first request, {:.0} MB after {} more of {} clients",
        contender.name(),
        megabytes(begin),
        megabytes(server.process.resident_bytes()?),
        options.soak,
        options.clients
    ));
    Ok(())
}

/// Has the texts of these numbers spoken, by so many clients.
async fn speak(
    server: &Server,
    clients: usize,
    numbers: std::ops::Range<usize>,
) -> anyhow::Result<Figures> {
    let (before, began) = (server.process.cpu_seconds()?, Instant::now());
    let (first, last) = (numbers.start, numbers.end);
    let each = (0..clients).map(|client| async move {
        let mut connection = Client::connect(server.endpoint).await?;
        let mut answers = Vec::new();
        for number in (first + client..last).step_by(clients) {
            let asked = Instant::now();
            let audio = if let Ok(audio) = connection.job(&texts::text(number)).await {
                audio
            } else {
                // Flask's own server closes after each answer.
                connection = Client::connect(server.endpoint).await?;
                connection.job(&texts::text(number)).await?
            };
            answers.push((seconds(&audio), asked.elapsed().as_secs_f64()));
        }
        anyhow::Ok(answers)
    });
    let answers = try_join_all(each).await?.concat();
    Ok(Figures {
        audio_seconds: answers.iter().map(|(audio, _)| audio).sum(),
        cpu_seconds: server.process.cpu_seconds()? - before,
        wall_seconds: began.elapsed().as_secs_f64(),
        answer: median(answers.iter().map(|(_, took)| *took).collect())?,
    })
}

#[expect(clippy::cast_precision_loss, reason = "seconds of audio")]
fn seconds(wav: &[u8]) -> f64 {
    wav.len().saturating_sub(HEADER) as f64 / 2.0 / RATE
}

fn conclude(
    clients: usize,
    contenders: &[Contender],
    measured: &[Vec<Figures>],
) -> anyhow::Result<()> {
    for (contender, rounds) in contenders.iter().zip(measured) {
        let of = |figure: fn(&Figures) -> f64| median(rounds.iter().map(figure).collect());
        report(&format!(
            "{clients} clients, {}, medians of {}: {:.4} CPU s and {:.4} s for a second of audio, answer in {:.2} s",
            contender.name(),
            rounds.len(),
            of(Figures::cpu)?,
            of(Figures::wall)?,
            of(|figures| figures.answer)?,
        ));
    }
    let [ours, theirs] = measured else {
        return Ok(());
    };
    let ratio = |figure: fn(&Figures) -> f64| {
        let pairs = ours.iter().zip(theirs);
        median(
            pairs
                .map(|(ours, theirs)| figure(ours) / figure(theirs))
                .collect(),
        )
    };
    report(&format!(
        "{clients} clients, voicefleet against piper-tts, medians of the pairs: CPU x{:.2}, wall x{:.2}, answer x{:.2}",
        ratio(Figures::cpu)?,
        ratio(Figures::wall)?,
        ratio(|figures| figures.answer)?,
    ));
    Ok(())
}
