//! JWTs made and signed here: RFC 7523 assertions and the bearer of a GitHub App.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Deserialize;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::fault::ConnectFault;
use super::random;
use super::source::{Assertion, KeyFormat, SigningAlgorithm};
use super::template::{Place, Template};
use super::values::Values;
use crate::ports::Secret;

/// What an assertion is made for.
pub(super) struct Occasion<'a> {
    pub(super) values: &'a Values,
    pub(super) token_url: &'a str,
    pub(super) scope: Option<&'a str>,
    pub(super) user: Option<&'a str>,
    /// Seconds since 1970.
    pub(super) now: u64,
}

/// Makes and signs an assertion.
pub(super) fn make(spec: &Assertion, occasion: &Occasion<'_>) -> Result<Secret, ConnectFault> {
    let values = occasion.values;
    let key = Key::read(spec, values.need(&spec.key)?)?;
    let mut header = Header::new(match spec.algorithm {
        SigningAlgorithm::Rs256 => Algorithm::RS256,
        SigningAlgorithm::Ps256 => Algorithm::PS256,
        SigningAlgorithm::Es256 => Algorithm::ES256,
    });
    if let Some(field) = &spec.fingerprint {
        header.x5t = Some(thumbprint(field, values.need(field)?)?);
    }
    let fill = |template: &Option<Template>| match template {
        Some(template) => template
            .fill(Place::Plain, |name| match name {
                "token_url" => Some(occasion.token_url),
                name => values.get(name),
            })
            .map(Some)
            .map_err(ConnectFault::from),
        None => Ok(None),
    };
    header.kid = match key.id {
        Some(id) => Some(id),
        None => fill(&spec.key_id)?,
    };
    let issued = occasion.now.saturating_sub(spec.backdate.as_secs());
    let user = occasion.user.filter(|_| spec.for_user).map(str::to_owned);
    let texts = [
        ("iss", key.issuer.or(fill(&spec.issuer)?)),
        ("sub", user.or(fill(&spec.subject)?)),
        ("aud", fill(&spec.audience)?),
        (
            "scope",
            occasion
                .scope
                .filter(|_| spec.scope_claim)
                .map(str::to_owned),
        ),
        ("jti", spec.jti.then(random::uuid)),
    ];
    let mut claims = Map::new();
    for (name, text) in texts {
        if let Some(text) = text {
            claims.insert(name.to_owned(), Value::String(text));
        }
    }
    claims.insert("iat".to_owned(), issued.into());
    claims.insert(
        "exp".to_owned(),
        issued.saturating_add(spec.lifetime.as_secs()).into(),
    );
    let signed = jsonwebtoken::encode(&header, &claims, &key.signing);
    signed.map(Secret::new).map_err(|_| {
        invalid(
            &spec.key,
            "can't sign; use an RSA key of at least 2048 bits, or for ES256 a P-256 key",
        )
    })
}

struct Key {
    signing: EncodingKey,
    id: Option<String>,
    issuer: Option<String>,
}

/// The members of a Google service account key file that are used; it has more.
#[derive(Deserialize)]
struct KeyFile {
    client_email: String,
    private_key: String,
    private_key_id: Option<String>,
}

impl Key {
    fn read(spec: &Assertion, value: &str) -> Result<Self, ConnectFault> {
        match spec.format {
            KeyFormat::Pem => {
                let pem = unwrapped(value, "-----BEGIN")
                    .ok_or_else(|| invalid(&spec.key, "is neither a PEM private key nor base64 of one; store the whole file, from `-----BEGIN` to `-----END`"))?;
                Ok(Self {
                    signing: signing(spec, &pem)?,
                    id: None,
                    issuer: None,
                })
            }
            KeyFormat::GoogleServiceAccount => {
                let wanted = "is neither a service account key file in JSON nor base64 of one; store the file as it was downloaded";
                let json = unwrapped(value, "{").ok_or_else(|| invalid(&spec.key, wanted))?;
                let file: KeyFile = serde_json::from_str(&json).map_err(|_| invalid(&spec.key, "is JSON without the texts `client_email` and `private_key`; store the service account key file as it was downloaded"))?;
                Ok(Self {
                    signing: signing(spec, &Zeroizing::new(file.private_key))?,
                    id: file.private_key_id,
                    issuer: Some(file.client_email),
                })
            }
        }
    }
}

fn signing(spec: &Assertion, pem: &str) -> Result<EncodingKey, ConnectFault> {
    if spec.algorithm == SigningAlgorithm::Es256 {
        return EncodingKey::from_ec_pem(pem.as_bytes()).map_err(|_| {
            invalid(&spec.key, "is not an unencrypted P-256 private key in PKCS#8 PEM, which ES256 signs with; convert it with `openssl pkcs8 -topk8 -nocrypt`")
        });
    }
    EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(|_| {
        invalid(&spec.key, "is not an unencrypted RSA private key in PEM (PKCS#1 or PKCS#8); convert it with `openssl pkcs8 -topk8 -nocrypt`")
    })
}

/// The text itself if it starts as wanted, else its base64 decoding if that does. `\n` written as
/// two characters, as environment variables often have it, counts as a line break in a PEM.
pub(super) fn unwrapped(value: &str, start: &str) -> Option<Zeroizing<String>> {
    let value = value.trim();
    let text = if value.starts_with(start) {
        Zeroizing::new(value.to_owned())
    } else {
        let compact: Zeroizing<String> = Zeroizing::new(value.split_whitespace().collect());
        let bytes = Zeroizing::new(STANDARD.decode(compact.as_bytes()).ok()?);
        let text = Zeroizing::new(std::str::from_utf8(&bytes).ok()?.trim().to_owned());
        text.starts_with(start).then_some(text)?
    };
    if start.starts_with('-') && text.contains("\\n") {
        return Some(Zeroizing::new(text.replace("\\n", "\n")));
    }
    Some(text)
}

/// The `x5t` header (RFC 7515 section 4.1.7) from a fingerprint as tools print it.
fn thumbprint(field: &str, text: &str) -> Result<String, ConnectFault> {
    let digits = text.rsplit('=').next().unwrap_or_default();
    let digits: String = digits
        .chars()
        .filter(|c| *c != ':' && !c.is_whitespace())
        .collect();
    let bytes: Option<Vec<u8>> = digits
        .as_bytes()
        .chunks(2)
        .map(|pair| {
            let pair = std::str::from_utf8(pair)
                .ok()
                .filter(|p| p.bytes().all(|b| b.is_ascii_hexdigit()))?;
            u8::from_str_radix(pair, 16).ok()
        })
        .collect();
    match bytes {
        Some(bytes) if bytes.len() == 20 && digits.len() == 40 => Ok(URL_SAFE_NO_PAD.encode(bytes)),
        _ => Err(invalid(
            field,
            "is not a SHA-1 fingerprint; store the 40 hex digits that `openssl x509 -fingerprint -sha1` prints",
        )),
    }
}

fn invalid(field: &str, problem: &str) -> ConnectFault {
    ConnectFault::FieldInvalid {
        field: field.to_owned(),
        problem: problem.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_fingerprints_as_tools_print_them() {
        let plain = "84e05c1d98bce3a5421d225b140b36e86a3d5534";
        let wanted = "hOBcHZi846VCHSJbFAs26Go9VTQ";
        let colons = "sha1 Fingerprint=84:E0:5C:1D:98:BC:E3:A5:42:1D:22:5B:14:0B:36:E8:6A:3D:55:34";
        for text in [
            plain,
            colons,
            " 84e05c1d 98bce3a5 421d225b 140b36e8 6a3d5534\n",
        ] {
            assert_eq!(thumbprint("F", text).unwrap(), wanted, "{text}");
        }
        for bad in [
            "",
            "84e0",
            &format!("{plain}00"),
            &plain.replace('8', "g"),
            &plain.replace("84", "+4"),
        ] {
            let fault = thumbprint("F", bad).unwrap_err();
            assert_eq!(fault.code(), "connect-field-invalid");
        }
    }
}
