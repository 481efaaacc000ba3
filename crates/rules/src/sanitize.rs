//! The sanitizer: what happens to a response before it may leave.
//!
//! For each endpoint the rules are compiled once into a [`ResponsePlan`]. For each response, the
//! [`Sanitizer`] reads every JSON value of the body and runs augments, schema filter and
//! transforms over it, in this order. The result is [`Sanitized`], which can be made nowhere else.
//!
//! Under the native scheme a value that two transforms reach is pseudonymized once, and `null`
//! where a schema says `boolean` stays; under the compatible scheme it is pseudonymized twice, and
//! that `null` becomes `false`.
//!
//! A single value that can't be treated becomes `null` and is counted. What can't be read as JSON
//! within the limits is refused as a whole, with a [`SanitizeError`].

mod plan;
mod report;
mod run;

use std::fmt;

use crate::json::{JsonError, Limits, Reader};
use crate::pseudonym::{PseudonymError, Pseudonymizer};

pub use plan::ResponsePlan;
pub(crate) use plan::compile_path;
pub use report::Report;

/// How much is accepted and produced for one response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SanitizeLimits {
    /// Size and depth of the body.
    pub json: Limits,
    /// JSON values in one body. Default 1 million.
    pub max_documents: usize,
    /// Bytes of the sanitized body. Default 512 MiB.
    pub max_output_bytes: usize,
}

impl Default for SanitizeLimits {
    fn default() -> Self {
        Self {
            json: Limits::default(),
            max_documents: 1_000_000,
            max_output_bytes: 512 << 20,
        }
    }
}

/// Sanitizes responses under the keys and limits of one deployment.
#[derive(Debug)]
pub struct Sanitizer {
    pseudonymizer: Pseudonymizer,
    limits: SanitizeLimits,
}

impl Sanitizer {
    /// A sanitizer with default limits. Where the schemes differ, the pseudonymizer's decides.
    pub fn new(pseudonymizer: Pseudonymizer) -> Self {
        Self {
            pseudonymizer,
            limits: SanitizeLimits::default(),
        }
    }

    /// With other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: SanitizeLimits) -> Self {
        self.limits = limits;
        self
    }

    /// The pseudonymizer, which also turns pseudonyms back.
    pub fn pseudonymizer(&self) -> &Pseudonymizer {
        &self.pseudonymizer
    }

    /// Checks that the keys suffice for everything the plan does; ask once, when rules are loaded.
    ///
    /// # Errors
    /// The plan makes reversible pseudonyms and the key for them is missing.
    pub fn check(&self, plan: &ResponsePlan) -> Result<(), PseudonymError> {
        plan.reversible_purposes()
            .try_for_each(|purpose| self.pseudonymizer.can_reverse(purpose))
    }

    /// Sanitizes a body of any number of JSON values; the results are joined by line feeds.
    ///
    /// # Errors
    /// The body is not JSON throughout, or a limit is exceeded.
    pub fn sanitize(&self, plan: &ResponsePlan, body: &[u8]) -> Result<Sanitized, SanitizeError> {
        let mut reader = Reader::new(body, plan.symbols(), self.limits.json)?;
        let mut bytes = Vec::new();
        let mut report = Report::new(plan);
        while let Some(document) = reader.next_document()? {
            if report.documents >= self.limits.max_documents as u64 {
                let limit = self.limits.max_documents;
                return Err(SanitizeError::TooManyDocuments { limit });
            }
            if report.documents > 0 {
                bytes.push(b'\n');
            }
            report.documents += 1;
            self.run(plan, document, &mut report);
            document.write_out(&mut bytes);
            if bytes.len() > self.limits.max_output_bytes {
                let limit = self.limits.max_output_bytes;
                return Err(SanitizeError::OutputTooLarge { limit });
            }
        }
        Ok(Sanitized { bytes, report })
    }
}

/// A sanitized body. Only [`Sanitizer::sanitize`] makes one.
pub struct Sanitized {
    bytes: Vec<u8>,
    report: Report,
}

impl Sanitized {
    /// The body: compact JSON values, one a line.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What was done, in counts.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// The body and what was done.
    pub fn into_parts(self) -> (Vec<u8>, Report) {
        (self.bytes, self.report)
    }
}

impl fmt::Debug for Sanitized {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bytes, report) = (self.bytes.len(), &self.report);
        f.debug_struct("Sanitized")
            .field("len", &bytes)
            .field("report", report)
            .finish()
    }
}

/// A body that can't be sanitized. Holds nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SanitizeError {
    /// The body is not JSON, or beyond the limits on size and depth.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// The body holds more JSON values than the limit.
    #[error("the body holds more than the limit of {limit} JSON values")]
    TooManyDocuments {
        /// The limit.
        limit: usize,
    },
    /// The sanitized body is larger than the limit.
    #[error("the sanitized body is larger than the limit of {limit} bytes")]
    OutputTooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
}

impl SanitizeError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Json(error) => error.code(),
            Self::TooManyDocuments { .. } => "too-many-documents",
            Self::OutputTooLarge { .. } => "output-too-large",
        }
    }
}
