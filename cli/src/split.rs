//! `voicefleet split`: how the compute is divided, over the HTTP API of a running server.

use std::{
    collections::{BTreeMap, HashSet},
    process::ExitCode,
};

use voicefleet_client::{NewSplit, Pool, Split};

use crate::{
    cli::{SplitCommand, SplitOptions},
    output::{print_line, print_table},
    server::connect,
};

/// Runs the command.
pub(crate) async fn run(options: SplitOptions) -> anyhow::Result<ExitCode> {
    let server = connect(&options.server)?;
    let split = match options.command {
        SplitCommand::Show { json: true } => {
            let sent = server.get_json("/v1/split").await?;
            print_line(&serde_json::to_string_pretty(&sent)?);
            return Ok(ExitCode::SUCCESS);
        }
        SplitCommand::Show { json: false } => server.split().await?,
        SplitCommand::Set {
            shares,
            budgets,
            no_budgets,
        } => {
            let mut wanted = NewSplit::new(by_name(shares)?);
            if no_budgets || !budgets.is_empty() {
                wanted = wanted.budgets(by_name(budgets)?);
            }
            server.set_split(&wanted).await?
        }
    };
    show(&split);
    Ok(ExitCode::SUCCESS)
}

/// A name that is given twice is a slip of the finger.
fn by_name(pairs: Vec<(String, u32)>) -> anyhow::Result<BTreeMap<String, u32>> {
    let mut seen = HashSet::new();
    if let Some((twice, _)) = pairs.iter().find(|(name, _)| !seen.insert(name.clone())) {
        anyhow::bail!("{twice} is given twice");
    }
    Ok(pairs.into_iter().collect())
}

fn show(split: &Split) {
    let rows: Vec<_> = split.pools.iter().map(row).collect();
    print_table(
        [
            "pool", "share", "target", "actual", "workers", "wanted", "waiting", "running",
            "backlog", "why",
        ],
        &rows,
    );
    for (hardware, slots) in &split.budgets {
        print_line(&format!("budget of {hardware}: {slots} slots"));
    }
}

fn row(pool: &Pool) -> [String; 10] {
    let percent = |ratio: f64| format!("{:.0} %", ratio * 100.0);
    let backlog: f64 = pool.backlog_seconds.values().sum();
    [
        pool.name.clone(),
        format!("{} %", pool.share),
        percent(pool.target_ratio),
        pool.actual_ratio.map_or_else(|| "-".to_owned(), percent),
        pool.workers_up.to_string(),
        pool.workers_wanted.to_string(),
        pool.waiting.to_string(),
        pool.in_flight.to_string(),
        format!("{backlog:.1} s"),
        pool.why.clone(),
    ]
}
