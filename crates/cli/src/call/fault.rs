//! What can go wrong on the way to a function, each with its code and what to do.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use hushgate_gateway::egress::EgressError;
use tokio_rustls::rustls;
use tokio_rustls::rustls::CertificateError;

use super::clean;
use super::code::Code;
use crate::connection::failure::Failure;

pub(super) fn name_not_found(host: &str) -> Failure {
    Failure::new(Code::NameNotFound, format!("no address is known for `{host}`"))
        .next("check the host's spelling, the network and, behind a company's proxy, whether names outside resolve: this command uses no proxy")
}

pub(super) fn not_connected(address: SocketAddr, error: &io::Error) -> Failure {
    if error.kind() == ErrorKind::ConnectionRefused {
        return Failure::new(
            Code::ConnectionRefused,
            format!("nothing listens at {address}"),
        )
        .next("check the port, and that the function runs (`hushgate serve` says `ready`)");
    }
    Failure::new(
        Code::Unreachable,
        format!("{address} can't be reached ({})", error.kind()),
    )
    .next("check the network, the firewall and the address")
}

pub(super) fn connect_timeout(host: &str, after: Duration) -> Failure {
    Failure::new(
        Code::ConnectTimeout,
        format!("no connection to `{host}` within {} s", after.as_secs()),
    )
    .next("check the address; a firewall may be dropping the packets")
}

pub(super) fn answer_timeout(after: Duration) -> Failure {
    Failure::new(
        Code::AnswerTimeout,
        format!("no complete answer within {} s", after.as_secs()),
    )
    .next("ask for less data, or give more time with --timeout")
}

pub(super) fn too_large(limit: usize) -> Failure {
    Failure::new(
        Code::AnswerTooLarge,
        format!("the answer has more than {limit} bytes; the rest was not read"),
    )
    .next("ask for less data, or take more with --max-bytes")
}

pub(super) fn broken(error: &hyper::Error) -> Failure {
    let what = if error.is_parse() {
        "the answer is no HTTP/1.1"
    } else {
        "the connection was closed before the answer was complete"
    };
    Failure::new(Code::AnswerBroken, what)
        .next("call again; if it stays, check that this is the function's address and scheme")
}

pub(super) fn no_trust(error: &EgressError) -> Failure {
    Failure::new(Code::CertificatesMissing, error.to_string())
        .next("see that you may read these certificates, then call again")
}

pub(super) fn tls(host: &str, error: &io::Error) -> Failure {
    let inner = error
        .get_ref()
        .and_then(|e| e.downcast_ref::<rustls::Error>());
    let (what, next) = match inner {
        Some(rustls::Error::InvalidCertificate(certificate)) => certificate_fault(certificate),
        Some(rustls::Error::InvalidMessage(_)) => (
            "the other side does not speak TLS there".to_owned(),
            "check the port; a function on this machine is called with http://",
        ),
        Some(other) => (
            clean::line(&other.to_string()),
            "check that the address is the function's own",
        ),
        None => (
            format!(
                "the connection ended during the handshake ({})",
                error.kind()
            ),
            "check the port and the address; something between may be cutting TLS",
        ),
    };
    Failure::new(Code::TlsFailed, format!("no TLS with `{host}`: {what}")).next(next)
}

fn certificate_fault(error: &CertificateError) -> (String, &'static str) {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => (
            "its certificate has expired".to_owned(),
            "have the certificate renewed; check this machine's clock",
        ),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => (
            "its certificate is not valid yet".to_owned(),
            "check this machine's clock",
        ),
        CertificateError::UnknownIssuer => (
            "its certificate is from an authority that this machine does not trust".to_owned(),
            "name a file with the authorities you trust in SSL_CERT_FILE; there is no switch that skips the check",
        ),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => (
            "its certificate is for another name".to_owned(),
            "call the function by the name its certificate is for",
        ),
        other => (
            format!(
                "its certificate is refused ({})",
                clean::line(&other.to_string())
            ),
            "have the certificate checked; there is no switch that skips the check",
        ),
    }
}
