//! What stands behind the `?` of a URL.

use std::fs;

use redis::TlsCertificates;
use rustls::pki_types::{CertificateDer, pem::PemObject};
use url::form_urlencoded;

/// How to reach a server beyond where it is.
#[derive(Default)]
pub(super) struct Settings {
    pub(super) trusted: Option<TlsCertificates>,
    pub(super) sentinel_user: Option<String>,
    pub(super) sentinel_password: Option<String>,
}

impl Settings {
    /// Reads `name=value&name=value`. An error never says a value.
    pub(super) fn parse(query: &str) -> Result<Self, String> {
        let mut settings = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match name.as_ref() {
                "ca_file" => settings.trusted = Some(trusted_by(&value)?),
                "sentinel_user" => settings.sentinel_user = Some(value.into_owned()),
                "sentinel_password" => settings.sentinel_password = Some(value.into_owned()),
                _ => return Err(format!("it has no setting {name:?}")),
            }
        }
        Ok(settings)
    }
}

/// The certificates in that file, instead of those that everybody trusts.
fn trusted_by(file: &str) -> Result<TlsCertificates, String> {
    let pem = fs::read(file).map_err(|error| format!("its ca_file cannot be read: {error}"))?;
    let mut certificates = CertificateDer::pem_slice_iter(&pem).peekable();
    if certificates.peek().is_none() || certificates.any(|read| read.is_err()) {
        return Err("its ca_file holds no certificate in PEM".to_owned());
    }
    Ok(TlsCertificates {
        client_tls: None,
        root_cert: Some(pem),
    })
}
