//! `voicefleet speak`: a text becomes a file.

use std::{path::Path, process::ExitCode, time::Duration};

use voicefleet_client::{AudioFormat, SpeechJob, Tier};

use crate::{cli::SpeakOptions, output::print_line, server::connect};

/// Runs the command.
pub(crate) async fn run(options: SpeakOptions) -> anyhow::Result<ExitCode> {
    let server = connect(&options.server)?;
    let job = server.submit_speech(&wanted(&options)?).await?;
    let within = Duration::from_secs(options.urgency.within);
    let job = server.wait(&job.id, within).await?.succeeded()?;
    server.result(&job.id).await?.save(&options.out).await?;
    let seconds = job.timings.audio_seconds;
    print_line(&format!("{}: {seconds:.1} s", options.out.display()));
    Ok(ExitCode::SUCCESS)
}

fn wanted(options: &SpeakOptions) -> anyhow::Result<SpeechJob> {
    let mut job = SpeechJob::new(&options.text)
        .tier(Tier::from(options.urgency.tier.name()))
        .response_format(format(&options.out)?);
    if let Some(voice) = &options.voice {
        job = job.voice(voice);
    }
    if let Some(engine) = &options.engine {
        job = job.engine(engine);
    }
    if let Some(speed) = options.speed {
        job = job.speed(speed);
    }
    Ok(job)
}

/// What the name of the file says.
fn format(out: &Path) -> anyhow::Result<AudioFormat> {
    let ending = out.extension().and_then(|ending| ending.to_str());
    let ending = ending.unwrap_or_default().to_ascii_lowercase();
    match AudioFormat::from(ending.as_str()) {
        AudioFormat::Other(_) => anyhow::bail!(
            "--out: the name {} ends with none of .{}",
            out.display(),
            AudioFormat::KNOWN.join(", .")
        ),
        known => Ok(known),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_of_the_name_is_the_format() {
        let named = |name: &str| format(Path::new(name));
        assert_eq!(named("a/b.c.FLAC").expect("a format"), AudioFormat::Flac);
        for name in ["speech", "speech.aac", ".wav"] {
            let error = named(name).expect_err("no format").to_string();
            assert!(error.contains(name) && error.contains(".opus"), "{error}");
        }
    }
}
