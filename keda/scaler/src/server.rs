//! The gRPC server.

use std::{path::PathBuf, time::Duration};

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig, server::TcpIncoming};

use crate::{proto::external_scaler_server::ExternalScalerServer, service::ScalerService};

/// How often a quiet connection is tried, and how long the answer may take.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(10));
/// KEDA sends all of its scaled objects over one connection, a stream each.
const MOST_STREAMS: u32 = 1_024;
/// Calls of one connection that are answered at a time; a stream counts as long as it is open.
const MOST_CALLS: usize = 1_024;

/// Files in PEM.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The server's certificate, with what leads to a root.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// Who vouches for clients; with it, only clients with a certificate are answered.
    pub client_ca: Option<PathBuf>,
}

/// Why it cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A file of the certificates.
    #[error("{}: {source}", file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// What is wrong with it.
        source: std::io::Error,
    },
    /// The certificates cannot be used, or the connection is gone.
    #[error("the scaler's gRPC server: {0}")]
    Transport(#[from] tonic::transport::Error),
}

/// Serves until `stop`, and then for as long as calls are answered; streams end with OK.
///
/// # Errors
/// [`ServeError`].
pub async fn serve(
    service: ScalerService,
    listener: TcpListener,
    tls: Option<TlsFiles>,
    stop: CancellationToken,
) -> Result<(), ServeError> {
    let (interval, patience) = KEEPALIVE;
    let mut server = Server::builder()
        .http2_keepalive_interval(Some(interval))
        .http2_keepalive_timeout(Some(patience))
        .max_concurrent_streams(Some(MOST_STREAMS))
        .concurrency_limit_per_connection(MOST_CALLS);
    if let Some(files) = &tls {
        server = server.tls_config(certificates(files).await?)?;
    }
    // Else each answer waits 40 ms for the acknowledgement of the one before.
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let serving = server
        .add_service(ExternalScalerServer::new(service.clone()))
        .serve_with_incoming_shutdown(incoming, stop.cancelled_owned());
    serving.await?;
    service.ended().await;
    Ok(())
}

async fn certificates(files: &TlsFiles) -> Result<ServerTlsConfig, ServeError> {
    // Where a program has several providers of cryptography, one has to be named. It may be already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let identity = Identity::from_pem(read(&files.certificate).await?, read(&files.key).await?);
    let tls = ServerTlsConfig::new().identity(identity);
    Ok(match &files.client_ca {
        Some(file) => tls.client_ca_root(Certificate::from_pem(read(file).await?)),
        None => tls,
    })
}

async fn read(file: &PathBuf) -> Result<Vec<u8>, ServeError> {
    let content = tokio::fs::read(file).await;
    content.map_err(|source| ServeError::File {
        file: file.clone(),
        source,
    })
}
