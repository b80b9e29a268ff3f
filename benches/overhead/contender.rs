//! Who is measured.

use crate::{
    celery::{Celery, Settings},
    fleet::Fleet,
    options::Servers,
    ours,
};

/// A fleet that can be started.
#[derive(Clone, PartialEq)]
pub(crate) enum Contender {
    Ours,
    Celery(Celery, Settings),
}

impl Contender {
    pub(crate) async fn start(&self, servers: &Servers, clients: usize) -> anyhow::Result<Fleet> {
        let fleet = match self {
            Self::Ours => ours::start(servers),
            Self::Celery(celery, settings) => celery.start(servers, settings),
        }?;
        fleet.warm_up(clients).await?;
        Ok(fleet)
    }
}
