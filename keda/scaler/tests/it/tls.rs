//! The scaler behind certificates.

use std::{fs, path::Path};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Identity};
use voicefleet_scaler::TlsFiles;

use crate::{
    fleet::{Fleet, Scaler},
    operator::{Operator, of_pool},
};

/// An authority and what it has signed, in files.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("signed");
        Self { issuer }
    }

    fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for this machine and its key.
    fn sign(&self) -> (String, String) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
        let certificate = params.signed_by(&key, &self.issuer).expect("signed");
        (certificate.pem(), key.serialize_pem())
    }
}

fn files(folder: &Path, authority: &Authority, clients: Option<&Authority>) -> TlsFiles {
    let (certificate, key) = authority.sign();
    let write = |name: &str, content: &str| {
        let file = folder.join(name);
        fs::write(&file, content).expect("written");
        file
    };
    TlsFiles {
        certificate: write("server.pem", &certificate),
        key: write("server.key", &key),
        client_ca: clients.map(|clients| write("clients.pem", &clients.pem())),
    }
}

async fn ask(scaler: &Scaler, tls: ClientTlsConfig) -> Result<usize, String> {
    let endpoint = Channel::from_shared(format!("https://localhost:{}", scaler.port));
    let endpoint = endpoint.expect("a URL").tls_config(tls).expect("usable");
    let channel = endpoint
        .connect()
        .await
        .map_err(|error| error.to_string())?;
    let specs = Operator::over(channel).spec(of_pool("piper")).await;
    Ok(specs.map_err(|status| status.to_string())?.len())
}

#[tokio::test]
async fn clients_have_to_be_vouched_for_where_that_is_asked() {
    let fleet = Fleet::start().await;
    let (servers, clients) = (Authority::new(), Authority::new());
    let folder = tempfile::tempdir().expect("a folder");
    let tls = files(folder.path(), &servers, Some(&clients));
    let scaler = fleet.scaler_with(Some(tls)).await;
    let trusting = || ClientTlsConfig::new().ca_certificate(Certificate::from_pem(servers.pem()));
    let with = |authority: &Authority| {
        let (certificate, key) = authority.sign();
        trusting().identity(Identity::from_pem(certificate, key))
    };
    assert_eq!(ask(&scaler, with(&clients)).await, Ok(1));
    assert!(ask(&scaler, with(&servers)).await.is_err());
    assert!(ask(&scaler, trusting()).await.is_err());
}

#[tokio::test]
async fn without_that_whoever_trusts_the_server_is_answered() {
    let fleet = Fleet::start().await;
    let (servers, strangers) = (Authority::new(), Authority::new());
    let folder = tempfile::tempdir().expect("a folder");
    let scaler = fleet
        .scaler_with(Some(files(folder.path(), &servers, None)))
        .await;
    let trusting = |authority: &Authority| {
        ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority.pem()))
    };
    assert_eq!(ask(&scaler, trusting(&servers)).await, Ok(1));
    assert!(ask(&scaler, trusting(&strangers)).await.is_err());
}
