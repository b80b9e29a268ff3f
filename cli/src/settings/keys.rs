//! Which keys the API wants. Given any of these settings, it wants one.

use std::{fs, path::PathBuf};

use clap::Args;
use figment::{
    Figment,
    providers::{Format, Toml},
};
use serde::Deserialize;
use voicefleet_api::{KeyLimits, KeyPolicy, KeyRecord, KeySecret, NewKey};
use voicefleet_core::Timestamp;

use super::SettingsError;

/// Keys of the configuration.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct KeyOptions {
    /// Want a key with every request. Keys are made by `voicefleet keys create`, with the key of an
    /// administrator from one of the next settings.
    #[arg(long, env = "VOICEFLEET_REQUIRE_KEYS")]
    require_keys: bool,
    /// The key of the first administrator, as `voicefleet keys generate` makes it.
    #[arg(
        long,
        env = "VOICEFLEET_ADMIN_KEY",
        value_name = "KEY",
        hide_env_values = true
    )]
    admin_key: Option<String>,
    /// File that holds the `admin_key`.
    #[arg(long, env = "VOICEFLEET_ADMIN_KEY_FILE", value_name = "FILE")]
    admin_key_file: Option<PathBuf>,
    /// TOML file with further keys, hashed, as `voicefleet keys generate` prints them.
    #[arg(long, env = "VOICEFLEET_KEYS_FILE", value_name = "FILE")]
    keys_file: Option<PathBuf>,
}

/// What stands in the file of keys.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeysFile {
    #[serde(default)]
    keys: Vec<KeyRecord>,
}

impl KeyOptions {
    /// Reads what is given, or names what cannot be.
    pub(super) fn read(&self) -> Result<KeyPolicy, SettingsError> {
        let mut wrong = Vec::new();
        let mut configured = self.keys_of_the_file().unwrap_or_else(|error| {
            wrong.push(error);
            Vec::new()
        });
        match self.admin() {
            Ok(admin) => configured.extend(admin),
            Err(error) => wrong.push(error),
        }
        for (index, key) in configured.iter().enumerate() {
            if configured[..index].iter().any(|other| other.id == key.id) {
                wrong.push(format!("keys_file: the key {} is there twice", key.id));
            }
        }
        let required = self.require_keys || !configured.is_empty();
        if required && wrong.is_empty() && !configured.iter().any(|key| key.grant.admin) {
            wrong.push(
                "require_keys: there is no administrator; give an admin_key_file, or a key with admin = true"
                    .to_owned(),
            );
        }
        if wrong.is_empty() {
            Ok(KeyPolicy {
                required,
                configured,
            })
        } else {
            Err(SettingsError::new(wrong))
        }
    }

    fn keys_of_the_file(&self) -> Result<Vec<KeyRecord>, String> {
        let Some(file) = &self.keys_file else {
            return Ok(Vec::new());
        };
        if !file.is_file() {
            return Err(format!("keys_file: there is no file {}", file.display()));
        }
        let read: Result<KeysFile, _> = Figment::from(Toml::file_exact(file)).extract();
        let keys = read.map_err(|error| format!("keys_file: {error}"))?.keys;
        let is_hash = |key: &&KeyRecord| {
            key.sha256.len() == 64 && key.sha256.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        match keys.iter().find(|key| !is_hash(key)) {
            Some(key) => Err(format!(
                "keys_file: the sha256 of the key {} is not 64 hex digits",
                key.id
            )),
            None => Ok(keys),
        }
    }

    fn admin(&self) -> Result<Option<KeyRecord>, String> {
        let text = match (&self.admin_key, &self.admin_key_file) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => {
                return Err("admin_key, admin_key_file: both are given".to_owned());
            }
            (Some(key), None) => key.clone(),
            (None, Some(file)) => fs::read_to_string(file)
                .map_err(|error| format!("admin_key_file: {}: {error}", file.display()))?,
        };
        let secret: KeySecret = text.trim().parse().map_err(|error| {
            format!("admin_key: {error}; `voicefleet keys generate --admin` makes one")
        })?;
        let tenant = "operators"
            .parse()
            .map_err(|error| format!("admin_key: {error}"))?;
        let grant = NewKey {
            tenant,
            name: Some("the admin_key of the configuration".to_owned()),
            admin: true,
            walled: false,
            limits: KeyLimits::default(),
        };
        Ok(Some(KeyRecord::new(&secret, grant, Timestamp::default())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(options: &KeyOptions) -> String {
        options.read().expect_err("refused").to_string()
    }

    #[test]
    fn without_any_the_api_is_open() {
        assert!(!KeyOptions::default().read().expect("fine").required);
    }

    #[test]
    fn an_administrator_makes_keys_wanted() {
        let secret = KeySecret::generate();
        let options = KeyOptions {
            admin_key: Some(format!("{}\n", secret.reveal())),
            ..KeyOptions::default()
        };
        let policy = options.read().expect("fine");
        assert!(policy.required && policy.configured[0].admits(&secret));
    }

    #[test]
    fn what_is_wrong_is_named_and_no_secret_told() {
        let options = KeyOptions {
            require_keys: true,
            ..KeyOptions::default()
        };
        assert!(refusal(&options).contains("administrator"));
        let options = KeyOptions {
            admin_key: Some("hunter2".to_owned()),
            ..KeyOptions::default()
        };
        assert!(refusal(&options).contains("keys generate"));
        assert!(!refusal(&options).contains("hunter2"));
        let options = KeyOptions {
            keys_file: Some("/nowhere/keys.toml".into()),
            ..KeyOptions::default()
        };
        assert!(refusal(&options).contains("/nowhere/keys.toml"));
    }

    #[test]
    fn a_file_of_keys_is_read_whole_or_not_at_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("keys.toml");
        let secret = KeySecret::generate();
        let good = format!(
            "[[keys]]\nid = \"{}\"\nsha256 = \"{}\"\ngrant = {{ tenant = \"acme\", admin = true, \
             limits = {{ highest_tier = \"standard\" }} }}\n",
            secret.id(),
            secret.hash()
        );
        let options = KeyOptions {
            keys_file: Some(file.clone()),
            ..KeyOptions::default()
        };
        std::fs::write(&file, &good).expect("written");
        let policy = options.read().expect("fine");
        assert!(policy.configured[0].admits(&secret));
        for (bad, word) in [
            (good.replace("acme", "Acme"), "Acme"),
            (good.replace("tenant", "tennant"), "tennant"),
            (good.replace(&secret.hash(), "abc"), "64 hex"),
            (format!("{good}{good}"), "twice"),
        ] {
            std::fs::write(&file, bad).expect("written");
            assert!(refusal(&options).contains(word), "{}", refusal(&options));
        }
    }
}
