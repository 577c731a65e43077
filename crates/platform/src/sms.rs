//! Codes by text message: through a provider's HTTP interface, or to an SMSC over SMPP.
use std::sync::Arc;

use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

mod http;
mod smpp;

pub use http::{HttpBody, HttpGateway, HttpGatewayError, HttpGatewaySettings, HttpSuccess};
pub use smpp::{SmppGateway, SmppGatewayError, SmppGatewaySettings};

/// TLS with the system's certificate authorities and one more. `None` when they cannot be read.
fn tls(authority: Option<&[u8]>) -> Option<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(pem) = authority {
        for certificate in CertificateDer::pem_slice_iter(pem) {
            roots.add(certificate.ok()?).ok()?;
        }
    }
    let provider = Arc::new(crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring speaks TLS 1.2 and 1.3");
    Some(config.with_root_certificates(roots).with_no_client_auth())
}
