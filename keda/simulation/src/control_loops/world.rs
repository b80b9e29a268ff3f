//! An autoscaler over pods and a scripted metric.

use std::time::Duration;

use voicefleet_core::Timestamp;

use super::{Autoscaler, Cause, Change, HpaSettings, Reading, ScaledObject, ScalerError, Workload};
use crate::agenda::Agenda;

/// When things begin and how long they take.
#[derive(Clone, Debug, PartialEq)]
pub struct WorldSettings {
    /// The beginning by the wall clock. Only its part of a second matters, since KEDA stores whole ones.
    pub began: Timestamp,
    /// From the beginning to KEDA's first check; `None` leaves KEDA out.
    pub first_poll: Option<Duration>,
    /// From the beginning to the HPA controller's first sync.
    pub first_sync: Duration,
    /// From a change of the replicas to its pods existing.
    pub pod_lag: Duration,
    /// From a pod's existence to its readiness.
    pub start_up: Duration,
    /// The HPA controller's own settings.
    pub hpa: HpaSettings,
}

impl Default for WorldSettings {
    fn default() -> Self {
        Self {
            began: Timestamp(0),
            first_poll: Some(Duration::ZERO),
            first_sync: Duration::ZERO,
            pod_lag: Duration::from_millis(200),
            start_up: Duration::from_secs(5),
            hpa: HpaSettings::default(),
        }
    }
}

/// A change that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicaChange {
    /// Time since the beginning.
    pub at: Duration,
    /// Replicas before.
    pub from: u32,
    /// Replicas after.
    pub to: u32,
    /// Why.
    pub cause: Cause,
}

#[derive(Debug)]
enum Event {
    Poll,
    Sync,
    Push,
    ByHand(u32),
}

/// Pods, a scripted metric and an autoscaler between them, in virtual time.
#[derive(Debug)]
pub struct World {
    settings: WorldSettings,
    autoscaler: Autoscaler,
    script: Vec<(Duration, Result<Reading, ScalerError>)>,
    agenda: Agenda<Event>,
    replicas: u32,
    /// Since when each pod exists; the oldest first.
    pods: Vec<Timestamp>,
    changes: Vec<ReplicaChange>,
}

impl World {
    /// A world at its beginning, without replicas. Each answer of the script, sorted by time since the
    /// beginning, holds until the next one; before the first there is nothing to do.
    pub fn new(
        object: ScaledObject,
        script: Vec<(Duration, Result<Reading, ScalerError>)>,
        settings: WorldSettings,
    ) -> Self {
        let mut agenda = Agenda::new();
        if let Some(first_poll) = settings.first_poll {
            agenda.enter(settings.began.after(first_poll), Event::Poll);
        }
        agenda.enter(settings.began.after(settings.first_sync), Event::Sync);
        Self {
            autoscaler: Autoscaler::new(object, settings.hpa, settings.began),
            settings,
            script,
            agenda,
            replicas: 0,
            pods: Vec::new(),
            changes: Vec::new(),
        }
    }

    /// Has the scaler push `true`, `after` the beginning.
    #[must_use]
    pub fn with_push(mut self, after: Duration) -> Self {
        self.agenda
            .enter(self.settings.began.after(after), Event::Push);
        self
    }

    /// Has somebody set the replicas, `after` the beginning.
    #[must_use]
    pub fn with_replicas_set(mut self, after: Duration, replicas: u32) -> Self {
        let at = self.settings.began.after(after);
        self.agenda.enter(at, Event::ByHand(replicas));
        self
    }

    /// Lets time pass until `end` after the beginning; all changes so far.
    pub fn run_until(&mut self, end: Duration) -> &[ReplicaChange] {
        let end = self.settings.began.after(end);
        while let Some((now, event)) = self.agenda.next_until(end) {
            if let Some(change) = self.change_by(&event, now) {
                self.scale(now, change);
            }
        }
        &self.changes
    }

    fn change_by(&mut self, event: &Event, now: Timestamp) -> Option<Change> {
        let answer = self.answer(now);
        match *event {
            Event::Poll => {
                let next = now.after(self.autoscaler.object().polling_interval);
                self.agenda.enter(next, Event::Poll);
                self.autoscaler.poll(now, self.replicas, answer)
            }
            Event::Sync => {
                let next = now.after(self.settings.hpa.sync_period);
                self.agenda.enter(next, Event::Sync);
                self.autoscaler.sync(now, self.workload(now), answer)
            }
            Event::Push => self.autoscaler.push(now, self.replicas),
            Event::ByHand(replicas) => Some(Change {
                replicas,
                cause: Cause::ByHand,
            }),
        }
    }

    fn answer(&self, now: Timestamp) -> Result<Reading, ScalerError> {
        let elapsed = now.since(self.settings.began);
        let begun = self.script.iter().rev().find(|(from, _)| *from <= elapsed);
        begun.map_or(Ok(Reading::of(0.0)), |(_, answer)| *answer)
    }

    fn workload(&self, now: Timestamp) -> Workload {
        let older_than = |age: Duration| {
            let old = self.pods.iter().filter(|born| born.after(age) <= now);
            u32::try_from(old.count()).unwrap_or(u32::MAX)
        };
        Workload {
            wanted: self.replicas,
            existing: older_than(Duration::ZERO),
            ready: older_than(self.settings.start_up),
        }
    }

    fn scale(&mut self, now: Timestamp, change: Change) {
        let (from, to) = (self.replicas, change.replicas);
        if from == to {
            return;
        }
        self.changes.push(ReplicaChange {
            at: now.since(self.settings.began),
            from,
            to,
            cause: change.cause,
        });
        self.replicas = to;
        // Shrinking takes the youngest first. Kubernetes: pkg/controller/controller_utils.go:843-917
        self.pods
            .resize(to as usize, now.after(self.settings.pod_lag));
    }
}
