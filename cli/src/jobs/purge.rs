//! `voicefleet jobs purge`.

use std::process::ExitCode;

use voicefleet_client::{Client, DeadLetterCount, Tier};

use crate::{
    cli::PurgeOptions,
    output::{complain, print_line},
};

pub(super) async fn run(server: &Client, options: &PurgeOptions) -> anyhow::Result<ExitCode> {
    let place = match options.tier {
        Some(tier) => format!("{}, {tier}", options.engine),
        None => options.engine.clone(),
    };
    if !options.yes {
        let count = count(server, options).await?;
        complain(&format!(
            "{count} dead letters of {place} would be removed for good; say --yes to do it"
        ));
        return Ok(ExitCode::FAILURE);
    }
    let tier = options.tier.map(|tier| Tier::from(tier.name()));
    let purged = server.purge_dead_letters(&options.engine, tier).await?;
    print_line(&format!("{purged} dead letters of {place} are removed."));
    Ok(ExitCode::SUCCESS)
}

async fn count(server: &Client, options: &PurgeOptions) -> anyhow::Result<u64> {
    let lanes = server.dead_letters().await?;
    let of_engine = |lane: &&DeadLetterCount| lane.engine == options.engine;
    if !lanes.iter().any(|lane| of_engine(&lane)) {
        anyhow::bail!("the server has no engine '{}'", options.engine);
    }
    let asked = |lane: &&DeadLetterCount| {
        options
            .tier
            .is_none_or(|tier| lane.tier.name() == tier.name())
    };
    let counted = lanes.iter().filter(of_engine).filter(asked);
    Ok(counted.map(|lane| lane.dead).sum())
}
