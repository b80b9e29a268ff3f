//! `voicefleet keys`: who may use a server.

use std::process::ExitCode;

use serde_json::{Value, json};
use voicefleet_api::KeySecret;
use voicefleet_client::{Key, KeyLimits, NewKey};
use voicefleet_core::{Tenant, Weight};

use crate::{
    cli::{GrantOptions, KeysCommand, KeysOptions},
    output::{print_line, print_table},
    server::connect,
};

const HEADER: [&str; 7] = ["id", "tenant", "name", "may", "limits", "made", "revoked"];

/// Runs the command.
pub(crate) async fn run(options: KeysOptions) -> anyhow::Result<ExitCode> {
    let server = || connect(&options.server);
    match options.command {
        KeysCommand::Generate(grant) => generate(&grant)?,
        KeysCommand::Create(grant) => {
            let created = server()?.create_key(&wanted(&grant)).await?;
            print_line(created.secret.reveal());
        }
        KeysCommand::List => {
            let keys = server()?.keys().await?;
            let rows: Vec<_> = keys.iter().map(row).collect();
            print_table(HEADER, &rows);
        }
        KeysCommand::Revoke { ids } => {
            let server = server()?;
            for id in ids {
                let key = server.revoke_key(&id).await?;
                print_line(&format!("{} of {} is revoked", key.id, key.tenant));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes a key here, without any server: what to show, and what to put into the file of keys.
fn generate(grant: &GrantOptions) -> anyhow::Result<()> {
    let (secret, grant) = (KeySecret::generate(), granted(grant)?);
    print_line(&format!(
        "# the key, for whoever is to show it: {}",
        secret.reveal()
    ));
    print_line("# for the keys_file:");
    print_line("[[keys]]");
    print_line(&format!("id = \"{}\"", secret.id()));
    print_line(&format!("sha256 = \"{}\"", secret.hash()));
    print_line(&format!("grant = {}", inline(&json!(grant))));
    Ok(())
}

/// An object as TOML in one line. Texts and numbers look as in JSON; there is nothing else in a grant.
fn inline(value: &Value) -> String {
    let Value::Object(members) = value else {
        return value.to_string();
    };
    let member = |(name, value): (&String, &Value)| format!("{name} = {}", inline(value));
    let members: Vec<String> = members
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(member)
        .collect();
    format!("{{ {} }}", members.join(", "))
}

/// What is asked of a server.
fn wanted(options: &GrantOptions) -> NewKey {
    let mut limits = KeyLimits::default();
    if let Some(tier) = options.highest_tier {
        limits = limits.highest_tier(tier.name());
    }
    limits.requests_per_minute = options.requests_per_minute.map(u64::from);
    limits.max_in_flight = options.max_in_flight.map(u64::from);
    limits.daily_compute_seconds = options.daily_compute_seconds.map(u64::from);
    limits.weight = options.weight.map(u64::from);
    let key = NewKey::new(&options.tenant)
        .admin(options.admin)
        .walled(options.walled)
        .limits(limits);
    match &options.name {
        Some(name) => key.name(name),
        None => key,
    }
}

/// What goes into the file of keys: checked here, for there is no server that would.
fn granted(options: &GrantOptions) -> anyhow::Result<voicefleet_api::NewKey> {
    let tenant: Tenant = options.tenant.parse()?;
    Ok(voicefleet_api::NewKey {
        tenant,
        name: options.name.clone(),
        admin: options.admin,
        walled: options.walled,
        limits: voicefleet_api::KeyLimits {
            highest_tier: options.highest_tier,
            requests_per_minute: options.requests_per_minute,
            max_in_flight: options.max_in_flight,
            daily_compute_seconds: options.daily_compute_seconds,
            weight: options.weight.map(Weight::try_from).transpose()?,
        },
    })
}

fn row(key: &Key) -> [String; 7] {
    let may = match (key.admin, key.walled) {
        (true, _) => "everything",
        (false, true) => "own work, walled",
        (false, false) => "own work",
    };
    [
        key.id.clone(),
        key.tenant.clone(),
        key.name.clone().unwrap_or_default(),
        may.to_owned(),
        limits(&json!(key.limits)),
        key.created_at.clone(),
        key.revoked_at.clone().unwrap_or_default(),
    ]
}

fn limits(limits: &Value) -> String {
    let limits = limits.as_object();
    let each = limits.into_iter().flatten();
    let shown: Vec<String> = each
        .map(|(name, value)| {
            format!(
                "{name}={}",
                value.as_str().map_or(value.to_string(), str::to_owned)
            )
        })
        .collect();
    shown.join(" ")
}
