//! What a consumer takes envelopes by.

use futures::future::try_join_all;
use lapin::Channel;
use tokio::task::JoinSet;

use crate::{
    connection::Broker,
    consumer::HANDS,
    doorbell::{Bell, Doorbell, Marks},
};

/// The channels of one consumer. They are lost together, and opened anew together.
pub(crate) struct Intake {
    /// For fetching: as many as may ask at the same time.
    pub(crate) hands: Vec<Channel>,
    /// For being fed, by [`Tier::rank`](voicefleet_core::Tier::rank).
    pub(crate) feeding: [Channel; 3],
    pub(crate) bell: Bell,
    /// Marks the lanes that the bell is rung for.
    _marking: JoinSet<()>,
}

impl Intake {
    /// Opens the channels, and hears the bell of the exchange `doorbell`. Something may wait in every lane.
    pub(crate) async fn open(
        broker: &Broker,
        doorbell: &str,
        marks: &Marks,
    ) -> lapin::Result<Self> {
        let hands = (0..HANDS).map(|_| broker.channel());
        let hands = try_join_all(hands).await?;
        let feeding = [
            broker.channel().await?,
            broker.channel().await?,
            broker.channel().await?,
        ];
        let doorbell = Doorbell::listen(broker, doorbell).await?;
        let bell = doorbell.bell();
        let mut marking = JoinSet::new();
        marking.spawn(doorbell.mark(marks.clone()));
        marks.mark_all();
        Ok(Self {
            hands,
            feeding,
            bell,
            _marking: marking,
        })
    }

    /// Whether all of it is there still.
    pub(crate) fn is_whole(&self) -> bool {
        let mut channels = self.hands.iter().chain(&self.feeding);
        self.bell.is_there() && channels.all(|channel| channel.status().connected())
    }
}
