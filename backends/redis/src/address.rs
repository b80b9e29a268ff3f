//! Where a Redis is, as a URL says it.

use redis::{
    Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo,
    io::tcp::TcpSettings,
    sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType},
};

use crate::error::ConfigError;

const SENTINEL_SCHEME: &str = "redis+sentinel://";
const DIRECT_SCHEME: &str = "redis://";
const SENTINEL_PORT: u16 = 26_379;

/// A server, or the Sentinels that know which server it is at the moment.
pub(crate) enum Address {
    Server(Client),
    Sentinels(Box<SentinelClient>),
}

impl Address {
    /// Reads the URL of `store`. Returns also how to name it to people: without user and password.
    pub(crate) fn parse(store: &'static str, url: &str) -> Result<(Self, String), ConfigError> {
        if let Some(rest) = url.strip_prefix(SENTINEL_SCHEME) {
            return sentinels(store, rest);
        }
        if !url.starts_with(DIRECT_SCHEME) {
            return Err(ConfigError::Scheme { store });
        }
        let info = server(store, url)?;
        let name = info.addr().to_string();
        let client = Client::open(info).map_err(|_| unusable(store, "no such address"))?;
        Ok((Self::Server(client), name))
    }
}

fn unusable(store: &'static str, reason: impl Into<String>) -> ConfigError {
    let reason = reason.into();
    ConfigError::Url { store, reason }
}

/// Without the reason that the library gives, which may quote the URL.
fn server(store: &'static str, url: &str) -> Result<ConnectionInfo, ConfigError> {
    let info = url.into_connection_info();
    let info = info.map_err(|_| {
        unusable(
            store,
            "it is not of the form redis://user:password@host:port/db",
        )
    })?;
    Ok(info.set_tcp_settings(tcp_settings()))
}

/// Small requests go out at once, not when the last one has been acknowledged.
fn tcp_settings() -> TcpSettings {
    TcpSettings::default().set_nodelay(true)
}

fn sentinels(store: &'static str, rest: &str) -> Result<(Address, String), ConfigError> {
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, hosts) = match authority.rsplit_once('@') {
        Some((user, hosts)) => (format!("{user}@"), hosts),
        None => (String::new(), authority),
    };
    let (master, db) = path.split_once('/').unwrap_or((path, "0"));
    if master.is_empty() {
        return Err(unusable(
            store,
            "the name of the master is missing after the Sentinels' addresses",
        ));
    }
    let hosts: Vec<&str> = hosts.split(',').collect();
    let mut sentinels = Vec::with_capacity(hosts.len());
    for host in &hosts {
        sentinels.push(sentinel(store, host)?);
    }
    // The library reads user, password and database for us, as it does for a plain server.
    let settings = server(store, &format!("{DIRECT_SCHEME}{user}master/{db}"))?;
    let client = sentinel_client(sentinels, master, &settings)
        .map_err(|error| unusable(store, error.category()))?;
    let name = format!("the master {master} of the Sentinels {}", hosts.join(", "));
    Ok((Address::Sentinels(Box::new(client)), name))
}

fn sentinel(store: &'static str, host: &str) -> Result<ConnectionAddr, ConfigError> {
    let (name, port) = match host.rsplit_once(':') {
        // The colons of an IPv6 address without a port are inside its brackets.
        Some((name, port)) if !port.ends_with(']') => (name, port.parse().ok()),
        _ => (host, Some(SENTINEL_PORT)),
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    match port {
        Some(port) if !name.is_empty() => Ok(ConnectionAddr::Tcp(name.to_owned(), port)),
        _ => Err(unusable(
            store,
            "the address of a Sentinel is not of the form host:port",
        )),
    }
}

fn sentinel_client(
    sentinels: Vec<ConnectionAddr>,
    master: &str,
    settings: &ConnectionInfo,
) -> redis::RedisResult<SentinelClient> {
    let redis = settings.redis_settings();
    let mut builder = SentinelClientBuilder::new(sentinels, master, SentinelServerType::Master)?
        .set_client_to_redis_db(redis.db())
        .set_client_to_redis_tcp_settings(tcp_settings());
    if let Some(user) = redis.username() {
        builder = builder.set_client_to_redis_username(user);
    }
    if let Some(password) = redis.password() {
        builder = builder.set_client_to_redis_password(password);
    }
    builder.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_of(url: &str) -> Result<String, ConfigError> {
        Address::parse("the job records", url).map(|(_, name)| name)
    }

    #[test]
    fn a_server_is_named_without_its_password() {
        let named = name_of("redis://me:secret@cache.example:6380/2");
        assert_eq!(named.as_deref(), Ok("cache.example:6380"));
    }

    #[test]
    fn sentinels_are_read_with_master_and_database() {
        let url = "redis+sentinel://me:s%40crt@one:26380,two,[::1]:26381/main/3";
        let (address, name) = Address::parse("the cache", url).expect("a good URL");
        assert!(matches!(address, Address::Sentinels(_)));
        assert_eq!(
            name,
            "the master main of the Sentinels one:26380, two, [::1]:26381"
        );
    }

    #[test]
    fn what_cannot_be_used_is_refused_without_the_password() {
        for (url, about) in [
            ("rediss://:secret@host", "must begin with redis://"),
            ("host:6379", "must begin with redis://"),
            ("redis://:secret@host:port", "cannot be used"),
            ("redis+sentinel://:secret@one,two", "name of the master"),
            ("redis+sentinel://:secret@one:x/main", "host:port"),
            ("redis+sentinel://:secret@,one/main", "host:port"),
            ("redis+sentinel://:secret@one/main/x", "cannot be used"),
        ] {
            let refusal = name_of(url).expect_err(url).to_string();
            assert!(refusal.contains(about), "{url}: {refusal}");
            assert!(!refusal.contains("secret"), "{refusal}");
        }
    }
}
