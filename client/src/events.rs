//! A job's way, as it goes.

use std::{collections::VecDeque, time::Duration};

use futures::{Stream, stream};
use reqwest::{Method, Response, StatusCode, header::HeaderValue};
use tokio::time::{Instant, sleep, timeout};

use crate::{
    Client, ClientError, Job,
    backoff::pause,
    error::of_network,
    open::open_enum,
    sse::{Event, EventReader},
};

/// The server says every 15 s, unless configured otherwise, that it is still there.
const SILENCE: Duration = Duration::from_secs(45);

open_enum! {
    /// What has happened to a job.
    JobEventKind {
        /// It waits for a worker, for the first time or again.
        Queued = "job.queued",
        /// A worker has begun with it.
        Running = "job.running",
        /// It has come further.
        Progress = "job.progress",
        /// It has a result.
        Succeeded = "job.succeeded",
        /// It could not be done.
        Failed = "job.failed",
        /// It was withdrawn.
        Cancelled = "job.cancelled",
        /// Its deadline passed.
        Expired = "job.expired",
    }
}

/// Something that has happened to a job.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct JobEvent {
    /// Where the job stood then: whoever comes back with it is told what is new since.
    pub id: String,
    /// What has happened. Of moves in quick succession only the last may be told.
    pub kind: JobEventKind,
    /// The job as it was then.
    pub job: Job,
}

impl Client {
    /// What happens to a job from now on, beginning with where it stands. The stream ends after the event that
    /// the job has ended with.
    ///
    /// The first connection must come about; from then on, a stream that breaks off is taken up where it was,
    /// and outages of the server are sat out. `within` that time the job must have ended, or the stream
    /// ends with [`ClientError::Timeout`].
    pub fn events(
        &self,
        id: &str,
        within: Duration,
    ) -> impl Stream<Item = Result<JobEvent, ClientError>> + Send + use<> {
        let follower = Follower {
            client: self.clone(),
            job_id: id.to_owned(),
            last_id: None,
            connection: None,
            come: VecDeque::new(),
            failures: 0,
            is_known: false,
            within,
            deadline: Instant::now() + within,
            has_ended: false,
        };
        stream::try_unfold(follower, Follower::next)
    }
}

struct Follower {
    client: Client,
    job_id: String,
    /// Of the last event that was given.
    last_id: Option<String>,
    connection: Option<Connection>,
    /// Events that have come and have not been given yet.
    come: VecDeque<Event>,
    /// Breaks since the last event.
    failures: u32,
    /// Whether there has been a connection.
    is_known: bool,
    within: Duration,
    deadline: Instant,
    has_ended: bool,
}

struct Connection {
    response: Response,
    reader: EventReader,
}

impl Follower {
    async fn next(mut self) -> Result<Option<(JobEvent, Self)>, ClientError> {
        let late = ClientError::Timeout {
            what: "the job",
            limit: self.within,
        };
        let deadline = self.deadline;
        match tokio::time::timeout_at(deadline, self.event()).await {
            Ok(event) => Ok(event?.map(|event| (event, self))),
            Err(_) => Err(late),
        }
    }

    /// The next event; `None` if there is none to come.
    async fn event(&mut self) -> Result<Option<JobEvent>, ClientError> {
        loop {
            if self.has_ended {
                return Ok(None);
            }
            if let Some(event) = self.come.pop_front() {
                if let Some(event) = self.told(event)? {
                    return Ok(Some(event));
                }
                continue;
            }
            match self.more().await {
                Ok(()) => {}
                Err(error) if self.is_known && error.is_transient() => self.rest(&error).await,
                Err(error) => return Err(error),
            }
        }
    }

    /// What the event says of the job. One without an id or a name is none of the API's, and one of a kind that is
    /// newer than this crate still has the job.
    fn told(&mut self, event: Event) -> Result<Option<JobEvent>, ClientError> {
        let (Some(id), false) = (event.id, event.name.is_empty()) else {
            return Ok(None);
        };
        let job: Job = serde_json::from_str(&event.data)
            .map_err(|error| self.unexpected(&error.to_string()))?;
        self.failures = 0;
        self.has_ended = job.status.is_final();
        self.last_id = Some(id.clone());
        let kind = JobEventKind::from(event.name.as_str());
        Ok(Some(JobEvent { id, kind, job }))
    }

    /// Waits for more of the stream, opening it first if need be. Whatever goes wrong, the next one is a new one.
    async fn more(&mut self) -> Result<(), ClientError> {
        let connection = match self.connection.take() {
            Some(connection) => Some(connection),
            None => self.open().await?,
        };
        let Some(mut connection) = connection else {
            self.has_ended = true;
            return Ok(());
        };
        self.is_known = true;
        let silent = |_| ClientError::Timeout {
            what: "the next sign of life",
            limit: SILENCE,
        };
        let base = self.client.base();
        let piece = timeout(SILENCE, connection.response.chunk())
            .await
            .map_err(silent)?
            .map_err(|error| of_network(base, &error))?;
        let Some(piece) = piece else {
            return Err(ClientError::Interrupted {
                base: base.to_owned(),
                reason: "the stream ended before the job".to_owned(),
            });
        };
        let come = connection.reader.feed(&piece);
        let come = come.map_err(|_| self.unexpected("an event without end"))?;
        self.come.extend(come);
        self.connection = Some(connection);
        Ok(())
    }

    /// `None` if the job has ended and its last event has been given.
    async fn open(&self) -> Result<Option<Connection>, ClientError> {
        let path = ["v1", "jobs", self.job_id.as_str(), "events"];
        let call = self.client.call(Method::GET, path);
        let last = self.last_id.as_deref().map(HeaderValue::from_str);
        let call = match last {
            Some(Ok(last)) => call.header("last-event-id", last),
            _ => call,
        };
        let response = call.response().await?;
        let is_over = response.status() == StatusCode::NO_CONTENT;
        Ok((!is_over).then(|| Connection {
            response,
            reader: EventReader::default(),
        }))
    }

    async fn rest(&mut self, error: &ClientError) {
        self.failures += 1;
        let longest = self.client.parts.settings.longest_pause;
        let asked = error.retry_after();
        let rest = pause(self.failures, asked, longest, fastrand::f64());
        sleep(rest.unwrap_or(longest)).await;
    }

    fn unexpected(&self, reason: &str) -> ClientError {
        ClientError::Unexpected {
            base: self.client.base().to_owned(),
            reason: reason.to_owned(),
            status: None,
            retry_after: None,
        }
    }
}
