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
    /// Envelopes may come that nobody waits for, kept from others until their channel is closed.
    is_spoilt: bool,
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
        let hands = try_join_all((0..HANDS).map(|_| broker.channel()));
        let feeding =
            async { tokio::try_join!(broker.channel(), broker.channel(), broker.channel()) };
        let doorbell = Doorbell::listen(broker, doorbell);
        let (hands, feeding, doorbell) = tokio::try_join!(hands, feeding, doorbell)?;
        let bell = doorbell.bell();
        let mut marking = JoinSet::new();
        marking.spawn(doorbell.mark(marks.clone()));
        marks.mark_all();
        Ok(Self {
            hands,
            feeding: feeding.into(),
            bell,
            is_spoilt: false,
            _marking: marking,
        })
    }

    /// Something was given up before the broker had answered.
    pub(crate) fn spoil(&mut self) {
        self.is_spoilt = true;
    }

    /// Whether all of it is there still, and of use.
    pub(crate) fn is_whole(&self) -> bool {
        let mut channels = self.hands.iter().chain(&self.feeding);
        !self.is_spoilt
            && self.bell.is_there()
            && channels.all(|channel| channel.status().connected())
    }
}
