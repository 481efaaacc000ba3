//! The table of variables.

use super::Environment;
use super::check::{
    Verdict, access, canonicalization, compat, connection, count, developer_name, domains, host,
    kms_key, lambda_response, listen, log, loopback, metadata_host, platform, pool_id, port, rules,
    seconds, secrets, size, tls, token_origin, vault_keys, vault_pass_phrase_file,
};
use super::platform_callers::platform_callers;

/// One variable: what it means and what it may be.
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What it means, in one sentence or two.
    pub meaning: &'static str,
    /// What it may be.
    pub allowed: &'static str,
    /// The value it has when not set; none: not set means what `meaning` says.
    pub default: Option<&'static str>,
    pub(super) check: fn(&str, &Environment) -> Verdict,
}

/// Every variable of a function.
pub static VARIABLES: &[Variable] = &[
    Variable {
        name: "PORT",
        meaning: "Serve HTTP on this port; 0 lets the system choose.",
        allowed: "a number from 0 to 65535",
        default: Some("8080"),
        check: port,
    },
    Variable {
        name: "HUSHGATE_LISTEN",
        meaning: "Serve HTTP on this address. Not set: all addresses, or only this machine with `HUSHGATE_DEV_LOOPBACK=1`.",
        allowed: "an IP address",
        default: None,
        check: listen,
    },
    Variable {
        name: "HUSHGATE_ACCESS",
        meaning: "The access policy: who may call. Not set: every call is refused.",
        allowed: "the path of a YAML file, the YAML itself (recognized by a line break or a `:` followed by a space), `store:NAME` (the entry of that name in the secret store), or `s3://BUCKET/KEY` or `gs://BUCKET/KEY`; what lies in a store or bucket may be gzipped and in base64, and is read at start",
        default: None,
        check: access,
    },
    Variable {
        name: "HUSHGATE_SECRETS",
        meaning: "Where secrets are: in variables of their own names, in a file (JSON object or `NAME=value` lines, mode 0600), in a vault (a folder of encrypted files), or in a cloud's store. All but variables are also written when a source rotates a token.",
        allowed: "`env`, `file:PATH`, `vault:FOLDER`, `aws-secretsmanager:PREFIX`, `aws-ssm:PREFIX`, `gcp-secretmanager:PROJECT/PREFIX`",
        default: Some("env"),
        check: secrets,
    },
    Variable {
        name: "HUSHGATE_VAULT_KEYS",
        meaning: "The keys of the vault's compartments that this function may open: its connection's and `deployment`. Others stay closed to it.",
        allowed: "what `hushgate vault keys` prints, or the path of a file (mode 0600) with it; only with `HUSHGATE_SECRETS=vault:FOLDER`",
        default: None,
        check: vault_keys,
    },
    Variable {
        name: "HUSHGATE_VAULT_PASSPHRASE_FILE",
        meaning: "The pass phrase that opens the whole vault; for the `hushgate` command, and for functions that are not given single keys.",
        allowed: "the path of a file (mode 0600); only with `HUSHGATE_SECRETS=vault:FOLDER`",
        default: None,
        check: vault_pass_phrase_file,
    },
    Variable {
        name: "HUSHGATE_AWS_KMS_KEY",
        meaning: "The key of AWS KMS under which secrets are written to AWS. Not set: the account's standard key of the store; parameters that were written under another are then written under that.",
        allowed: "the id, ARN or `alias/NAME` of a key",
        default: None,
        check: kms_key,
    },
    Variable {
        name: "HUSHGATE_CONNECTION",
        meaning: "The connection the source is reached with: its fields are read under `connections/ID/` in the secret store, and its settings and host are used where no variable gives them. Not set: fields under their bare names.",
        allowed: "the id of a connection, as `hushgate connection list` shows it",
        default: None,
        check: connection,
    },
    Variable {
        name: "HUSHGATE_RULES",
        meaning: "Rules that replace the built-in ones. Rules that can't be read stop the function; the built-in ones are never used instead.",
        allowed: "the path of a YAML file, the YAML itself, either of YAML and gzipped YAML in base64, or `store:NAME`, `s3://BUCKET/KEY`, `gs://BUCKET/KEY` with any of these",
        default: None,
        check: rules,
    },
    Variable {
        name: "HUSHGATE_TARGET_HOST",
        meaning: "The source's host, where the account decides it. Naming a host here also allows it to lie in a private network.",
        allowed: "a host name or IP address, with a port if need be; no path; a scheme only with `HUSHGATE_DEV_LOOPBACK=1`",
        default: None,
        check: host,
    },
    Variable {
        name: "HUSHGATE_PLATFORM",
        meaning: "The cloud whose identity token a source with `client_auth: federated` sends. Not set: `google` where `K_SERVICE` is set, `aws` where `AWS_LAMBDA_FUNCTION_NAME` is, else none.",
        allowed: "`google`, `aws`, or empty",
        default: None,
        check: platform,
    },
    Variable {
        name: "HUSHGATE_PLATFORM_CALLERS",
        meaning: "The platform whose own word about a caller the access policy may rely on, see [access policy](access-policy.md#what-a-platform-vouches-for): the IAM principal on Lambda, or the token that Cloud Run verified, where the metadata server says that this is Cloud Run. Not set: only tokens that the function verifies itself.",
        allowed: "`aws-iam` on AWS Lambda, `cloud-run` on Google Cloud Run",
        default: None,
        check: platform_callers,
    },
    Variable {
        name: "GCE_METADATA_HOST",
        meaning: "Where Google Cloud's metadata server is, for identity tokens, and for the proof that `HUSHGATE_PLATFORM_CALLERS=cloud-run` asks for; not set, the proof is asked for at `169.254.169.254`, by no name.",
        allowed: "a host name or IP address, with a port if need be",
        default: Some("metadata.google.internal"),
        check: metadata_host,
    },
    Variable {
        name: "IDENTITY_POOL_ID",
        meaning: "On AWS, for identity tokens: the Cognito identity pool. It is called in the region its id begins with, with the access key of the function's role, which needs `cognito-identity:GetOpenIdTokenForDeveloperIdentity` on it.",
        allowed: "`REGION:UUID`, as Cognito shows it",
        default: None,
        check: pool_id,
    },
    Variable {
        name: "IDENTITY_ID",
        meaning: "On AWS, for identity tokens: the identity in the pool that stands for the function; the subject of its tokens.",
        allowed: "`REGION:UUID`, as Cognito shows it",
        default: None,
        check: pool_id,
    },
    Variable {
        name: "DEVELOPER_NAME_ID",
        meaning: "On AWS, for identity tokens: the pool's developer provider, under which the identity is linked to the source's `CLIENT_ID`.",
        allowed: "at most 128 letters, digits and `_`, `.`, `-`, `/`",
        default: None,
        check: developer_name,
    },
    Variable {
        name: "HUSHGATE_COMPAT",
        meaning: "`psoxy` makes pseudonyms bit by bit as psoxy does, with its salt, and accepts and sends its header names as well.",
        allowed: "`psoxy`, or empty",
        default: None,
        check: compat,
    },
    Variable {
        name: "HUSHGATE_DEV_LOOPBACK",
        meaning: "`1` allows plain http to 127.0.0.0/8, `[::1]` and `localhost` for source, issuer and token endpoints. Refused on a cloud host; not by an emulator of the Lambda Runtime API on this machine.",
        allowed: "`1`, `0`",
        default: Some("0"),
        check: loopback,
    },
    Variable {
        name: "HUSHGATE_TOKEN_ORIGIN",
        meaning: "Where the source's token endpoint is on a developer's machine; its path stays.",
        allowed: "such as `http://127.0.0.1:9000`; only with `HUSHGATE_DEV_LOOPBACK=1`",
        default: None,
        check: token_origin,
    },
    Variable {
        name: "HUSHGATE_EMAIL_CANONICALIZATION",
        meaning: "Which spellings of an e-mail address are one person: `STRICT` ignores case, `IGNORE_DOTS` also dots before the `@`. Changing it changes pseudonyms.",
        allowed: "`STRICT`, `IGNORE_DOTS`",
        default: Some("STRICT"),
        check: canonicalization,
    },
    Variable {
        name: "HUSHGATE_EMAIL_DOMAINS",
        meaning: "What becomes of the domain of an e-mail address: kept in clear, left out, hashed, or encrypted.",
        allowed: "`PRESERVE`, `REDACT`, `TOKENIZE`, `ENCRYPT`",
        default: Some("PRESERVE"),
        check: domains,
    },
    Variable {
        name: "HUSHGATE_TLS_VERSION",
        meaning: "The lowest TLS version towards source, issuer and token endpoints. When it is not set, a source may declare an exception towards itself.",
        allowed: "`1.3`, `1.2`",
        default: Some("1.3"),
        check: tls,
    },
    Variable {
        name: "HUSHGATE_REQUEST_TIMEOUT_SECONDS",
        meaning: "The time for one request, all included. Getting a connection takes at most 30 s of it, a silence of the source at most 60 s.",
        allowed: "a number from 1 to 3600",
        default: Some("180"),
        check: |value, _| seconds(value, 1, 3600),
    },
    Variable {
        name: "HUSHGATE_MAX_REQUEST_BYTES",
        meaning: "The most bytes of a request body.",
        allowed: "a number from 0 to 104857600",
        default: Some("1048576"),
        check: |value, _| size(value, 0, 100 << 20),
    },
    Variable {
        name: "HUSHGATE_MAX_RESPONSE_BYTES",
        meaning: "The most bytes of a source's answer, after decoding. Memory for one request grows to about eight times the answer.",
        allowed: "a number from 1024 to 1073741824",
        default: Some("67108864"),
        check: |value, _| size(value, 1024, 1 << 30),
    },
    Variable {
        name: "HUSHGATE_MAX_RESPONSE_DEPTH",
        meaning: "The most levels of arrays and objects within each other in a source's answer.",
        allowed: "a number from 16 to 1000",
        default: Some("256"),
        check: |value, _| size(value, 16, 1000),
    },
    Variable {
        name: "HUSHGATE_MAX_IN_FLIGHT",
        meaning: "The most requests at once; further ones are answered `overloaded`.",
        allowed: "a number from 1 to 100000",
        default: Some("1000"),
        check: |value, _| count(value, 1, 100_000),
    },
    Variable {
        name: "HUSHGATE_CALLER_IDLE_SECONDS",
        meaning: "How long a caller may take nothing of an answer that waits for it; then its connection is closed.",
        allowed: "a number from 1 to 3600",
        default: Some("60"),
        check: |value, _| seconds(value, 1, 3600),
    },
    Variable {
        name: "HUSHGATE_DRAIN_SECONDS",
        meaning: "How long running requests, and exchanges for credentials, may take to end after a signal to stop. Cloud Run and Docker end the process 10 s after the signal.",
        allowed: "a number from 0 to 600",
        default: Some("9"),
        check: |value, _| seconds(value, 0, 600),
    },
    Variable {
        name: "HUSHGATE_LAMBDA_RESPONSE",
        meaning: "On AWS Lambda, how answers go to a Function URL or a REST API: whole, up to 6 MB, or streamed, up to 200 MB. It has to agree with the invoke mode of the URL or the transfer mode of the API. Other ways to a function are always answered whole.",
        allowed: "`buffered` (invoke mode `BUFFERED`), `streamed` (invoke mode `RESPONSE_STREAM`)",
        default: Some("buffered"),
        check: lambda_response,
    },
    Variable {
        name: "HUSHGATE_LOG",
        meaning: "Which log lines are written to standard output, as JSON. The audit line of a request is `info` or above.",
        allowed: "`error`, `warn`, `info`, `debug`, `trace`, `off`",
        default: Some("info"),
        check: log,
    },
];

/// The value of a variable, or its default. Blank counts as not set.
pub(super) fn value<'a>(environment: &'a Environment, name: &str) -> Option<&'a str> {
    let set = environment
        .get(name)
        .map(|v| v.trim())
        .filter(|v| !v.is_empty());
    set.or_else(|| VARIABLES.iter().find(|v| v.name == name)?.default)
}
