//! Files on their way to the server.

use std::{borrow::Cow, path::PathBuf};

use bytes::Bytes;
use reqwest::{Body, multipart};
use tokio::fs::File;

use crate::ClientError;

/// A file to be sent. It can be sent again, so that an attempt that failed is not the last.
#[derive(Clone, Debug)]
pub struct Upload {
    name: String,
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    Bytes(Bytes),
    File(PathBuf),
}

impl Upload {
    /// From memory. `name` is what it is called on the server.
    pub fn bytes(name: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        Self {
            name: name.into(),
            source: Source::Bytes(bytes.into()),
        }
    }

    /// From a file, which is read while it is sent, piece by piece. It is called what it is called here.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let name = path.file_name().map(|name| name.to_string_lossy());
        Self {
            name: name.map_or_else(|| "file".to_owned(), Cow::into_owned),
            source: Source::File(path),
        }
    }

    async fn part(&self) -> Result<multipart::Part, ClientError> {
        let part = match &self.source {
            Source::Bytes(bytes) => {
                let length = bytes.len() as u64;
                multipart::Part::stream_with_length(Body::from(bytes.clone()), length)
            }
            Source::File(path) => {
                let failed = |source| ClientError::File {
                    path: path.clone(),
                    source,
                };
                let file = File::open(path).await.map_err(failed)?;
                let length = file.metadata().await.map_err(failed)?.len();
                multipart::Part::stream_with_length(Body::from(file), length)
            }
        };
        Ok(part.file_name(self.name.clone()))
    }
}

/// A form with a file. It is made anew for every attempt.
pub(crate) struct Form {
    fields: Vec<(&'static str, String)>,
    file: Upload,
}

impl Form {
    pub(crate) fn new(file: Upload) -> Self {
        Self {
            fields: Vec::new(),
            file,
        }
    }

    /// A field, if there is a value for it.
    pub(crate) fn field(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        self.fields
            .extend(value.map(|value| (name, value.to_string())));
        self
    }

    pub(crate) async fn made(&self) -> Result<multipart::Form, ClientError> {
        let fields = self.fields.iter().cloned();
        let form = fields.fold(multipart::Form::new(), |form, (name, value)| {
            form.text(name, value)
        });
        Ok(form.part("file", self.file.part().await?))
    }
}
