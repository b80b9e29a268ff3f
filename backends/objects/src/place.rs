//! Where the objects are, as a URL says it.

use std::sync::Arc;

use object_store::{
    ClientOptions, ObjectStore, RetryConfig, aws::AmazonS3Builder, local::LocalFileSystem,
    path::Path,
};
use url::Url;

use crate::config::{ConfigError, ObjectsConfig};

/// How often a call is repeated that an S3 store has refused for the moment.
const RETRIES: usize = 2;

/// A store, and what all names in it begin with.
pub(crate) struct Place {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) prefix: Path,
    /// As people are told of it.
    pub(crate) name: String,
}

impl Place {
    pub(crate) fn open(config: &ObjectsConfig) -> Result<Self, ConfigError> {
        let url = Url::parse(&config.url).map_err(|_| ConfigError::Scheme)?;
        match url.scheme() {
            "s3" => bucket(&url, config),
            "file" => folder(&url),
            _ => Err(ConfigError::Scheme),
        }
    }
}

fn unusable(error: &impl ToString) -> ConfigError {
    ConfigError::Unusable(error.to_string())
}

/// It must be there: else a disk that is not mounted would be filled beside itself.
fn folder(url: &Url) -> Result<Place, ConfigError> {
    let folder = url.to_file_path().map_err(|()| ConfigError::Scheme)?;
    let name = folder.display().to_string();
    if !folder.is_dir() {
        return Err(ConfigError::NoFolder(name));
    }
    let store = LocalFileSystem::new_with_prefix(folder).map_err(|error| unusable(&error))?;
    Ok(Place {
        store: Arc::new(store),
        prefix: Path::default(),
        name: format!("the folder {name}"),
    })
}

fn bucket(url: &Url, config: &ObjectsConfig) -> Result<Place, ConfigError> {
    let no_bucket = || ConfigError::Unusable("its URL names no bucket".to_owned());
    let bucket = url.host_str().ok_or_else(no_bucket)?;
    let prefix = Path::from_url_path(url.path()).map_err(|error| unusable(&error))?;
    let connecting = ClientOptions::new()
        .with_connect_timeout(config.connect_timeout)
        .with_timeout(config.call_timeout);
    let retrying = RetryConfig {
        max_retries: RETRIES,
        retry_timeout: config.call_timeout,
        ..RetryConfig::default()
    };
    let mut builder = AmazonS3Builder::from_env()
        .with_client_options(connecting)
        .with_retry(retrying)
        .with_bucket_name(bucket);
    if let Some(endpoint) = &config.endpoint {
        builder = builder
            .with_endpoint(endpoint)
            .with_allow_http(endpoint.starts_with("http://"));
    }
    if let Some(region) = &config.region {
        builder = builder.with_region(region);
    }
    if let Some(id) = &config.access_key_id {
        builder = builder.with_access_key_id(id);
    }
    if let Some(secret) = &config.secret_access_key {
        builder = builder.with_secret_access_key(secret);
    }
    Ok(Place {
        store: Arc::new(builder.build().map_err(|error| unusable(&error))?),
        prefix,
        name: format!("the bucket {bucket}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(url: &str) -> ConfigError {
        match Place::open(&ObjectsConfig::new(url)) {
            Ok(_) => panic!("{url}"),
            Err(error) => error,
        }
    }

    #[test]
    fn what_is_no_store_is_refused() {
        for url in ["", "bucket", "http://bucket", "file://host/path"] {
            assert_eq!(refusal(url), ConfigError::Scheme, "{url}");
        }
        let unmounted = refusal("file:///no/such/folder");
        let named = ConfigError::NoFolder("/no/such/folder".to_owned());
        assert_eq!(unmounted, named);
        assert!(matches!(refusal("s3:///prefix"), ConfigError::Unusable(_)));
    }

    #[test]
    fn a_bucket_has_a_prefix() {
        for (url, prefix) in [
            ("s3://b", ""),
            ("s3://b/", ""),
            ("s3://b/a/c%20d/", "a/c d"),
        ] {
            let place = Place::open(&ObjectsConfig::new(url)).expect(url);
            assert_eq!(place.prefix.as_ref(), prefix);
            assert_eq!(place.name, "the bucket b");
        }
    }
}
