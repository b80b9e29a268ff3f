//! `voicefleet jobs purge`.

use std::process::ExitCode;

use super::job::DeadLane;
use crate::{
    cli::PurgeOptions,
    output::{complain, print_line},
    server::Server,
};

pub(super) async fn run(server: &Server, options: &PurgeOptions) -> anyhow::Result<ExitCode> {
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
    let purged = server.purge(&options.engine, options.tier).await?.purged;
    print_line(&format!("{purged} dead letters of {place} are removed."));
    Ok(ExitCode::SUCCESS)
}

async fn count(server: &Server, options: &PurgeOptions) -> anyhow::Result<u64> {
    let letters = server.dead_letters().await?;
    let of_engine = |lane: &&DeadLane| lane.engine == options.engine;
    if !letters.data.iter().any(|lane| of_engine(&lane)) {
        anyhow::bail!("the server has no engine '{}'", options.engine);
    }
    let asked = |lane: &&DeadLane| options.tier.is_none_or(|tier| lane.tier == tier.name());
    let lanes = letters.data.iter().filter(of_engine).filter(asked);
    Ok(lanes.map(|lane| lane.dead).sum())
}
