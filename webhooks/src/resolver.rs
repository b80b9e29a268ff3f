//! Names become addresses here, at the moment of connecting, and only those that may be connected to.

use std::{io, net::IpAddr, net::SocketAddr, sync::Arc};

use futures::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::UrlPolicy;

/// Asks for the addresses of a name.
pub(crate) type LookUp =
    Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>;

/// A name with an address that may not be connected to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} has an address that is not public")]
pub(crate) struct AddressRefused(String);

/// Gives the addresses of a name only if all of them may be connected to. The connection is made to these
/// addresses and to no others, so a name that changes afterwards gains nothing.
pub(crate) struct GuardedResolver {
    pub(crate) policy: UrlPolicy,
    pub(crate) look_up: LookUp,
}

impl GuardedResolver {
    pub(crate) async fn addresses(
        policy: UrlPolicy,
        look_up: LookUp,
        name: String,
    ) -> Result<Vec<IpAddr>, Box<dyn std::error::Error + Send + Sync>> {
        let found = look_up(name.clone()).await?;
        if found.iter().all(|address| policy.allows(*address)) {
            Ok(found)
        } else {
            Err(AddressRefused(name).into())
        }
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (policy, look_up) = (self.policy, Arc::clone(&self.look_up));
        let name = name.as_str().to_owned();
        Box::pin(async move {
            let found = Self::addresses(policy, look_up, name).await?;
            // Port 0 stands for that of the URL.
            let found = found.into_iter().map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(found) as Addrs)
        })
    }
}

/// The operating system's look-up.
pub(crate) fn system_look_up() -> LookUp {
    Arc::new(|name| {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Answers one after the other.
    fn answering(answers: &[&[&str]]) -> LookUp {
        let mut answers: Vec<Vec<IpAddr>> = answers
            .iter()
            .map(|found| found.iter().map(|text| text.parse().unwrap()).collect())
            .collect();
        answers.reverse();
        let answers = Mutex::new(answers);
        Arc::new(move |_| {
            let found = answers.lock().unwrap().pop().expect("another look-up");
            Box::pin(async move { Ok(found) })
        })
    }

    async fn resolve(resolver: &GuardedResolver) -> Result<Vec<SocketAddr>, String> {
        let found = resolver.resolve("hook.example".parse().unwrap()).await;
        found
            .map(Iterator::collect)
            .map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_name_with_one_private_address_is_refused_whole() {
        let resolver = GuardedResolver {
            policy: UrlPolicy::default(),
            look_up: answering(&[&["1.1.1.1", "10.0.0.1"], &["1.1.1.1", "2600::1"]]),
        };
        let refused = resolve(&resolver).await.unwrap_err();
        assert_eq!(refused, "hook.example has an address that is not public");
        assert_eq!(resolve(&resolver).await.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn a_name_that_changes_is_checked_again() {
        let resolver = GuardedResolver {
            policy: UrlPolicy::default(),
            look_up: answering(&[&["1.1.1.1"], &["169.254.169.254"]]),
        };
        assert!(resolve(&resolver).await.is_ok());
        assert!(resolve(&resolver).await.is_err());
    }

    #[tokio::test]
    async fn the_systems_look_up_is_guarded_too() {
        let resolver = GuardedResolver {
            policy: UrlPolicy::default(),
            look_up: system_look_up(),
        };
        assert!(
            resolver
                .resolve("localhost".parse().unwrap())
                .await
                .is_err()
        );
    }
}
