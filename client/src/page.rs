//! Lists that come in pages.

use std::collections::VecDeque;

use futures::{Stream, stream};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{Client, ClientError};

/// The largest page that the server gives.
const PAGE: u32 = 100;

#[derive(Deserialize)]
struct Page<T> {
    data: VecDeque<T>,
    has_more: bool,
    last_id: Option<String>,
}

/// A list that is not paged.
#[derive(Deserialize)]
pub(crate) struct Whole<T> {
    pub(crate) data: Vec<T>,
}

/// What is listed, and how far it has been.
pub(crate) struct Listing {
    client: Client,
    path: Vec<String>,
    filter: Vec<(&'static str, String)>,
    after: Option<String>,
    is_over: bool,
}

impl Listing {
    pub(crate) fn new<'a>(client: &Client, path: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            client: client.clone(),
            path: path.into_iter().map(str::to_owned).collect(),
            filter: Vec::new(),
            after: None,
            is_over: false,
        }
    }

    /// Only those with that value, if there is one.
    pub(crate) fn only(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        self.filter
            .extend(value.map(|value| (name, value.to_string())));
        self
    }

    /// One item after the other. A page is asked for when the one before is used up; after an error the stream ends.
    pub(crate) fn items<T>(self) -> impl Stream<Item = Result<T, ClientError>> + Send + use<T>
    where
        T: DeserializeOwned + Send,
    {
        let begun = (self, VecDeque::new());
        stream::try_unfold(begun, |(mut listing, mut page)| async move {
            while page.is_empty() {
                if listing.is_over {
                    return Ok(None);
                }
                page = listing.next_page().await?;
            }
            Ok(page.pop_front().map(|item| (item, (listing, page))))
        })
    }

    async fn next_page<T: DeserializeOwned>(&mut self) -> Result<VecDeque<T>, ClientError> {
        let path = self.path.iter().map(String::as_str);
        let mut call = self
            .client
            .call(reqwest::Method::GET, path)
            .query("limit", Some(PAGE))
            .query("after", self.after.take());
        for (name, value) in &self.filter {
            call = call.query(name, Some(value));
        }
        let page: Page<T> = call.json().await?;
        // Whoever says that there is more must say after what, or it would be asked for without end.
        self.is_over = !page.has_more || page.last_id.is_none() || page.data.is_empty();
        self.after = page.last_id;
        Ok(page.data)
    }
}
