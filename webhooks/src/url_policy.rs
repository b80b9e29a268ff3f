//! Which URLs may be endpoints.

use std::net::IpAddr;

use url::{Host, Url};

use crate::is_public;

/// Longest URL, bytes.
const MAX_LENGTH: usize = 2_000;
/// Ports from here on belong to whoever takes them.
const FIRST_FREE_PORT: u16 = 1_024;

/// What the operator allows beyond `https` to public addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UrlPolicy {
    /// Also `http`.
    pub allow_http: bool,
    /// Also addresses that are not public, for closed networks. Whoever may make an endpoint can then
    /// reach whatever the server can.
    pub allow_private: bool,
}

/// Why a URL may not be an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlRefused {
    /// It cannot be read.
    #[error("this is no absolute URL: {0}")]
    NotAUrl(String),
    /// It is too long.
    #[error("the URL has more than {MAX_LENGTH} bytes")]
    TooLong,
    /// Neither `https` nor, where the operator allows it, `http`.
    #[error("the URL must begin with https://")]
    Scheme,
    /// It has a name or password in it, which would go through logs.
    #[error("the URL must not have a user name or password in it; check the signature instead")]
    Userinfo,
    /// A port below 1024 other than 80 and 443.
    #[error("the port {0} is another service's; take 80, 443 or one from 1024 on")]
    Port(u16),
    /// An address that is not globally routable unicast.
    #[error("{0} is not a public address")]
    Address(IpAddr),
}

impl UrlPolicy {
    /// Reads and checks a URL. An address in it is checked here, in whatever way it is spelled; a name is
    /// checked whenever it is connected to.
    ///
    /// Ports from 1024 on are allowed, since test receivers and proxies have them. Below, 80 and 443 only: the
    /// rest belongs to services that are no HTTP servers, and some of them (mail) take orders from the
    /// lines of a stranger's request.
    pub fn check(self, text: &str) -> Result<Url, UrlRefused> {
        if text.len() > MAX_LENGTH {
            return Err(UrlRefused::TooLong);
        }
        let url = Url::parse(text).map_err(|error| UrlRefused::NotAUrl(error.to_string()))?;
        match url.scheme() {
            "https" => {}
            "http" if self.allow_http => {}
            _ => return Err(UrlRefused::Scheme),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(UrlRefused::Userinfo);
        }
        let port = url.port_or_known_default().unwrap_or_default();
        if !matches!(port, 80 | 443) && port < FIRST_FREE_PORT {
            return Err(UrlRefused::Port(port));
        }
        match literal(&url) {
            Some(address) if !self.allows(address) => Err(UrlRefused::Address(address)),
            _ => Ok(url),
        }
    }

    /// Whether `address` may be connected to.
    pub(crate) fn allows(self, address: IpAddr) -> bool {
        self.allow_private || is_public(address)
    }
}

fn literal(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(address.into()),
        Host::Domain(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: UrlPolicy = UrlPolicy {
        allow_http: false,
        allow_private: false,
    };

    #[test]
    fn an_address_is_refused_in_whatever_way_it_is_spelled() {
        for host in [
            "127.0.0.1",
            "127.1",
            "127.0.0.1.",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "%31%32%37.0.0.1",
            "１２７.0.0.1",
            "0",
            "169.254.169.254",
            "[::1]",
            "[::ffff:10.0.0.1]",
            "[fd00::1]",
        ] {
            let refused = STRICT.check(&format!("https://{host}/hook"));
            assert!(
                matches!(refused, Err(UrlRefused::Address(_))),
                "{host}: {refused:?}"
            );
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let long = format!("https://example.com/{}", "a".repeat(2_000));
        let cases = [
            ("http://example.com/", UrlRefused::Scheme),
            ("ftp://example.com/", UrlRefused::Scheme),
            ("file:///etc/passwd", UrlRefused::Scheme),
            ("https://me@example.com/", UrlRefused::Userinfo),
            ("https://:secret@example.com/", UrlRefused::Userinfo),
            ("https://example.com:25/", UrlRefused::Port(25)),
            ("https://example.com:0/", UrlRefused::Port(0)),
            (long.as_str(), UrlRefused::TooLong),
        ];
        for (url, why) in cases {
            assert_eq!(STRICT.check(url), Err(why), "{url}");
        }
        for url in ["/hook", "https://", "example.com", ""] {
            let refused = STRICT.check(url);
            assert!(matches!(refused, Err(UrlRefused::NotAUrl(_))), "{url}");
        }
    }

    #[test]
    fn what_the_operator_allows_is_allowed() {
        for url in [
            "https://example.com/hook?a=b",
            "https://example.com:8443",
            "https://1.1.1.1/",
            "https://example.com:80/",
        ] {
            assert!(STRICT.check(url).is_ok(), "{url}");
        }
        let open = UrlPolicy {
            allow_http: true,
            allow_private: true,
        };
        assert!(open.check("http://127.0.0.1:8080/").is_ok());
        assert_eq!(
            open.check("http://127.0.0.1:22/"),
            Err(UrlRefused::Port(22))
        );
    }
}
