//! The parts of a URL. Ours may name several hosts, which no library for URLs reads.

use super::settings::Settings;

/// What the host or hosts are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Server,
    Sentinels,
    Cluster,
}

/// A URL, taken apart.
pub(super) struct Parts<'a> {
    pub(super) kind: Kind,
    pub(super) tls: bool,
    /// With the `@` behind it, or nothing.
    pub(super) user: &'a str,
    pub(super) hosts: Vec<&'a str>,
    pub(super) path: &'a str,
    pub(super) settings: Settings,
}

impl<'a> Parts<'a> {
    /// `None` if the scheme is none of ours, else the parts or what is wrong with them.
    pub(super) fn of(url: &'a str) -> Option<Result<Self, String>> {
        let (scheme, rest) = url.split_once("://")?;
        let (tls, kind) = match scheme {
            "redis" => (false, Kind::Server),
            "rediss" => (true, Kind::Server),
            "redis+sentinel" => (false, Kind::Sentinels),
            "rediss+sentinel" => (true, Kind::Sentinels),
            "redis+cluster" => (false, Kind::Cluster),
            "rediss+cluster" => (true, Kind::Cluster),
            _ => return None,
        };
        Some(Self::of_rest(kind, tls, rest))
    }

    fn of_rest(kind: Kind, tls: bool, rest: &'a str) -> Result<Self, String> {
        if rest.contains('#') {
            return Err("a # must be written as %23".to_owned());
        }
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = place.split_once('/').unwrap_or((place, ""));
        let at = authority.rfind('@').map_or(0, |at| at + 1);
        let (user, hosts) = authority.split_at(at);
        Ok(Self {
            kind,
            tls,
            user,
            hosts: hosts.split(',').collect(),
            path,
            settings: Settings::parse(query)?,
        })
    }
}
