//! `voicefleet transcribe`: a recording becomes text.

use std::{process::ExitCode, time::Duration};

use voicefleet_client::{Tier, TranscriptionJob, Upload};

use crate::{cli::TranscribeOptions, output::print_line, server::connect};

/// Runs the command.
pub(crate) async fn run(options: TranscribeOptions) -> anyhow::Result<ExitCode> {
    let server = connect(&options.server)?;
    let job = server.submit_transcription(&wanted(&options)).await?;
    let within = Duration::from_secs(options.urgency.within);
    let job = server.wait(&job.id, within).await?.succeeded()?;
    let written = server.result_as(&job.id, &options.format).await?;
    let written = written.bytes().await?;
    print_line(String::from_utf8_lossy(&written).trim_end_matches('\n'));
    Ok(ExitCode::SUCCESS)
}

fn wanted(options: &TranscribeOptions) -> TranscriptionJob {
    let mut job = TranscriptionJob::new(Upload::file(&options.file))
        .tier(Tier::from(options.urgency.tier.name()));
    if let Some(language) = &options.language {
        job = job.language(language);
    }
    if let Some(model) = &options.model {
        job = job.model(model);
    }
    job
}
