//! What a call through the function costs beside the same call to the source itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hushgate_cli::sample::Issuer;

use crate::process::{AUDIENCE, source, start, wait};
use crate::{markdown, quantile};

const PER_SECOND: u32 = 1_000;
const SECONDS: u32 = 10;

pub(crate) fn table() -> String {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut rows = runtime.block_on(measure());
    let difference = |a: usize, b: usize| format!("{:.2} ms", rows[1].1[a] - rows[0].1[b]);
    let added = vec![
        "**added**".to_owned(),
        difference(0, 0) + " (aim ≤ 0.3)",
        difference(1, 1) + " (aim ≤ 1.5)",
        String::new(),
    ];
    let fresh = rows.pop();
    let line = |(name, [p50, p99], rate): (String, [f64; 2], f64)| {
        vec![
            name,
            format!("{p50:.2} ms"),
            format!("{p99:.2} ms"),
            format!("{rate:.0}/s"),
        ]
    };
    let mut lines: Vec<_> = rows.drain(..).map(line).collect();
    lines.push(added);
    lines.extend(fresh.map(line));
    markdown(
        "Latency at 1,000 requests per second, 2 KB bodies",
        &["call", "p50", "p99", "reached"],
        &lines,
    )
}

async fn measure() -> Vec<(String, [f64; 2], f64)> {
    let user = "{\"id\":\"KdYKjnimT4KPd8FFgQt9FQ\",\"email\":\"ada@example.com\",\"type\":2,\"dept\":\"x\",\"status\":\"active\"}";
    let body = format!("{{\"users\":[{}]}}", vec![user; 20].join(","));
    let source = source(Bytes::from(body)).await;
    let issuer = Issuer::start().await.unwrap();
    let new = |_| issuer.token("1", AUDIENCE, Duration::from_hours(1));
    let one: Arc<Vec<String>> = Arc::new((0..1).map(new).collect::<Result<_, _>>().unwrap());
    // Signatures are random, so each differs.
    let many = 0..PER_SECOND * SECONDS;
    let many = Arc::new(many.map(new).collect::<Result<_, _>>().unwrap());
    let running = start(&issuer.url(), &source.address().to_string());
    wait(running.port);
    let mut rows = Vec::new();
    let through = format!("http://127.0.0.1:{}/v2/users", running.port);
    for (name, url, tokens) in [
        (
            "to the source itself",
            format!("{}/v2/users", source.url()),
            &one,
        ),
        (
            "through the function, one caller's token",
            through.clone(),
            &one,
        ),
        (
            "through the function, a new token each time",
            through,
            &many,
        ),
    ] {
        eprintln!("latency: {name}");
        load(&url, &one, 2).await;
        let (mut times, rate) = load(&url, tokens, SECONDS).await;
        rows.push((
            name.to_owned(),
            [quantile(&mut times, 0.5), quantile(&mut times, 0.99)],
            rate,
        ));
    }
    rows
}

/// Sends calls at a fixed rate whatever becomes of earlier ones; each is timed from when it is sent.
async fn load(url: &str, tokens: &Arc<Vec<String>>, seconds: u32) -> (Vec<f64>, f64) {
    let client = reqwest::Client::builder()
        .no_proxy()
        // The source answers plain; compared is the same answer, not the work of compressing it.
        .no_gzip()
        .no_brotli()
        .no_deflate()
        .no_zstd()
        .build()
        .unwrap();
    let call = Arc::new((client, url.to_owned(), Arc::clone(tokens)));
    let begin = Instant::now();
    let total = PER_SECOND * seconds;
    let calls: Vec<_> = (0..total)
        .map(|number| {
            let call = Arc::clone(&call);
            let due = begin + Duration::from_secs(1) / PER_SECOND * number;
            tokio::spawn(async move {
                let token = &call.2[number as usize % call.2.len()];
                tokio::time::sleep_until(due.into()).await;
                let sent = Instant::now();
                let response = call.0.get(&call.1).bearer_auth(token).send().await.unwrap();
                assert_eq!(response.status(), 200);
                let _ = response.bytes().await.unwrap();
                sent.elapsed().as_secs_f64() * 1e3
            })
        })
        .collect();
    let mut times = Vec::with_capacity(calls.len());
    for call in calls {
        times.push(call.await.unwrap());
    }
    (times, f64::from(total) / begin.elapsed().as_secs_f64())
}
