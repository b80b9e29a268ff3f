//! The contenders in turn.

use std::time::Duration;

use voicefleet_benches::{median, report};

use crate::{
    bare,
    brokers::{Account, Brokers},
    celery::{Celery, SETTINGS},
    contender::Contender,
    fleet::Crowd,
    machine,
    options::{Options, Servers},
};

/// What a trial of settings is worth.
const TRIAL_REQUESTS: usize = 100;
const TRIAL_SPAN: Duration = Duration::from_secs(4);

/// A contender with the best settings for each of the two loads.
struct Entry {
    name: &'static str,
    alone: Contender,
    crowd: Contender,
}

impl Entry {
    fn ours() -> Self {
        Self {
            name: "voicefleet",
            alone: Contender::Ours,
            crowd: Contender::Ours,
        }
    }
}

/// One round of one contender.
#[derive(Clone, Copy)]
struct Figures {
    alone_p50: f64,
    alone_p99: f64,
    per_second: f64,
    crowd_p50: f64,
    crowd_p99: f64,
    /// For 1,000 jobs.
    cpu_seconds: f64,
}

impl Figures {
    /// Each by itself.
    fn medians(rounds: &[Self]) -> anyhow::Result<Self> {
        let of = |figure: fn(&Self) -> f64| median(rounds.iter().map(figure).collect());
        Ok(Self {
            alone_p50: of(|figures| figures.alone_p50)?,
            alone_p99: of(|figures| figures.alone_p99)?,
            per_second: of(|figures| figures.per_second)?,
            crowd_p50: of(|figures| figures.crowd_p50)?,
            crowd_p99: of(|figures| figures.crowd_p99)?,
            cpu_seconds: of(|figures| figures.cpu_seconds)?,
        })
    }

    fn say(&self, who: &str, clients: usize) {
        report(&format!(
            "{who}: 1 client p50 {:.2} ms, p99 {:.2} ms; {clients} clients {:.0} jobs/s, p50 {:.1} ms, p99 {:.1} ms; {:.2} CPU s for 1,000 jobs",
            self.alone_p50,
            self.alone_p99,
            self.per_second,
            self.crowd_p50,
            self.crowd_p99,
            self.cpu_seconds
        ));
    }
}

pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    for line in machine::describe() {
        report(&line);
    }
    let brokers = Brokers::start().await?;
    if options.bare {
        return bare::run(&brokers, options.clients, options.span()).await;
    }
    let servers = brokers.servers();
    let mut entries = vec![Entry::ours()];
    match &options.celery {
        Some(folder) => entries.push(best_of(Celery::at(folder), &servers, options).await?),
        None => report("no --celery: nothing is compared"),
    }
    let mut measured: Vec<Vec<Figures>> = vec![Vec::new(); entries.len()];
    for round in 1..=options.rounds {
        for (entry, rounds) in entries.iter().zip(&mut measured) {
            let figures = one_round(entry, &brokers, options).await?;
            figures.say(&format!("round {round}, {}", entry.name), options.clients);
            rounds.push(figures);
        }
    }
    conclude(&entries, &measured, options)
}

async fn one_round(entry: &Entry, brokers: &Brokers, options: &Options) -> anyhow::Result<Figures> {
    let servers = &brokers.servers();
    let mut fleet = entry.alone.start(servers, options.clients).await?;
    let alone = fleet.alone(options.requests).await?;
    if entry.crowd != entry.alone {
        drop(fleet);
        fleet = entry.crowd.start(servers, options.clients).await?;
    }
    let before = brokers.account()?;
    let crowd = fleet.crowd(options.clients, options.span()).await?;
    say_parts(&crowd, &before, &brokers.account()?);
    Ok(Figures {
        alone_p50: alone.percentile(50),
        alone_p99: alone.percentile(99),
        per_second: crowd.answers.per_second(),
        crowd_p50: crowd.answers.percentile(50),
        crowd_p99: crowd.answers.percentile(99),
        cpu_seconds: crowd.all_cpu_seconds() / crowd.answers.count() * 1_000.0,
    })
}

/// Where the CPU of a job goes, and what Redis does for it.
fn say_parts(crowd: &Crowd, before: &Account, after: &Account) {
    let jobs = crowd.answers.count();
    let servers = [
        ("RabbitMQ", after.rabbit - before.rabbit),
        ("Redis", after.redis - before.redis),
    ];
    let parts = servers.iter().chain(&crowd.cpu_seconds);
    let parts = parts.map(|(name, seconds)| format!("{name} {:.3}", seconds / jobs * 1_000.0));
    let parts: Vec<String> = parts.collect();
    report(&format!("  CPU ms of a job: {}", parts.join(", ")));
    let mut commands: Vec<(&str, f64, f64)> = Vec::new();
    for (name, calls, spent) in &after.commands {
        let known = before.commands.iter().find(|(known, ..)| known == name);
        let (old_calls, old_spent) = known.map_or((0.0, 0.0), |(_, calls, spent)| (*calls, *spent));
        commands.push((name, (calls - old_calls) / jobs, (spent - old_spent) / jobs));
    }
    commands.retain(|(_, calls, _)| *calls > 0.01);
    commands.sort_by(|one, other| other.2.total_cmp(&one.2));
    let commands = commands
        .iter()
        .map(|(name, calls, spent)| format!("{name} {calls:.1} ({spent:.0})"));
    let commands: Vec<String> = commands.collect();
    report(&format!(
        "  Redis commands of a job (us, those within scripts twice): {}",
        commands.join(", ")
    ));
}

/// Tries the settings and takes the quickest for one client, and those that do most for many.
async fn best_of(celery: Celery, servers: &Servers, options: &Options) -> anyhow::Result<Entry> {
    report(&celery.versions()?);
    let mut tried = Vec::new();
    for settings in SETTINGS {
        let contender = Contender::Celery(celery.clone(), settings);
        let fleet = contender.start(servers, options.clients).await?;
        let p50 = fleet.alone(TRIAL_REQUESTS).await?.percentile(50);
        let crowd = fleet.crowd(options.clients, TRIAL_SPAN).await?;
        let per_second = crowd.answers.per_second();
        report(&format!(
            "trial, Celery, {}: p50 {p50:.2} ms, {per_second:.0} jobs/s",
            settings.describe()
        ));
        tried.push((contender, p50, per_second));
    }
    let quickest = tried.iter().min_by(|one, other| one.1.total_cmp(&other.1));
    let busiest = tried.iter().max_by(|one, other| one.2.total_cmp(&other.2));
    let (Some((alone, ..)), Some((crowd, ..))) = (quickest, busiest) else {
        anyhow::bail!("no settings to try");
    };
    Ok(Entry {
        name: "Celery",
        alone: alone.clone(),
        crowd: crowd.clone(),
    })
}

fn conclude(entries: &[Entry], measured: &[Vec<Figures>], options: &Options) -> anyhow::Result<()> {
    for (entry, rounds) in entries.iter().zip(measured) {
        let who = format!("{}, medians of {}", entry.name, rounds.len());
        Figures::medians(rounds)?.say(&who, options.clients);
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
        "voicefleet against Celery, medians of the pairs: p50 of 1 client x{:.2}; jobs/s x{:.1}, CPU x{:.3}",
        ratio(|figures| figures.alone_p50)?,
        ratio(|figures| figures.per_second)?,
        ratio(|figures| figures.cpu_seconds)?,
    ));
    Ok(())
}
