//! One post to a stranger's server.

use std::{
    error::Error,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use reqwest::{Client, Response, header, redirect};
use tokio::sync::OnceCell;
use voicefleet_core::Timestamp;

use crate::{
    UrlPolicy, UrlRefused,
    resolver::{AddressRefused, GuardedResolver, LookUp},
};

/// Longest post, from the look-up of the name to the end of the answer.
pub(crate) const POST_LASTS_AT_MOST: Duration = Duration::from_secs(20);
const CONNECT_LASTS_AT_MOST: Duration = Duration::from_secs(10);
/// How much of an answer's body is read, so that its connection can be used again.
const MAX_ANSWER: usize = 64 * 1024;
/// Connections kept open to one host, and for how long.
const IDLE_CONNECTIONS: usize = 4;
const IDLE_FOR: Duration = Duration::from_secs(30);
/// Longest description of an error, characters.
const MAX_ERROR: usize = 200;

/// Posts to whatever the policy allows.
pub(crate) struct Courier {
    /// Made for the first post: it reads all the certificates of the system, which takes as long as all the
    /// rest of a start, and most servers have no webhooks.
    client: OnceCell<Client>,
    policy: UrlPolicy,
    look_up: LookUp,
}

/// What is posted.
pub(crate) struct Parcel {
    pub(crate) url: String,
    pub(crate) id: String,
    /// Unix seconds.
    pub(crate) timestamp: i64,
    pub(crate) signatures: String,
    pub(crate) body: String,
}

/// What the receiver answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PostError {
    #[error("no HTTP client: {0}")]
    NoClient(String),
    #[error(transparent)]
    Url(#[from] UrlRefused),
    #[error(transparent)]
    Address(AddressRefused),
    #[error("no answer within {} s", POST_LASTS_AT_MOST.as_secs())]
    TimedOut,
    #[error("not connected: {0}")]
    NotConnected(String),
    #[error("the connection broke: {0}")]
    Broken(String),
}

impl Courier {
    pub(crate) fn new(policy: UrlPolicy, look_up: LookUp) -> Self {
        Self {
            client: OnceCell::new(),
            policy,
            look_up,
        }
    }

    /// Fails if the TLS library cannot be set up.
    async fn client(&self) -> Result<&Client, PostError> {
        let made = self.client.get_or_try_init(|| async { self.make_client() });
        made.await
            .map_err(|error| PostError::NoClient(error.to_string()))
    }

    fn make_client(&self) -> Result<Client, reqwest::Error> {
        let (policy, look_up) = (self.policy, self.look_up.clone());
        Client::builder()
            .timeout(POST_LASTS_AT_MOST)
            .connect_timeout(CONNECT_LASTS_AT_MOST)
            .redirect(redirect::Policy::none())
            // A proxy would look names up by itself.
            .no_proxy()
            .https_only(!policy.allow_http)
            .dns_resolver(Arc::new(GuardedResolver { policy, look_up }))
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .pool_idle_timeout(IDLE_FOR)
            .user_agent(concat!("Voicefleet-Webhooks/", env!("CARGO_PKG_VERSION")))
            .build()
    }

    /// Posts once. `now` is what dates in the answer are compared with.
    pub(crate) async fn post(&self, parcel: Parcel, now: Timestamp) -> Result<Answer, PostError> {
        // Also here, for what was allowed when the endpoint was made need not be allowed now, and the
        // resolver is not asked for what is an address already.
        let url = self.policy.check(&parcel.url)?;
        let post = (self.client().await?)
            .post(url)
            .header(header::CONTENT_TYPE, "application/json")
            .header("webhook-id", parcel.id)
            .header("webhook-timestamp", parcel.timestamp)
            .header("webhook-signature", parcel.signatures)
            .body(parcel.body);
        let response = post.send().await.map_err(|error| described(&error))?;
        let answer = Answer {
            status: response.status().as_u16(),
            retry_after: retry_after(&response, now),
        };
        read_up(response).await;
        Ok(answer)
    }
}

/// The status is the answer; what becomes of the body is not.
async fn read_up(mut response: Response) {
    let mut room = MAX_ANSWER;
    while let Ok(Some(chunk)) = response.chunk().await {
        let Some(left) = room.checked_sub(chunk.len()) else {
            return;
        };
        room = left;
    }
}

/// Seconds, or a date.
fn retry_after(response: &Response, now: Timestamp) -> Option<Duration> {
    let text = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?;
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    let millis = date.duration_since(UNIX_EPOCH).ok()?.as_millis();
    Some(Timestamp(i64::try_from(millis).ok()?).since(now))
}

fn described(error: &reqwest::Error) -> PostError {
    let mut cause: &dyn Error = error;
    while let Some(deeper) = cause.source() {
        if let Some(refused) = deeper.downcast_ref::<AddressRefused>() {
            return PostError::Address(refused.clone());
        }
        cause = deeper;
    }
    let why: String = cause.to_string().chars().take(MAX_ERROR).collect();
    if error.is_timeout() {
        PostError::TimedOut
    } else if error.is_connect() {
        PostError::NotConnected(why)
    } else {
        PostError::Broken(why)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    const OPEN: UrlPolicy = UrlPolicy {
        allow_http: true,
        allow_private: true,
    };

    fn parcel(url: String) -> Parcel {
        Parcel {
            url,
            id: "msg_1".into(),
            timestamp: 1,
            signatures: "v1,x".into(),
            body: "{}".into(),
        }
    }

    /// Knows every name, as this host, and counts.
    fn counted(count: &Arc<AtomicUsize>) -> LookUp {
        let count = Arc::clone(count);
        Arc::new(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            Box::pin(async { Ok(vec!["127.0.0.1".parse().unwrap()]) })
        })
    }

    /// Reads one request and answers with `response`.
    async fn answer_once(listener: &TcpListener, response: &str) {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 4_096];
        let read = stream.read(&mut request).await.unwrap();
        assert!(read > 0);
        stream.write_all(response.as_bytes()).await.unwrap();
    }

    async fn posted(response: &str, now: Timestamp) -> (Result<Answer, PostError>, usize) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let count = Arc::default();
        let courier = Courier::new(OPEN, counted(&count));
        let answer = courier.post(parcel(format!("http://hook.example:{port}/")), now);
        let (answer, ()) = tokio::join!(answer, answer_once(&listener, response));
        (answer, count.load(Ordering::SeqCst))
    }

    #[tokio::test]
    async fn the_addresses_that_were_checked_are_those_that_are_connected_to() {
        let response = "HTTP/1.1 204 No Content\r\n\r\n";
        let (answer, look_ups) = posted(response, Timestamp(0)).await;
        assert_eq!(answer.unwrap().status, 204);
        assert_eq!(look_ups, 1);
    }

    #[tokio::test]
    async fn retry_after_is_seconds_or_a_date() {
        let cases = [
            ("60", Some(60)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(37)),
            ("soon", None),
        ];
        let now = Timestamp(784_111_740_000);
        for (text, seconds) in cases {
            let response =
                format!("HTTP/1.1 503 No\r\nretry-after: {text}\r\ncontent-length: 0\r\n\r\n");
            let (answer, _) = posted(&response, now).await;
            let expected = seconds.map(Duration::from_secs);
            assert_eq!(answer.unwrap().retry_after, expected, "{text}");
        }
    }

    #[tokio::test]
    async fn an_answer_that_breaks_off_after_its_head_is_an_answer() {
        let response = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this";
        let (answer, _) = posted(response, Timestamp(0)).await;
        assert_eq!(answer.unwrap().status, 200);
    }

    #[tokio::test]
    async fn what_is_not_public_is_not_connected_to() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let closed = UrlPolicy {
            allow_private: false,
            ..OPEN
        };
        let courier = Courier::new(closed, counted(&Arc::default()));
        let by_name = courier.post(parcel(format!("http://hook.example:{port}/")), Timestamp(0));
        let refused = by_name.await.unwrap_err();
        assert!(matches!(refused, PostError::Address(_)), "{refused}");
        let by_address = courier.post(parcel(format!("http://127.0.0.1:{port}/")), Timestamp(0));
        let refused = by_address.await.unwrap_err();
        assert!(matches!(refused, PostError::Url(_)), "{refused}");
        let nobody = futures::poll!(std::pin::pin!(listener.accept()));
        assert!(nobody.is_pending());
    }

    /// Public when it is asked for the first time, and this host from then on.
    fn rebound(count: &Arc<AtomicUsize>) -> LookUp {
        let count = Arc::clone(count);
        Arc::new(move |_| {
            let asked_before = count.fetch_add(1, Ordering::SeqCst) > 0;
            let found = if asked_before { "127.0.0.1" } else { "1.1.1.1" };
            Box::pin(async move { Ok(vec![found.parse().unwrap()]) })
        })
    }

    #[tokio::test]
    async fn a_name_that_leads_home_once_it_was_checked_is_refused_when_it_is_connected_to() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let closed = UrlPolicy {
            allow_private: false,
            ..OPEN
        };
        let (url, look_ups) = (format!("http://hook.example:{port}/"), Arc::default());
        let look_up = rebound(&look_ups);
        assert!(closed.check(&url).is_ok());
        let name = "hook.example".to_owned();
        let checked = GuardedResolver::addresses(closed, Arc::clone(&look_up), name).await;
        assert_eq!(checked.unwrap().len(), 1, "public so far");
        let courier = Courier::new(closed, look_up);
        let refused = courier.post(parcel(url), Timestamp(0)).await.unwrap_err();
        assert!(matches!(refused, PostError::Address(_)), "{refused}");
        assert_eq!(look_ups.load(Ordering::SeqCst), 2);
        assert!(futures::poll!(std::pin::pin!(listener.accept())).is_pending());
    }

    #[tokio::test]
    async fn plain_http_is_refused_unless_allowed() {
        let courier = Courier::new(UrlPolicy::default(), counted(&Arc::default()));
        let refused = courier
            .post(parcel("http://example.com/".into()), Timestamp(0))
            .await;
        assert_eq!(refused, Err(PostError::Url(UrlRefused::Scheme)));
    }
}
