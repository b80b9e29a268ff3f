//! One pool from its first job to its last.

use std::time::Duration;

use voicefleet_core::{Tier, Timestamp};

use super::{
    fleet::{Fleet, Phase, Running, WorkerId},
    ledger::Ledger,
    waiting::{JobIndex, Waiting},
};
use crate::{
    agenda::Agenda,
    control_loops::{Autoscaler, Cause, Change, HpaSettings, Reading},
    demand::{Demand, PoolLoad},
    scenario::{Pool, Scaling, Scenario},
};

const BEGIN: Timestamp = Timestamp(0);

/// From an arrival to `spec.replicas`, by a push: the median of 20 measured on the real operator.
const PUSH_DELAY: Duration = Duration::from_millis(14);

/// From a change of `spec.replicas` to pods that exist, as in the observed traces.
const POD_LAG: Duration = Duration::from_millis(200);

/// The loops are not in step; any moment between two polls will do.
const FIRST_SYNC: Duration = Duration::from_secs(7);

/// Beyond this no run goes on, so that a pool that does not get its jobs done is seen as such.
const PATIENCE: Duration = Duration::from_hours(24);

struct Job {
    arrival: Timestamp,
    tier: Tier,
    cost: Duration,
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Arrival(JobIndex),
    Poll,
    Sync,
    Push,
    Ready(WorkerId),
    Finished(WorkerId, JobIndex),
    GraceOver(WorkerId),
}

pub(super) struct PoolRun<'a> {
    pool: &'a Pool,
    demand: &'a dyn Demand,
    autoscaler: Option<Autoscaler>,
    hpa: HpaSettings,
    horizon: Timestamp,
    patience: Timestamp,
    jobs: Vec<Job>,
    agenda: Agenda<Event>,
    waiting: Waiting,
    fleet: Fleet,
    /// Cost of what waits and runs, by [`Tier::rank`].
    backlog: [Duration; 3],
    replicas: u32,
    ledger: Ledger,
}

impl<'a> PoolRun<'a> {
    pub(super) fn new(scenario: &'a Scenario, pool: &'a Pool, demand: &'a dyn Demand) -> Self {
        let arrivals = scenario.trace().arrivals().iter();
        let jobs: Vec<_> = arrivals
            .filter(|job| job.engine == pool.engine)
            .map(|job| Job {
                arrival: BEGIN.after(job.at),
                tier: job.tier,
                cost: whole_milliseconds(job.cost),
            })
            .collect();
        let last_arrival = jobs.last().map_or(BEGIN, |job| job.arrival);
        let work: Duration = jobs.iter().map(|job| job.cost).sum();
        let hpa = HpaSettings::default();
        let autoscaler = pool
            .scaled_object()
            .map(|object| Autoscaler::new(object, hpa, BEGIN));
        Self {
            pool,
            demand,
            autoscaler,
            hpa,
            horizon: BEGIN.after(scenario.horizon()),
            patience: last_arrival.after(work).after(PATIENCE),
            ledger: Ledger::of(jobs.len()),
            jobs,
            agenda: Agenda::new(),
            waiting: Waiting::default(),
            fleet: Fleet::default(),
            backlog: [Duration::ZERO; 3],
            replicas: 0,
        }
    }

    pub(super) fn play(mut self) -> Ledger {
        self.begin();
        let mut end = self.horizon;
        while let Some((now, event)) = self.agenda.next_until(self.time_limit()) {
            self.happen(now, event);
            end = end.max(now);
        }
        for worker in self.fleet.ids() {
            self.end_worker(end, worker);
        }
        self.ledger
    }

    fn begin(&mut self) {
        for (index, job) in self.jobs.iter().enumerate() {
            self.agenda.enter(job.arrival, Event::Arrival(index));
        }
        match self.pool.scaling {
            Scaling::Fixed { workers } => self.scale(
                BEGIN,
                Change {
                    replicas: workers,
                    cause: Cause::ByHand,
                },
            ),
            Scaling::Work { .. } | Scaling::Messages { .. } => {
                self.agenda.enter(BEGIN, Event::Poll);
                self.agenda.enter(BEGIN.after(FIRST_SYNC), Event::Sync);
            }
        }
    }

    /// When all is done, the run goes on until its horizon.
    fn time_limit(&self) -> Timestamp {
        if self.ledger.done() == self.jobs.len() {
            self.horizon
        } else {
            self.patience.max(self.horizon)
        }
    }

    fn happen(&mut self, now: Timestamp, event: Event) {
        match event {
            Event::Arrival(job) => self.arrive(now, job),
            Event::Ready(worker) => self.serve(now, worker),
            Event::Finished(worker, job) => self.finish(now, worker, job),
            Event::GraceOver(worker) => self.kill(now, worker),
            Event::Poll | Event::Sync | Event::Push => {
                if let Some(change) = self.consult(now, event) {
                    self.scale(now, change);
                }
            }
        }
    }

    fn arrive(&mut self, now: Timestamp, index: JobIndex) {
        let job = &self.jobs[index];
        let had_work = self.backlog.iter().any(|cost| !cost.is_zero());
        self.backlog[job.tier.rank()] += job.cost;
        self.waiting.join(job.tier, index);
        let pushes = matches!(self.pool.scaling, Scaling::Work { .. });
        if pushes && !had_work {
            self.agenda.enter(now.after(PUSH_DELAY), Event::Push);
        }
        self.hand_out(now);
    }

    /// Gives what waits to workers with free slots.
    fn hand_out(&mut self, now: Timestamp) {
        while self.waiting.len() > 0 {
            let Some(worker) = self.fleet.with_free_slot(self.pool.slots) else {
                break;
            };
            self.take_next(now, worker);
        }
    }

    fn serve(&mut self, now: Timestamp, id: WorkerId) {
        if let Some(worker) = self.fleet.get_mut(id) {
            worker.phase = Phase::Serving;
            self.hand_out(now);
        }
    }

    fn take_next(&mut self, now: Timestamp, id: WorkerId) {
        let Some(worker) = self.fleet.get_mut(id) else {
            return;
        };
        let Some(job) = self.waiting.take(&mut worker.rota) else {
            return;
        };
        if worker.running.is_empty() {
            worker.busy_since = now;
        }
        worker.running.push(Running { job, since: now });
        self.ledger.started(self.jobs[0].arrival, now);
        let end = now.after(self.jobs[job].cost);
        self.agenda.enter(end, Event::Finished(id, job));
    }

    /// Nothing to do where the worker was killed before.
    fn finish(&mut self, now: Timestamp, id: WorkerId, index: JobIndex) {
        let Some(worker) = self.fleet.get_mut(id) else {
            return;
        };
        let Some(place) = worker.running.iter().position(|run| run.job == index) else {
            return;
        };
        let running = worker.running.remove(place);
        self.ledger.computed(&running, now);
        if worker.running.is_empty() {
            self.ledger.rested(worker, now);
        }
        let drained = worker.phase == Phase::Draining && worker.running.is_empty();
        let job = &self.jobs[index];
        self.backlog[job.tier.rank()] -= job.cost;
        self.ledger
            .finished(job.tier, running.since.since(job.arrival));
        if drained {
            self.end_worker(now, id);
        }
        self.hand_out(now);
    }

    /// Asks the autoscaler, and enters its next turn.
    fn consult(&mut self, now: Timestamp, event: Event) -> Option<Change> {
        let answer = Ok(self.reading());
        let workload = self.fleet.workload(self.replicas, now);
        let autoscaler = self.autoscaler.as_mut()?;
        match event {
            Event::Poll => {
                let every = autoscaler.object().polling_interval;
                self.agenda.enter(now.after(every), Event::Poll);
                autoscaler.poll(now, self.replicas, answer)
            }
            Event::Sync => {
                self.agenda
                    .enter(now.after(self.hpa.sync_period), Event::Sync);
                autoscaler.sync(now, workload, answer)
            }
            _ => autoscaler.push(now, self.replicas),
        }
    }

    fn reading(&self) -> Reading {
        let load = PoolLoad {
            backlog: self.backlog,
            waiting: self.waiting.len() as u64,
            in_flight: self.fleet.in_flight() as u64,
            slots: self.pool.slots,
        };
        let messages = load.waiting + load.in_flight;
        let value = match self.pool.scaling {
            Scaling::Work { .. } => self.demand.workers(&load),
            Scaling::Messages { .. } | Scaling::Fixed { .. } => {
                u32::try_from(messages).unwrap_or(u32::MAX)
            }
        };
        Reading {
            value: f64::from(value),
            active: messages > 0,
        }
    }

    fn scale(&mut self, now: Timestamp, change: Change) {
        let (from, to) = (self.replicas, change.replicas);
        if from == to {
            return;
        }
        self.ledger.scaled(now, from, change);
        self.replicas = to;
        for _ in from..to {
            let born = now.after(POD_LAG);
            let worker = self.fleet.start(born);
            self.agenda
                .enter(born.after(self.pool.start_up), Event::Ready(worker));
        }
        let fewer = from.saturating_sub(to) as usize;
        for worker in self.fleet.victims(fewer, self.pool.deletion_cost) {
            self.stop(now, worker);
        }
    }

    /// SIGTERM.
    fn stop(&mut self, now: Timestamp, id: WorkerId) {
        let Some(worker) = self.fleet.get_mut(id) else {
            return;
        };
        worker.phase = Phase::Draining;
        if worker.running.is_empty() {
            self.end_worker(now, id);
        } else {
            self.agenda
                .enter(now.after(self.pool.grace), Event::GraceOver(id));
        }
    }

    /// SIGKILL, if it is still there: its jobs wait again.
    fn kill(&mut self, now: Timestamp, id: WorkerId) {
        let Some(worker) = self.end_worker(now, id) else {
            return;
        };
        for running in worker.iter().rev() {
            self.ledger.kills += 1;
            self.waiting
                .rejoin(self.jobs[running.job].tier, running.job);
        }
        self.hand_out(now);
    }

    /// Takes a worker out, and answers what it had in hand.
    fn end_worker(&mut self, now: Timestamp, id: WorkerId) -> Option<Vec<Running>> {
        let worker = self.fleet.end(id)?;
        for running in &worker.running {
            self.ledger.computed(running, now);
        }
        if !worker.running.is_empty() {
            self.ledger.rested(&worker, now);
        }
        self.ledger.ended(&worker, now);
        Some(worker.running)
    }
}

/// Virtual time has milliseconds; a job takes at least one.
fn whole_milliseconds(cost: Duration) -> Duration {
    let nearest = cost.saturating_add(Duration::from_micros(500)).as_millis();
    Duration::from_millis(u64::try_from(nearest.max(1)).unwrap_or(u64::MAX))
}
