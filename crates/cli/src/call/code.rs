//! The codes of `hushgate call`, beside those with which functions refuse.

use hushgate_gateway::codes;

use crate::connection::failure::Coded;

codes! {
    /// What can go wrong on the way to a function.
    pub(crate) enum Code {
        UrlInvalid = "url-invalid", "the URL is none that can be called; the message says why",
            "give it as https://host/path; http:// is for this machine only";
        PathMissing = "path-missing", "nothing says what to call",
            "name a PATH, `--health`, or `--all SOURCE`";
        PathInvalid = "path-invalid", "the PATH can't be sent",
            "begin it with `/` and percent-encode other characters than those of a URL";
        MethodInvalid = "method-invalid", "this is no method",
            "use one such as GET or POST";
        HeaderInvalid = "header-invalid", "a header can't be sent",
            "write `-H 'Name: value'`; what the command sends itself can't be given";
        UserInvalid = "user-invalid", "the account to act for can't stand in a header",
            "give its e-mail address or id";
        BodyUnreadable = "body-unreadable", "the file with the body can't be read",
            "check the path and its permissions";
        BodyTooLarge = "body-too-large", "the body is larger than a function takes",
            "send less";
        SourceUnknown = "source-unknown", "there are no examples of that source",
            "name a built-in source (docs/sources.md), or a folder with rules and examples";
        IdentityMissing = "identity-missing", "nothing says as whom to call",
            "choose one of the options under *As whom*, or `--anonymous`";
        TokenInArgument = "token-in-argument", "a token or a key stands in an argument, which everybody on the machine can read",
            "put it into a file and name that with `--token-file` or `--google-key`; get a new one if others use this machine";
        TokenUnreadable = "token-unreadable", "no token can be read where it should be; the message says why",
            "get a fresh token, and write it there alone: one word, without `Bearer`";
        TokenCommandFailed = "token-command-failed", "the command for the token failed, or printed too much",
            "run it by itself and look at what it prints";
        GoogleMetadataUnreachable = "google-metadata-unreachable", "there is no Google metadata server here",
            "run it on a Google machine, or use `--google-key` or `--token-command`";
        GoogleMetadataRefused = "google-metadata-refused", "the metadata server gives no identity token",
            "check that the machine has a service account";
        MetadataHostInvalid = "metadata-host-invalid", "GCE_METADATA_HOST is not a host",
            "take the variable away, or set it to a host with an optional port";
        GoogleKeyUnreadable = "google-key-unreadable", "the key file of the service account can't be used",
            "use the JSON file as Google gave it";
        GoogleKeyRefused = "google-key-refused", "Google refuses the service account's key",
            "check that key and account are there and not disabled, and this machine's clock";
        AwsKeyMissing = "aws-key-missing", "there is no access key in the environment or the profile",
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a `--profile` with a key";
        AwsKeyUnreadable = "aws-key-unreadable", "the access key has characters that no access key has",
            "check the variables or the profile it comes from";
        RegionMissing = "region-missing", "the region of the signature is not known",
            "give `--region`, or set AWS_REGION";
        RegionInvalid = "region-invalid", "this is no region",
            "write it like eu-central-1";
        NameNotFound = "name-not-found", "no address is known for the function's host",
            "check the host's spelling, the network and, behind a company's proxy, whether names outside resolve: this command uses no proxy";
        ConnectionRefused = "connection-refused", "nothing listens at the function's address",
            "check the port, and that the function runs (`hushgate serve` says `ready`)";
        Unreachable = "unreachable", "the function's address can't be reached",
            "check the network, the firewall and the address";
        ConnectTimeout = "connect-timeout", "no connection within the time that is told",
            "check the address; a firewall may be dropping the packets";
        CertificatesMissing = "certificates-missing", "the certificates that this machine trusts can't be read",
            "install the system's certificates (package `ca-certificates`), or name a file of them in SSL_CERT_FILE";
        TlsFailed = "tls-failed", "no TLS with the function; the message says why",
            "have the certificate checked, and call the function by its own name; there is no switch that skips the check";
        AnswerTimeout = "answer-timeout", "no complete answer within the time that is told",
            "ask for less data, or give more time with `--timeout`";
        AnswerTooLarge = "answer-too-large", "the answer is larger than what is taken; the rest was not read",
            "ask for less data, or take more with `--max-bytes`";
        AnswerBroken = "answer-broken", "the answer broke off, or is no HTTP/1.1",
            "call again; if it stays, check that this is the function's address and scheme";
        Redirected = "redirected", "the answer sends elsewhere and was not followed: an identity goes to no other address",
            "if that is the function's own address, call it there";
        NotAFunction = "not-a-function", "the answer is not from a Hushgate function: mostly the platform refused before it",
            "check the address and what the platform wants; the message says more";
        IdentityNotAccepted = "identity-not-accepted", "the function runs, but did not accept this identity",
            "look the request up in the function's log, which names the reason: the token (its audience, its end), or the client's `sources`, `expires` or `ip_allow` in the access policy";
        NotReady = "not-ready", "the function runs and knows this caller, but could not serve a call",
            "store the secrets that are missing and mend the unusable ones: denied is the role's permission, invalid the value, unavailable the store; the function's log has their whole names";
        OutputFailed = "output-failed", "standard output can't be written",
            "check the disk, or the command behind the pipe";
        Internal = "internal", "the command failed inside",
            "start it again, and report it if it stays";
    }
}

impl Coded for Code {
    fn coded(self) -> (&'static str, Option<&'static str>) {
        self.known().coded()
    }
}
