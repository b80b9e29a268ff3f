//! Where the broker is, as a URL says it.

use std::{fmt, str::FromStr};

use lapin::uri::AMQPUri;
use url::{Host, Url};

/// `amqp://user:password@host:port/vhost`, or `amqps://` for TLS. What is left out is the broker's own default (`guest`,
/// 5672 or 5671, `/`), but for the host. Shown without user and password.
#[derive(Clone, PartialEq)]
pub struct Address(AMQPUri);

/// Why a URL is no address of a broker. It is not repeated: it may hold a password.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum AddressError {
    /// Of another form.
    #[error("not like amqp://user:password@host:port/vhost")]
    Form,
    /// Something else than RabbitMQ.
    #[error("begins with {0}://, and RabbitMQ is reached by amqp:// or amqps://")]
    Scheme(String),
    /// It would be looked for on this machine.
    #[error("names no host")]
    Host,
    /// The rest: what is not UTF-8 once decoded, or a parameter that is none.
    #[error("cannot be read: {0}")]
    Rest(String),
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let url = Url::parse(text).map_err(|_| AddressError::Form)?;
        if url.cannot_be_a_base() {
            return Err(AddressError::Form);
        }
        if !matches!(url.scheme(), "amqp" | "amqps") {
            return Err(AddressError::Scheme(url.scheme().to_owned()));
        }
        let mut uri: AMQPUri = text.parse().map_err(AddressError::Rest)?;
        match url.host() {
            None => return Err(AddressError::Host),
            Some(Host::Domain(_)) => {}
            // lapin (4.12) would go to localhost.
            Some(Host::Ipv4(ip)) => uri.authority.host = ip.to_string(),
            Some(Host::Ipv6(ip)) => uri.authority.host = ip.to_string(),
        }
        Ok(Self(uri))
    }
}

impl Address {
    /// As lapin takes it, with `heartbeat` seconds unless it says otherwise itself.
    pub(crate) fn with_heartbeat(&self, heartbeat: u16) -> AMQPUri {
        let mut uri = self.0.clone();
        uri.query.heartbeat.get_or_insert(heartbeat);
        uri
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AMQPUri { scheme, vhost, .. } = &self.0;
        let (host, port) = (&self.0.authority.host, self.0.authority.port);
        write!(f, "{scheme}://{host}:{port}/{vhost}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host_of(text: &str) -> String {
        let address: Address = text.parse().expect("an address");
        address.with_heartbeat(10).authority.host
    }

    #[test]
    fn a_host_is_taken_as_it_is_named() {
        assert_eq!(host_of("amqp://user:pass@broker:5672/%2f"), "broker");
        assert_eq!(host_of("amqp://127.0.0.1"), "127.0.0.1");
        assert_eq!(
            host_of("amqps://user:pass@[2001:db8::7]:5671"),
            "2001:db8::7"
        );
    }

    #[test]
    fn what_is_no_address_is_not_repeated() {
        for wrong in [
            "",
            "broker",
            "user:secret@broker",
            "amqp:user:secret@broker",
        ] {
            assert_eq!(wrong.parse::<Address>(), Err(AddressError::Form), "{wrong}");
        }
        for (wrong, says) in [
            ("http://user:secret@broker", "begins with http://"),
            ("amqp:///vhost", "names no host"),
            ("amqp://user:secret@broker?heartbeat=often", "invalid digit"),
        ] {
            let error = wrong.parse::<Address>().expect_err(wrong).to_string();
            assert!(error.contains(says), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn an_address_is_shown_without_its_password() {
        let address: Address = "amqp://user:secret@broker/fleet".parse().expect("one");
        assert_eq!(format!("{address:?}"), "amqp://broker:5672/fleet");
    }
}
