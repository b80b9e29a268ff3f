//! The running server that a command speaks to.

use voicefleet_client::{Client, ClientError};

use crate::cli::ServerAddress;

/// A client of the server. Nothing is sent yet.
pub(crate) fn connect(address: &ServerAddress) -> anyhow::Result<Client> {
    let mut builder = Client::builder(&address.url);
    if let Some(key) = &address.api_key {
        builder = builder.api_key(key);
    }
    builder.build().map_err(|error| {
        let option = match &error {
            ClientError::Address(_) => "--url",
            _ => "--api-key",
        };
        anyhow::Error::new(error).context(option)
    })
}

/// What may help whoever typed the command, where the error alone does not.
pub(crate) fn advice(error: &anyhow::Error) -> Option<&'static str> {
    match error.downcast_ref::<ClientError>()? {
        ClientError::Unreachable { .. } => {
            Some("is it running, and is --url or VOICEFLEET_URL right?")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(url: &str, key: Option<&str>) -> String {
        let address = ServerAddress {
            url: url.to_owned(),
            api_key: key.map(str::to_owned),
        };
        let error = connect(&address).expect_err("refused");
        format!("{error:#}")
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        for url in ["", "localhost:8080", "/v1", "ftp://example.com"] {
            let error = refusal(url, None);
            let named = format!("--url: '{url}' is no address");
            assert!(error.starts_with(&named), "{error}");
        }
        let error = refusal("http://127.0.0.1:8080", Some("two\nlines"));
        assert!(error.starts_with("--api-key: an API key"), "{error}");
    }
}
