//! Whom outgoing calls trust: the machine's certificate authorities, read once per process.
//!
//! A system that has all its authorities in one bundle mostly has each of them in a file beside it,
//! too; reading and parsing these hundreds of files would be the longest part of a start. So they are
//! read only where there is no bundle. `SSL_CERT_FILE` and `SSL_CERT_DIR` name others in their place.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use reqwest::ClientBuilder;
use rustls::{ClientConfig, RootCertStore};
use rustls_native_certs::{CertificateResult, load_certs_from_paths, load_native_certs};

use super::{EgressError, TlsFloor};

/// A client of this builder trusts the machine's certificate authorities and speaks no lower version
/// of TLS than `floor`; HTTP/2 and HTTP/1.1 are offered.
///
/// # Errors
/// [`EgressError::Client`] when this machine has no authorities, or none that can be read.
pub fn trusting(builder: ClientBuilder, floor: TlsFloor) -> Result<ClientBuilder, EgressError> {
    let tls = tls_config(floor, &[b"h2", b"http/1.1"])?;
    Ok(builder.tls_backend_preconfigured(tls))
}

/// The same, but HTTP/1.1 alone is offered.
///
/// # Errors
/// As of [`trusting`].
pub fn trusting_http1(
    builder: ClientBuilder,
    floor: TlsFloor,
) -> Result<ClientBuilder, EgressError> {
    let tls = tls_config(floor, &[b"http/1.1"])?;
    Ok(builder.http1_only().tls_backend_preconfigured(tls))
}

/// The same for who makes connections one by one; `protocols` are offered (ALPN, RFC 7301).
///
/// # Errors
/// As of [`trusting`].
pub fn tls_config(floor: TlsFloor, protocols: &[&[u8]]) -> Result<ClientConfig, EgressError> {
    let versions: &[_] = match floor {
        TlsFloor::V1_2 => &[&rustls::version::TLS13, &rustls::version::TLS12],
        TlsFloor::V1_3 => &[&rustls::version::TLS13],
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut tls = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(|e| EgressError::Client(e.to_string()))?
        .with_root_certificates(authorities()?)
        .with_no_client_auth();
    tls.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    Ok(tls)
}

fn authorities() -> Result<Arc<RootCertStore>, EgressError> {
    static READ: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    let store = READ.get_or_init(|| Arc::new(store(machine())));
    if store.is_empty() {
        return Err(EgressError::Client(
            "this machine has no certificate authorities that can be read; install its package \
             `ca-certificates`, or name a file of them in SSL_CERT_FILE"
                .to_owned(),
        ));
    }
    Ok(Arc::clone(store))
}

/// What can be used of the certificates found; one that can't is not trusted, and said so.
fn store(found: CertificateResult) -> RootCertStore {
    let mut store = RootCertStore::empty();
    let (_, ignored) = store.add_parsable_certificates(found.certs);
    if ignored > 0 {
        tracing::warn!(
            ignored,
            "certificate authorities of this machine that are no certificates"
        );
    }
    for error in found.errors {
        tracing::warn!(%error, "certificate authorities of this machine");
    }
    store
}

fn machine() -> CertificateResult {
    let named = ["SSL_CERT_FILE", "SSL_CERT_DIR"];
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if named.into_iter().any(is_set) {
        return load_native_certs();
    }
    of_bundle(openssl_probe::probe().cert_file.as_deref()).unwrap_or_else(load_native_certs)
}

/// The authorities of the system's bundle, if it has one and something is in it.
fn of_bundle(bundle: Option<&Path>) -> Option<CertificateResult> {
    let found = load_certs_from_paths(Some(bundle?), None);
    (!found.certs.is_empty()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_of_nothing_is_none() {
        let empty = std::env::temp_dir().join(format!("hushgate-bundle-{}", std::process::id()));
        std::fs::write(&empty, "no certificates\n").unwrap();
        assert!(of_bundle(Some(&empty)).is_none());
        std::fs::remove_file(&empty).unwrap();
        assert!(of_bundle(Some(&empty)).is_none());
        assert!(of_bundle(None).is_none());
    }

    #[test]
    fn what_is_no_certificate_is_left_out() {
        let mut found = CertificateResult::default();
        found.certs.push(vec![0x30, 0x03, 0x02, 0x01, 0x01].into());
        assert!(store(found).is_empty());
    }

    #[test]
    fn the_authorities_of_a_process_are_read_once() {
        match (authorities(), authorities()) {
            (Ok(first), Ok(second)) => assert!(Arc::ptr_eq(&first, &second)),
            (first, _) => {
                let error = first.expect_err("the same twice").to_string();
                assert!(error.contains("SSL_CERT_FILE"), "{error}");
            }
        }
    }
}
