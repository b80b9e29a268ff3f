//! Secrets that stand in files, as orchestrators mount them: not in the environment, which others read.

use std::{fs, path::PathBuf};

use clap::Args;

use super::{Settings, SettingsError};

/// Files, each of which holds one URL. A setting is given here or by itself, not both.
#[derive(Args, Clone, Debug, Default)]
#[expect(
    clippy::struct_field_names,
    reason = "they are the names of the settings"
)]
pub(crate) struct SecretFiles {
    /// File that holds the `amqp_url`.
    #[arg(long, env = "VOICEFLEET_AMQP_URL_FILE", value_name = "FILE")]
    amqp_url_file: Option<PathBuf>,
    /// File that holds the `redis_url`.
    #[arg(long, env = "VOICEFLEET_REDIS_URL_FILE", value_name = "FILE")]
    redis_url_file: Option<PathBuf>,
    /// File that holds the `cache_url`.
    #[arg(long, env = "VOICEFLEET_CACHE_URL_FILE", value_name = "FILE")]
    cache_url_file: Option<PathBuf>,
    /// File with lines `AWS_ACCESS_KEY_ID=...` and `AWS_SECRET_ACCESS_KEY=...` for the object store.
    #[arg(long, env = "VOICEFLEET_OBJECTS_CREDENTIALS_FILE", value_name = "FILE")]
    objects_credentials_file: Option<PathBuf>,
}

impl SecretFiles {
    /// Reads what is given, or names what cannot be.
    pub(super) fn read_into(&self, settings: &mut Settings) -> Result<(), SettingsError> {
        let mut wrong = Vec::new();
        let urls = [
            ("amqp_url", &self.amqp_url_file, &mut settings.amqp_url),
            ("redis_url", &self.redis_url_file, &mut settings.redis_url),
            ("cache_url", &self.cache_url_file, &mut settings.cache_url),
        ];
        for (name, file, setting) in urls {
            let Some(file) = file else { continue };
            if setting.is_some() {
                wrong.push(format!("{name}, {name}_file: both are given"));
                continue;
            }
            match fs::read_to_string(file) {
                Ok(content) if content.trim().is_empty() => {
                    wrong.push(format!("{name}_file: {} is empty", file.display()));
                }
                Ok(content) => *setting = Some(content.trim().to_owned()),
                Err(error) => wrong.push(format!("{name}_file: {}: {error}", file.display())),
            }
        }
        if let Some(file) = &self.objects_credentials_file {
            match credentials(file) {
                Ok(found) => settings.objects_credentials = Some(found),
                Err(error) => wrong.push(format!("objects_credentials_file: {error}")),
            }
        }
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(SettingsError(wrong))
        }
    }
}

/// The key and its secret.
fn credentials(file: &PathBuf) -> Result<(String, String), String> {
    let shown = file.display();
    let content = fs::read_to_string(file).map_err(|error| format!("{shown}: {error}"))?;
    let value_of = |name: &str| {
        let mut lines = content.lines();
        let found = lines.find_map(|line| line.trim().strip_prefix(name)?.strip_prefix('='));
        let found = found.map(|value| value.trim().to_owned());
        found.ok_or_else(|| format!("{shown} has no line {name}=..."))
    };
    Ok((
        value_of("AWS_ACCESS_KEY_ID")?,
        value_of("AWS_SECRET_ACCESS_KEY")?,
    ))
}
