//! What the person sees on the way.

use super::*;
use crate::connection::code::Code;
use crate::connection::failure::Failure;

fn contains(reply: &Reply, words: &[&str]) {
    for word in words {
        assert!(reply.body.contains(word), "no {word:?} in {}", reply.body);
    }
}

fn lacks(reply: &Reply, words: &[&str]) {
    for word in words {
        assert!(!reply.body.contains(word), "{word:?} in {}", reply.body);
        assert!(!reply.head.contains(word), "{word:?} in {}", reply.head);
    }
}

#[tokio::test]
async fn the_link_opens_once_and_vanishes_from_the_address() -> Tested {
    let visit = Visit::before(Sample::default(), Limits::default()).await?;
    let first = visit.get(&visit.pass_path()).await?;
    assert_eq!(first.status, 303);
    let pass = visit.pass_path().replace("/enter/", "");
    assert!(pass.len() >= 43 && !first.head.contains(&pass), "{first:?}");
    let cookie = first.header("set-cookie").unwrap_or_default();
    assert!(
        cookie.ends_with(&format!("; Path={}; HttpOnly; SameSite=Strict", visit.base)),
        "{cookie}"
    );
    assert!(
        !cookie.contains(&pass),
        "the link's secret is not the cookie"
    );
    let hop = visit
        .get(first.location().trim_start_matches(&visit.origin()))
        .await?;
    contains(&hop, &[&format!("content=\"0; url={}\"", visit.base)]);

    let second = visit.get(&visit.pass_path()).await?;
    assert_eq!(second.status, 403);
    contains(&second, &["used already"]);
    assert_eq!(second.header("set-cookie"), None);
    Ok(())
}

#[tokio::test]
async fn the_form_shows_what_the_source_declares_and_nothing_ends_its_place() -> Tested {
    let visit = Visit::of(Sample::default()).await?;
    let page = visit.page().await?;
    contains(
        &page,
        &[
            "<title>Connect Zoom &lt;i&gt; · Hushgate</title>",
            "<label for=\"f-CLIENT_ID\">Client id &quot; onfocus=x</label>",
            "&lt;script&gt;alert(&#39;CLIENT_ID&#39;)&lt;/script&gt;",
            "type=\"password\" id=\"f-CLIENT_SECRET\" name=\"CLIENT_SECRET\" aria-describedby=\"h-CLIENT_SECRET\" required",
            "<textarea rows=\"6\" id=\"f-PRIVATE_KEY\"",
            "<option value=\"body\" selected>By body &lt;/option&gt;</option>",
            "data-when=\"certificate\"",
            "<code>user:read:admin&quot;&gt;&lt;b&gt;</code>",
            "novalidate",
            "autocomplete=\"off\"",
        ],
    );
    lacks(&page, &["<script", "style=", " onfocus=x\""]);
    assert_eq!(page.body.matches("autofocus").count(), 1);
    Ok(())
}

#[tokio::test]
async fn every_answer_forbids_scripts_frames_caching_and_referrers() -> Tested {
    let visit = Visit::of(Sample::default()).await?;
    for path in [
        visit.base.as_str(),
        "/style.css",
        "/icon.svg",
        "/nowhere",
        "/callback",
    ] {
        let reply = visit.get(path).await?;
        let policy = reply.header("content-security-policy").unwrap_or_default();
        assert!(
            policy.starts_with("default-src 'none'; style-src 'self';"),
            "{path}"
        );
        assert!(
            !policy.contains("unsafe") && !policy.contains("script-src"),
            "{policy}"
        );
        // Forms come with an origin only from a page with a referrer.
        let own = path == visit.base;
        let referrer = if own { "same-origin" } else { "no-referrer" };
        for (name, value) in [
            ("cache-control", "no-store"),
            ("referrer-policy", referrer),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(reply.header(name), Some(value), "{path}");
        }
        for elsewhere in ["src=\"http", "href=\"http:", "url(", "@import"] {
            assert!(!reply.body.contains(elsewhere), "{elsewhere} in {path}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn wrong_answers_come_back_beside_their_fields_without_secrets() -> Tested {
    let visit = Visit::of(Sample::default()).await?;
    let form = format!(
        "CLIENT_AUTH=body&CLIENT_ID=bad&CLIENT_SECRET={}&PRIVATE_KEY=",
        encoded(SECRET)
    );
    let reply = visit.post("answers", &form).await?;
    assert_eq!(reply.status, 303);
    assert!(reply.location().ends_with("/wait"), "{reply:?}");
    let page = visit.page().await?;
    contains(
        &page,
        &[
            "<title>Error: Connect Zoom",
            "role=\"alert\"",
            "<a href=\"#f-CLIENT_ID\">",
            "CLIENT_ID must be &lt;good&gt;.",
            "aria-describedby=\"h-CLIENT_ID e-CLIENT_ID\" aria-invalid=\"true\" required autofocus",
            "value=\"bad\"",
            "id=\"k-CLIENT_SECRET\">Entered before. Leave it empty to keep it.",
        ],
    );
    lacks(&page, &["s3cr3t", &encoded(SECRET)]);
    assert_eq!(visit.flow.begun.load(Ordering::Relaxed), 0);

    // The secret that was accepted need not be typed again.
    visit
        .post(
            "answers",
            "CLIENT_AUTH=body&CLIENT_ID=id-1&CLIENT_SECRET=&PRIVATE_KEY=",
        )
        .await?;
    contains(&visit.page().await?, &["is connected"]);
    assert_eq!(
        visit.answers().get("CLIENT_SECRET").map(String::as_str),
        Some(SECRET)
    );
    Ok(())
}

#[tokio::test]
async fn only_the_fields_of_the_chosen_way_are_asked_for() -> Tested {
    let visit = Visit::of(Sample::default()).await?;
    let form = "CLIENT_AUTH=certificate&CLIENT_ID=id&CLIENT_SECRET=left-over&PRIVATE_KEY=";
    visit.post("answers", form).await?;
    let page = visit.page().await?;
    contains(
        &page,
        &[
            "Enter the private key.",
            "<option value=\"certificate\" selected>",
        ],
    );
    lacks(&page, &["Enter the client secret", "left-over"]);
    let form = "CLIENT_AUTH=certificate&CLIENT_ID=id&CLIENT_SECRET=left-over&PRIVATE_KEY=a%0D%0Ab";
    visit.post("answers", form).await?;
    contains(&visit.page().await?, &["is connected"]);
    let answers = visit.answers();
    assert_eq!(answers.get("PRIVATE_KEY").map(String::as_str), Some("a\nb"));
    assert!(!answers.contains_key("CLIENT_SECRET"), "{answers:?}");
    Ok(())
}

#[tokio::test]
async fn an_answer_outside_the_list_is_refused() -> Tested {
    let visit = Visit::of(Sample::default()).await?;
    visit
        .post(
            "answers",
            "CLIENT_AUTH=none&CLIENT_ID=id&CLIENT_SECRET=x&PRIVATE_KEY=",
        )
        .await?;
    contains(&visit.page().await?, &["Choose one of the list."]);
    assert_eq!(visit.flow.begun.load(Ordering::Relaxed), 0);
    Ok(())
}

#[tokio::test]
async fn the_result_names_the_account_and_the_command_ends() -> Tested {
    let flow = Sample {
        connected: Connected {
            account: Some("Acme <script>alert(1)</script>".into()),
            email: Some("admin@acme.example".into()),
            notes: vec!["The key is 300 days old.".into()],
        },
        ..Sample::default()
    };
    let mut visit = Visit::of(flow).await?;
    visit.post("answers", &good()).await?;
    let page = visit.page().await?;
    contains(
        &page,
        &[
            "Zoom &lt;i&gt; is connected",
            "<bdi>Acme &lt;script&gt;alert(1)&lt;/script&gt;</bdi>",
            "<bdi>admin@acme.example</bdi>",
            "The key is 300 days old.",
            "You can close this page.",
        ],
    );
    lacks(&page, &["s3cr3t", "<form", "<input"]);
    let end = tokio::time::timeout(Duration::from_secs(10), &mut visit.running).await???;
    assert_eq!(end.email.as_deref(), Some("admin@acme.example"));
    assert!(TcpStream::connect(("127.0.0.1", visit.port)).await.is_err());
    Ok(())
}

#[tokio::test]
async fn a_failure_is_told_and_can_be_mended() -> Tested {
    let flow = Sample::default();
    if let Ok(mut fails) = flow.fails.lock() {
        *fails = Some(Failure {
            vendor: Some(format!(
                "Bad <img src=x onerror=alert(1)>{}",
                "x".repeat(5000)
            )),
            fields: BTreeMap::from([("CLIENT_SECRET".into(), "was refused".into())]),
            ..Failure::new(Code::FieldInvalid, "the token endpoint refused the client")
                .next("check the client secret")
        });
    }
    let visit = Visit::of(flow).await?;
    visit.post("answers", &good()).await?;
    let page = visit.page().await?;
    contains(
        &page,
        &[
            "The token endpoint refused the client.",
            "<bdi>Bad &lt;img src=x onerror=alert(1)&gt;xxx",
            "Check the client secret.",
            "<code>field-invalid</code>",
            "Was refused.",
        ],
    );
    lacks(&page, &["s3cr3t", "<img", &"x".repeat(700)]);
    visit.post("answers", &good()).await?;
    contains(&visit.page().await?, &["is connected"]);
    assert_eq!(visit.flow.begun.load(Ordering::Relaxed), 2);
    Ok(())
}

#[tokio::test]
async fn cancelling_keeps_nothing_and_ends_the_command() -> Tested {
    let mut visit = Visit::of(Sample::default()).await?;
    visit.post("cancel", "").await?;
    contains(&visit.page().await?, &["is cancelled", "Nothing was kept"]);
    let late = visit.post("answers", &good()).await?;
    assert_eq!(late.status, 303);
    assert_eq!(visit.flow.begun.load(Ordering::Relaxed), 0);
    let end = tokio::time::timeout(Duration::from_secs(10), &mut visit.running).await??;
    assert!(end.is_err_and(|e| e.to_string().contains("cancelled")));
    Ok(())
}

#[tokio::test]
async fn consent_leads_to_the_vendor_and_back() -> Tested {
    let flow = Sample {
        consent: true,
        ..Sample::default()
    };
    let visit = Visit::of(flow).await?;
    let redirect = format!("{}/callback", visit.origin());
    contains(
        &visit.page().await?,
        &["Continue to Zoom &lt;i&gt;", &redirect],
    );
    visit.post("answers", &good()).await?;
    let away = visit.page().await?;
    assert_eq!((away.status, away.location()), (303, AUTHORIZE));
    assert_eq!(visit.answers().get("redirect"), Some(&redirect));

    // Whoever comes back without an answer is not sent away at once again.
    let waiting = visit.page().await?;
    contains(
        &waiting,
        &["Waiting for Zoom &lt;i&gt;", &format!("{}go", visit.base)],
    );
    lacks(&waiting, &["the-state"]);
    let again = visit.get(&format!("{}go", visit.base)).await?;
    assert_eq!(again.location(), AUTHORIZE);

    // The browser sends no cookie with this one: another site leads here.
    let (port, path) = (visit.port, "/callback?code=the-code&state=the-state");
    let back = visit
        .send(&format!(
            "GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nsec-fetch-site: cross-site\r\n\r\n"
        ))
        .await?;
    assert_eq!(back.status, 303);
    assert!(back.location().ends_with("/wait"), "{back:?}");
    lacks(&back, &["the-code", "the-state"]);
    let page = visit.page().await?;
    contains(&page, &["is connected"]);
    lacks(&page, &["the-code", "the-state"]);
    Ok(())
}

#[tokio::test]
async fn a_code_is_shown_until_it_was_entered() -> Tested {
    let flow = Sample {
        consent: true,
        device: true,
        ..Sample::default()
    };
    let limits = Limits {
        patience: Duration::from_millis(100),
        ..Limits::default()
    };
    let mut visit = Visit::before(flow, limits).await?;
    visit.enter().await?;
    visit.post("answers", &good()).await?;
    let entered = format!("{}entered", visit.base);
    for page in [visit.page().await?, visit.get(&entered).await?] {
        contains(&page, &["WDJB-&lt;b&gt;", "https://vendor.example/device"]);
    }
    visit.flow.entered.notify_one();
    contains(&visit.get(&entered).await?, &["is connected"]);
    assert_eq!(visit.flow.returns.load(Ordering::Relaxed), 1);
    Ok(())
}

#[tokio::test]
async fn a_code_that_is_entered_after_cancelling_counts_no_more() -> Tested {
    let flow = Sample {
        device: true,
        ..Sample::default()
    };
    let visit = Visit::of(flow).await?;
    visit.post("answers", &good()).await?;
    contains(&visit.page().await?, &["WDJB"]);
    visit.post("cancel", "").await?;
    visit.flow.entered.notify_one();
    tokio::time::sleep(Duration::from_millis(50)).await;
    contains(&visit.page().await?, &["is cancelled"]);
    assert_eq!(visit.flow.returns.load(Ordering::Relaxed), 0);
    Ok(())
}

#[tokio::test]
async fn from_consent_one_can_go_back_to_the_details() -> Tested {
    let flow = Sample {
        consent: true,
        ..Sample::default()
    };
    let visit = Visit::of(flow).await?;
    visit.post("answers", &good()).await?;
    let _ = visit.page().await?;
    visit.post("back", "").await?;
    let page = visit.page().await?;
    contains(&page, &["value=\"id-1\"", "id=\"k-CLIENT_SECRET\""]);
    lacks(&page, &["s3cr3t", "role=\"alert\""]);
    Ok(())
}

#[tokio::test]
async fn a_page_waits_for_what_is_under_way_and_a_second_tab_sees_the_same() -> Tested {
    let flow = Sample {
        slow: Duration::from_millis(300),
        ..Sample::default()
    };
    let limits = Limits {
        patience: Duration::from_millis(100),
        ..Limits::default()
    };
    let mut visit = Visit::before(flow, limits).await?;
    visit.enter().await?;
    visit.post("answers", &good()).await?;
    let second_tab = visit.post("answers", &good()).await?;
    assert_eq!(second_tab.status, 303);
    contains(&visit.page().await?, &["Still checking", "Look again"]);
    tokio::time::sleep(Duration::from_millis(400)).await;
    for _ in 0..2 {
        contains(&visit.page().await?, &["is connected"]);
    }
    assert_eq!(visit.flow.begun.load(Ordering::Relaxed), 1);
    Ok(())
}
