//! Events of every way to a function.

use serde_json::{Map, Value, json};

/// A request, before it becomes an event.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<String>,
    /// Whether the body is base64 of what was sent, which the platform makes of what is no text.
    pub(crate) is_encoded: bool,
}

/// `GET` with this token.
pub(crate) fn get(path: &str, token: &str) -> Call {
    Call {
        method: "GET",
        path: path.to_owned(),
        query: String::new(),
        headers: vec![
            ("authorization".to_owned(), format!("Bearer {token}")),
            ("x-forwarded-proto".to_owned(), "https".to_owned()),
        ],
        body: None,
        is_encoded: false,
    }
}

impl Call {
    pub(crate) fn query(mut self, query: &str) -> Self {
        query.clone_into(&mut self.query);
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(n, _)| n != name);
        self
    }

    pub(crate) fn post(mut self, content_type: &str, body: &str) -> Self {
        self.method = "POST";
        self.body = Some(body.to_owned());
        self.header("content-type", content_type)
    }

    pub(crate) fn post_bytes(self, content_type: &str, body: &[u8]) -> Self {
        use base64::Engine as _;
        let text = base64::engine::general_purpose::STANDARD.encode(body);
        let mut call = self.post(content_type, &text);
        call.is_encoded = true;
        call
    }

    fn single_headers(&self) -> Value {
        let all = self.headers.iter();
        Value::Object(all.map(|(n, v)| (n.clone(), json!(v))).collect())
    }

    fn multi_headers(&self) -> Value {
        let all = self.headers.iter();
        Value::Object(all.map(|(n, v)| (n.clone(), json!([v]))).collect())
    }

    /// Parameters in groups by name.
    fn parameters(&self, decoded: bool) -> Map<String, Value> {
        let mut groups = Map::new();
        for pair in self.query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = if decoded {
                percent_decoded(value)
            } else {
                value.to_owned()
            };
            let group = groups.entry(name).or_insert_with(|| json!([]));
            group.as_array_mut().unwrap().push(json!(value));
        }
        groups
    }

    fn last_parameters(&self) -> Value {
        let groups = self.parameters(false).into_iter();
        let last = groups.map(|(n, all)| (n, all.as_array().unwrap().last().unwrap().clone()));
        Value::Object(last.collect())
    }

    fn format_2(&self, domain: &str) -> Value {
        json!({
            "version": "2.0", "routeKey": "$default", "rawPath": self.path, "rawQueryString": self.query,
            "cookies": ["session=hidden"], "headers": self.single_headers(),
            "requestContext": {
                "accountId": "anonymous", "apiId": "example", "domainName": domain, "domainPrefix": "example",
                "http": {"method": self.method, "path": self.path, "protocol": "HTTP/1.1", "sourceIp": "198.51.100.23", "userAgent": "vendor/1"},
                "requestId": "1", "routeKey": "$default", "stage": "$default", "time": "12/Mar/2026:19:03:58 +0000", "timeEpoch": 1_773_342_238_000_u64
            },
            "body": self.body, "isBase64Encoded": self.is_encoded
        })
    }

    /// Through a Function URL.
    pub(crate) fn function_url(&self) -> Value {
        self.format_2("example.lambda-url.eu-central-1.on.aws")
    }

    /// Through an HTTP API.
    pub(crate) fn http_api(&self) -> Value {
        self.format_2("example.execute-api.eu-central-1.amazonaws.com")
    }

    /// Through an HTTP API in format 1.0.
    pub(crate) fn http_api_v1(&self) -> Value {
        let mut event = self.rest_api();
        event["version"] = json!("1.0");
        event["requestContext"]["stage"] = json!("$default");
        event
    }

    /// Through a REST API.
    pub(crate) fn rest_api(&self) -> Value {
        json!({
            "resource": "/{proxy+}", "path": self.path, "httpMethod": self.method,
            "headers": self.single_headers(), "multiValueHeaders": self.multi_headers(),
            "queryStringParameters": self.last_parameters(), "multiValueQueryStringParameters": self.parameters(true),
            "requestContext": {
                "accountId": "444455556666", "apiId": "example", "httpMethod": self.method, "stage": "prod",
                "identity": {"sourceIp": "198.51.100.23", "userArn": null}, "path": format!("/prod{}", self.path)
            },
            "body": self.body, "isBase64Encoded": self.is_encoded
        })
    }

    /// Through a load balancer.
    pub(crate) fn load_balancer(&self) -> Value {
        json!({
            "requestContext": {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:eu-central-1:444455556666:targetgroup/hushgate/0123456789abcdef"}},
            "httpMethod": self.method, "path": self.path, "queryStringParameters": self.last_parameters(),
            "headers": self.single_headers(), "body": self.body.as_deref().unwrap_or_default(), "isBase64Encoded": self.is_encoded
        })
    }

    /// Through a load balancer with multi-value headers.
    pub(crate) fn load_balancer_multi(&self) -> Value {
        let mut event = self.load_balancer();
        let members = event.as_object_mut().unwrap();
        members.remove("headers");
        members.remove("queryStringParameters");
        members.insert("multiValueHeaders".to_owned(), self.multi_headers());
        let parameters = Value::Object(self.parameters(false));
        members.insert("multiValueQueryStringParameters".to_owned(), parameters);
        event
    }

    /// Through every way, with its name.
    pub(crate) fn every_way(&self) -> [(&'static str, Value); 6] {
        [
            ("Function URL", self.function_url()),
            ("HTTP API", self.http_api()),
            ("HTTP API, format 1.0", self.http_api_v1()),
            ("REST API", self.rest_api()),
            ("load balancer", self.load_balancer()),
            ("load balancer, multi-value", self.load_balancer_multi()),
        ]
    }
}

/// What a form's text stands for, as API Gateway reads parameters.
fn percent_decoded(text: &str) -> String {
    let (mut out, mut rest) = (Vec::new(), text.as_bytes());
    while let [byte, tail @ ..] = rest {
        rest = tail;
        let digits = tail.get(..2).filter(|_| *byte == b'%');
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        if let Some(escaped) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            out.push(escaped);
            rest = &tail[2..];
        } else {
            out.push(if *byte == b'+' { b' ' } else { *byte });
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
