//! Where a Redis is, as a URL says it.

mod parts;
mod settings;

use redis::{
    Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisError, TlsMode,
    cluster::{ClusterClient, ClusterClientBuilder},
    io::tcp::TcpSettings,
    sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType},
};

use self::{
    parts::{Kind, Parts},
    settings::Settings,
};
use crate::{error::ConfigError, link::Patience};

const SENTINEL_PORT: u16 = 26_379;

/// How often a call of a cluster is repeated on the node that a refusal has named, or after another one
/// has taken over.
const CLUSTER_RETRIES: u32 = 4;

/// The library waits for all nodes that are named, then for all that those name, also for silent ones.
/// There must be time left for the others.
const CLUSTER_ROUNDS: u32 = 4;

/// A server, the Sentinels that know which server it is at the moment, or the nodes of a cluster.
pub(crate) enum Address {
    Server(Box<Client>),
    Sentinels(Box<SentinelClient>),
    Cluster {
        client: Box<ClusterClient>,
        /// Each for itself.
        nodes: Vec<Client>,
    },
}

impl Address {
    /// Reads the URL of `store`. Returns also how to name it to people: without user and password.
    pub(crate) fn parse(
        store: &'static str,
        url: &str,
        patience: Patience,
    ) -> Result<(Self, String), ConfigError> {
        let parts = Parts::of(url).ok_or(ConfigError::Scheme { store })?;
        let address = parts.and_then(|parts| {
            if parts.tls {
                choose_cryptography();
            }
            match parts.kind {
                Kind::Server => server(&parts),
                Kind::Sentinels => sentinels(&parts),
                Kind::Cluster => cluster(&parts, patience),
            }
        });
        address.map_err(|reason| ConfigError::Url { store, reason })
    }
}

/// rustls would not choose between the two that are in the program. No effect if somebody has chosen.
fn choose_cryptography() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

fn server(parts: &Parts<'_>) -> Result<(Address, String), String> {
    let [host] = parts.hosts[..] else {
        return Err("it names several servers, which are neither Sentinels nor a cluster".into());
    };
    let info = info(parts, host, parts.path)?;
    let name = info.addr().to_string();
    let client = client(info, &parts.settings)?;
    Ok((Address::Server(Box::new(client)), name))
}

/// Without the reason that the library gives, which may quote the URL.
fn info(parts: &Parts<'_>, host: &str, db: &str) -> Result<ConnectionInfo, String> {
    let scheme = if parts.tls { "rediss" } else { "redis" };
    let url = format!("{scheme}://{}{host}/{db}", parts.user);
    let info = url.into_connection_info();
    let info = info.map_err(|_| "it is not of the form redis://user:password@host:port/db")?;
    Ok(info.set_tcp_settings(tcp_settings()))
}

fn client(info: ConnectionInfo, settings: &Settings) -> Result<Client, String> {
    let client = match &settings.trusted {
        Some(trusted) => Client::build_with_tls(info, trusted.clone()),
        None => Client::open(info),
    };
    client.map_err(|error| category(&error))
}

fn category(error: &RedisError) -> String {
    error.category().to_owned()
}

/// Small requests go out at once, not when the last one has been acknowledged.
fn tcp_settings() -> TcpSettings {
    TcpSettings::default().set_nodelay(true)
}

fn sentinels(parts: &Parts<'_>) -> Result<(Address, String), String> {
    let (master, db) = parts.path.split_once('/').unwrap_or((parts.path, "0"));
    if master.is_empty() {
        return Err("the name of the master is missing after the Sentinels' addresses".into());
    }
    // The library reads user, password and database for us, as it does for a plain server.
    let settings = info(parts, "master", db)?;
    let client = sentinel_client(parts, master, &settings)?;
    let hosts = parts.hosts.join(", ");
    let name = format!("the master {master} of the Sentinels {hosts}");
    Ok((Address::Sentinels(Box::new(client)), name))
}

fn sentinel(host: &str, tls: bool) -> Result<ConnectionAddr, String> {
    let (name, port) = match host.rsplit_once(':') {
        // The colons of an IPv6 address without a port are inside its brackets.
        Some((name, port)) if !port.ends_with(']') => (name, port.parse().ok()),
        _ => (host, Some(SENTINEL_PORT)),
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    let Some(port) = port.filter(|_| !name.is_empty()) else {
        return Err("the address of a Sentinel is not of the form host:port".into());
    };
    let host = name.to_owned();
    Ok(if tls {
        ConnectionAddr::TcpTls {
            host,
            port,
            insecure: false,
            tls_params: None,
        }
    } else {
        ConnectionAddr::Tcp(host, port)
    })
}

fn sentinel_client(
    parts: &Parts<'_>,
    master: &str,
    settings: &ConnectionInfo,
) -> Result<SentinelClient, String> {
    let sentinels = parts.hosts.iter().map(|host| sentinel(host, parts.tls));
    let sentinels: Vec<_> = sentinels.collect::<Result<_, _>>()?;
    let builder = SentinelClientBuilder::new(sentinels, master, SentinelServerType::Master);
    let redis = settings.redis_settings();
    let mut builder = builder
        .map_err(|error| category(&error))?
        .set_client_to_redis_db(redis.db())
        .set_client_to_redis_tcp_settings(tcp_settings());
    if let Some(user) = redis.username() {
        builder = builder.set_client_to_redis_username(user);
    }
    if let Some(password) = redis.password() {
        builder = builder.set_client_to_redis_password(password);
    }
    if let Some(user) = &parts.settings.sentinel_user {
        builder = builder.set_client_to_sentinel_username(user);
    }
    if let Some(password) = &parts.settings.sentinel_password {
        builder = builder.set_client_to_sentinel_password(password);
    }
    if parts.tls {
        builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
    }
    if let Some(trusted) = &parts.settings.trusted {
        builder = builder
            .set_client_to_redis_certificates(trusted.clone())
            .set_client_to_sentinel_certificates(trusted.clone());
    }
    builder.build().map_err(|error| category(&error))
}

fn cluster(parts: &Parts<'_>, patience: Patience) -> Result<(Address, String), String> {
    if !matches!(parts.path, "" | "0") {
        return Err("a cluster has no databases but 0".into());
    }
    let nodes = parts.hosts.iter().map(|host| info(parts, host, "0"));
    let nodes: Vec<_> = nodes.collect::<Result<_, _>>()?;
    let mut builder = ClusterClientBuilder::new(nodes.clone())
        .connection_timeout(patience.connect / CLUSTER_ROUNDS)
        .response_timeout(patience.response)
        .retries(CLUSTER_RETRIES)
        .tcp_settings(tcp_settings());
    if let Some(trusted) = &parts.settings.trusted {
        builder = builder.certs(trusted.clone());
    }
    let client = Box::new(builder.build().map_err(|error| category(&error))?);
    let nodes = nodes
        .into_iter()
        .map(|node| self::client(node, &parts.settings));
    let nodes = nodes.collect::<Result<_, _>>()?;
    let name = format!("the cluster of {}", parts.hosts.join(", "));
    Ok((Address::Cluster { client, nodes }, name))
}

#[cfg(test)]
mod tests {
    use std::{fs, time::Duration};

    use super::*;

    fn parse(url: &str) -> Result<(Address, String), ConfigError> {
        let patience = Patience {
            connect: Duration::from_secs(1),
            response: Duration::from_secs(1),
        };
        Address::parse("the job records", url, patience)
    }

    fn name_of(url: &str) -> Result<String, ConfigError> {
        parse(url).map(|(_, name)| name)
    }

    #[test]
    fn a_server_is_named_without_its_password() {
        for scheme in ["redis", "rediss"] {
            let named = name_of(&format!("{scheme}://me:secret@cache.example:6380/2"));
            assert_eq!(named.as_deref(), Ok("cache.example:6380"));
        }
    }

    #[test]
    fn sentinels_are_read_with_master_and_database() {
        for scheme in ["redis", "rediss"] {
            let url = format!(
                "{scheme}+sentinel://me:s%40crt@one:26380,two,[::1]:26381/main/3\
                 ?sentinel_user=you&sentinel_password=secret%26more"
            );
            let (address, name) = parse(&url).expect("a good URL");
            assert!(matches!(address, Address::Sentinels(_)));
            assert_eq!(
                name,
                "the master main of the Sentinels one:26380, two, [::1]:26381"
            );
        }
    }

    #[test]
    fn the_nodes_of_a_cluster_are_read() {
        for end in ["", "/", "/0"] {
            let url = format!("redis+cluster://me:s%40crt@one:7000,two,[::1]:7001{end}");
            let (address, name) = parse(&url).expect("a good URL");
            assert!(matches!(address, Address::Cluster { nodes, .. } if nodes.len() == 3));
            assert_eq!(name, "the cluster of one:7000, two, [::1]:7001");
        }
    }

    #[test]
    fn a_file_of_certificates_must_hold_some() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("ca.pem");
        let url = format!("rediss://host?ca_file={}", file.display());
        let refused = name_of(&url).expect_err("no file").to_string();
        assert!(refused.contains("cannot be read"), "{refused}");
        for nothing in ["", "-----BEGIN CERTIFICATE-----\nno\n"] {
            fs::write(&file, nothing).expect("written");
            let refused = name_of(&url).expect_err("no certificate").to_string();
            assert!(refused.contains("holds no certificate"), "{refused}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_refused_without_the_password() {
        for (url, about) in [
            ("http://:secret@host", "must begin with redis://"),
            ("host:6379", "must begin with redis://"),
            ("redis://:secret@host:port", "cannot be used"),
            ("redis+sentinel://:secret@one,two", "name of the master"),
            ("redis+sentinel://:secret@one:x/main", "host:port"),
            ("redis+sentinel://:secret@,one/main", "host:port"),
            ("redis+sentinel://:secret@one/main/x", "cannot be used"),
            ("redis://:secret@one,two", "several servers"),
            ("redis://:secret@one/0#insecure", "%23"),
            ("redis://:secret@one?password=secret", "no setting"),
            ("redis+cluster://:secret@one,two/1", "no databases"),
            ("redis+cluster://:secret@one,", "cannot be used"),
        ] {
            let refusal = name_of(url).expect_err(url).to_string();
            assert!(refusal.contains(about), "{url}: {refusal}");
            assert!(!refusal.contains("secret"), "{refusal}");
        }
    }
}
