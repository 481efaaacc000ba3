//! What `docs/cloud-stores.md` says that may be done, and a judge of calls who permits that and nothing else,
//! as IAM does it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::proxy::{Action, Call};

const PAGE: &str = include_str!("../../../../docs/cloud-stores.md");

/// The region and account of the page's names, and of the services' calls here.
const ACCOUNT: &str = "eu-central-1:123456789012";

/// An action and the name (ARN) of what it is on; in a policy, with `*` and `?` in the name.
pub(crate) type Grant = (String, String);

/// The grants of the page's policies, in their order; those of entries with this prefix in place of the
/// page's `hushgate/zoom`.
pub(crate) fn policy(number: usize, prefix: &str) -> Vec<Grant> {
    let block = PAGE.split("```json\n").nth(number).unwrap();
    let policy: Value = serde_json::from_str(block.split("```").next().unwrap()).unwrap();
    let all = |value: &Value| match value {
        Value::Array(all) => all.clone(),
        one => vec![one.clone()],
    };
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut grants = Vec::new();
    for statement in policy["Statement"].as_array().unwrap() {
        let members: Vec<_> = statement.as_object().unwrap().keys().collect();
        assert_eq!(members, ["Effect", "Action", "Resource"]);
        assert_eq!(statement["Effect"], "Allow");
        for action in all(&statement["Action"]) {
            for resource in all(&statement["Resource"]) {
                let resource = text(&resource).replace("hushgate/zoom", prefix);
                grants.push((text(&action), resource));
            }
        }
    }
    grants
}

/// The rows of the page's table below a heading: the operations, and the actions that they take. What a
/// row says of names is left out.
pub(crate) fn rows(heading: &str) -> Vec<(String, Vec<String>)> {
    let part = PAGE.split(&format!("\n### {heading}\n")).nth(1).unwrap();
    let rows = part.lines().skip_while(|line| !line.starts_with("|---"));
    let rows = rows.skip(1).take_while(|line| line.starts_with('|'));
    let read = |row: &str| {
        let mut cells = row.split('|').skip(1);
        let operations = cells.next().unwrap().trim().to_owned();
        let words = cells.next().unwrap().split('`').skip(1).step_by(2);
        let actions = words.filter(|w| !w.starts_with("arn:") && *w != "s3:prefix");
        (operations, actions.map(str::to_owned).collect())
    };
    rows.map(read).collect()
}

/// Judges calls by a policy; clones share it.
#[derive(Clone, Default)]
pub(crate) struct Judge(Arc<Mutex<Case>>);

#[derive(Default)]
struct Case {
    granted: Vec<Grant>,
    /// Which of them permitted a call.
    used: BTreeSet<usize>,
    /// What no grant permitted.
    denied: BTreeSet<Grant>,
    /// The names in Secrets Manager that are there.
    made: BTreeSet<String>,
}

impl Judge {
    /// Permits this and nothing else from now on.
    pub(crate) fn grant(&self, granted: Vec<Grant>) {
        let mut case = self.0.lock().unwrap();
        let made = std::mem::take(&mut case.made);
        *case = Case {
            granted,
            made,
            ..Case::default()
        };
    }

    /// A name in Secrets Manager that is there, though no call that is judged made it.
    pub(crate) fn made(&self, name: &str) {
        self.0.lock().unwrap().made.insert(name.to_owned());
    }

    /// What a proxy does with calls.
    pub(crate) fn script(&self) -> impl Fn(&Call) -> Action + Send + Sync + 'static {
        let judge = self.clone();
        move |call| judge.judge(call)
    }

    fn judge(&self, call: &Call) -> Action {
        let mut case = self.0.lock().unwrap();
        for (action, name) in case.needed(call) {
            let permits = |(a, n): &Grant| *a == action && fits(n.as_bytes(), name.as_bytes());
            let permitting: Vec<_> = (0..case.granted.len())
                .filter(|at| permits(&case.granted[*at]))
                .collect();
            if permitting.is_empty() {
                case.denied.insert((action, name));
                return match call.service.as_str() {
                    "" => Action::Fail(403, "AccessDenied", "Access Denied"),
                    _ => Action::Fail(400, "AccessDeniedException", "User: x is not authorized"),
                };
            }
            case.used.extend(permitting);
        }
        case.note(call);
        Action::Pass
    }

    /// What was asked for and not permitted.
    pub(crate) fn denied(&self) -> BTreeSet<Grant> {
        self.0.lock().unwrap().denied.clone()
    }

    /// What is permitted and nobody asked for.
    pub(crate) fn unused(&self) -> Vec<Grant> {
        let case = self.0.lock().unwrap();
        let all = case.granted.iter().enumerate();
        let unused = all.filter(|(at, _)| !case.used.contains(at));
        unused.map(|(_, grant)| grant.clone()).collect()
    }
}

impl Case {
    /// What a call has to be permitted. AWS does not say which name it judges by where a secret is not there, with
    /// an end or without one: here it is both.
    fn needed(&self, call: &Call) -> Vec<Grant> {
        let (action, name) = needed(call);
        let is_read = action == "secretsmanager:GetSecretValue";
        let bare = name.strip_suffix(END).map(str::to_owned);
        let mut all = vec![(action.clone(), name)];
        if is_read && !self.made.contains(secret(call)) {
            all.extend(bare.map(|bare| (action, bare)));
        }
        all
    }

    /// Notes what a call makes or takes away.
    fn note(&mut self, call: &Call) {
        let secret = secret(call).to_owned();
        match call.operation.as_str() {
            "CreateSecret" => self.made.insert(secret),
            "DeleteSecret" => self.made.remove(&secret),
            _ => false,
        };
    }
}

/// The end that secrets' names have here.
const END: &str = "-a1B2c3";

/// The name of a call's secret.
fn secret(call: &Call) -> &str {
    let member = |name: &str| call.body[name].as_str();
    member("SecretId").or(member("Name")).unwrap_or_default()
}

/// What a call has to be permitted on what is there
/// (<https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>).
fn needed(call: &Call) -> Grant {
    let operation = call.operation.as_str();
    let member = |name: &str| call.body[name].as_str().unwrap_or_default().to_owned();
    match call.service.as_str() {
        "AmazonSSM" => {
            let name = match operation {
                "GetParametersByPath" => member("Path"),
                _ => member("Name"),
            };
            // Of a lock, single writes are read too.
            let name = name.split(':').next().unwrap();
            let arn = format!("arn:aws:ssm:{ACCOUNT}:parameter{name}");
            (format!("ssm:{operation}"), arn)
        }
        "secretsmanager" => {
            let arn = match operation {
                "ListSecrets" => "*".to_owned(),
                _ => format!(
                    "arn:aws:secretsmanager:{ACCOUNT}:secret:{}{END}",
                    secret(call)
                ),
            };
            (format!("secretsmanager:{operation}"), arn)
        }
        "AmazonSQS" => {
            let operation = operation.trim_end_matches("Batch");
            let url = member("QueueUrl");
            let name = url.rsplit('/').next().unwrap();
            (
                format!("sqs:{operation}"),
                format!("arn:aws:sqs:{ACCOUNT}:{name}"),
            )
        }
        "" => {
            let action = match operation {
                "UploadPart" | "CreateMultipartUpload" | "CompleteMultipartUpload" => "PutObject",
                "HeadObject" => "GetObject",
                "ListObjectsV2" => "ListBucket",
                other => other,
            };
            let path = call.target.split('?').next().unwrap();
            let name = path.trim_matches('/');
            (format!("s3:{action}"), format!("arn:aws:s3:::{name}"))
        }
        other => panic!("an unexpected service: {other}"),
    }
}

/// Whether a name is one of those that a policy's stands for.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    match pattern.split_first() {
        None => name.is_empty(),
        Some((b'*', rest)) => (0..=name.len()).any(|at| fits(rest, &name[at..])),
        Some((one, rest)) => name
            .split_first()
            .is_some_and(|(first, others)| [b'?', *first].contains(one) && fits(rest, others)),
    }
}
