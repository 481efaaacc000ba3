//! What others try: sites in the same browser, other programs on the machine, names bound to it.

use hushgate_gateway::connect::source::Redirect;

use super::*;

const FORBIDDEN: u16 = 403;

fn consenting() -> Sample {
    Sample {
        consent: true,
        ..Sample::default()
    }
}

#[tokio::test]
async fn another_host_is_not_served() -> Tested {
    let visit = Visit::of(Sample::default()).await?;
    let (port, base, cookie) = (visit.port, &visit.base, &visit.cookie);
    for host in [
        "host: attacker.example\r\n".to_owned(),
        format!("host: attacker.example:{port}\r\n"),
        "host: 127.0.0.1\r\n".to_owned(),
        format!("host: localhost:{port}\r\n"),
        format!("host: 127.0.0.1.:{port}\r\n"),
        format!("host: 127.0.0.1:{port}@attacker.example\r\n"),
        format!("host: 127.0.0.1:{port}\r\nhost: attacker.example\r\n"),
        String::new(),
    ] {
        for path in [base.as_str(), "/style.css", &visit.pass_path()] {
            let request = format!("GET {path} HTTP/1.1\r\n{host}cookie: {cookie}\r\n\r\n");
            let reply = visit.send(&request).await?;
            assert_eq!(reply.status, FORBIDDEN, "{host:?} {path}");
            assert!(!reply.body.contains("Client id"), "{host:?}");
        }
    }
    let absolute = format!(
        "GET http://127.0.0.1:{port}{base} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncookie: {cookie}\r\n\r\n"
    );
    assert_eq!(visit.send(&absolute).await?.status, FORBIDDEN);
    Ok(())
}

#[tokio::test]
async fn a_vendor_returns_to_the_host_and_path_that_it_knows_and_nothing_else_does() -> Tested {
    let options = Options {
        redirect: Redirect {
            host: "localhost".into(),
            port: None,
            path: "/oauth/back".into(),
        },
        ..Options::default()
    };
    let flow = Arc::new(consenting());
    let mut visit = Visit::with(flow, &options, Limits::default()).await?;
    visit.enter().await?;
    visit.post("answers", &good()).await?;
    let _ = visit.page().await?;
    let port = visit.port;
    let redirect = format!("http://localhost:{port}/oauth/back");
    assert_eq!(visit.answers().get("redirect"), Some(&redirect));
    for (host, path, status) in [
        ("localhost", "/callback", FORBIDDEN),
        ("127.0.0.1", "/callback", 404),
        ("localhost", visit.base.as_str(), FORBIDDEN),
        ("localhost", "/oauth/back/", FORBIDDEN),
        ("LOCALHOST", "/oauth/back", FORBIDDEN),
        ("localhost", "/oauth/back", 303),
    ] {
        let request =
            format!("GET {path}?state=the-state&code=c HTTP/1.1\r\nhost: {host}:{port}\r\n\r\n");
        let reply = visit.send(&request).await?;
        assert_eq!(reply.status, status, "{host}{path}");
        if status == 303 {
            assert!(reply.location().starts_with(&visit.origin()), "{reply:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn nobody_else_on_the_machine_gets_what_comes_to_localhost() -> Tested {
    let localhost = Redirect {
        host: "localhost".into(),
        ..Redirect::default()
    };
    let options = Options {
        redirect: localhost,
        ..Options::default()
    };
    let visit = Visit::with(Arc::new(consenting()), &options, Limits::default()).await?;
    match tokio::net::TcpListener::bind(("::1", visit.port)).await {
        Ok(_) => anyhow::bail!("::1 was left to others"),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {}
        // A machine without IPv6 has no such address to take.
        Err(_) => return Ok(()),
    }
    let squatted = tokio::net::TcpListener::bind(("::1", 0)).await?;
    let options = Options {
        port: Some(squatted.local_addr()?.port()),
        ..options
    };
    let web = Web::prepare(Arc::new(consenting()), &options).await;
    assert!(web.is_err(), "another program has the vendor's answer");
    Ok(())
}

#[tokio::test]
async fn a_form_of_another_site_is_refused() -> Tested {
    let visit = Visit::of(Sample::default()).await?;
    let own = visit.origin();
    for headers in [
        "origin: https://attacker.example\r\nsec-fetch-site: cross-site\r\n".to_owned(),
        "origin: https://attacker.example\r\n".to_owned(),
        "origin: null\r\nsec-fetch-site: cross-site\r\n".to_owned(),
        "origin: null\r\n".to_owned(),
        // Another port of this machine is the same site, and another origin.
        "origin: http://127.0.0.1:1\r\nsec-fetch-site: same-site\r\n".to_owned(),
        "origin: null\r\nsec-fetch-site: same-site\r\n".to_owned(),
        "origin: null\r\nsec-fetch-site: none\r\n".to_owned(),
        format!("origin: {own}\r\nsec-fetch-site: cross-site\r\n"),
        format!("origin: {own}\r\norigin: null\r\n"),
        "origin: null\r\nsec-fetch-site: same-origin\r\nsec-fetch-site: cross-site\r\n".to_owned(),
        String::new(),
    ] {
        for place in ["answers", "cancel", "back"] {
            let reply = visit.post_with(place, &good(), &headers).await?;
            assert_eq!(reply.status, FORBIDDEN, "{headers:?} {place}");
        }
    }
    assert!(visit.page().await?.body.contains("Check and connect"));
    assert_eq!(visit.flow.begun.load(Ordering::Relaxed), 0);

    // Browsers without `Sec-Fetch-Site` that send the origin.
    let reply = visit
        .post_with("answers", &good(), &format!("origin: {own}\r\n"))
        .await?;
    assert_eq!(reply.status, 303);
    Ok(())
}

#[tokio::test]
async fn a_page_is_not_shown_inside_of_another_site() -> Tested {
    let visit = Visit::of(Sample::default()).await?;
    let (port, base, cookie) = (visit.port, &visit.base, &visit.cookie);
    for site in ["cross-site", "same-site"] {
        let request = format!(
            "GET {base} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncookie: {cookie}\r\nsec-fetch-site: {site}\r\n\r\n"
        );
        assert_eq!(visit.send(&request).await?.status, FORBIDDEN, "{site}");
    }
    Ok(())
}

#[tokio::test]
async fn without_its_cookie_nothing_is_shown_or_taken() -> Tested {
    let mut visit = Visit::of(Sample::default()).await?;
    let right = visit.cookie.clone();
    let (base, pages) = (visit.base.clone(), ["", "go", "answers"]);
    let wrong = [
        String::new(),
        "hushgate_setup=".to_owned(),
        format!("{right}x"),
        right.to_uppercase(),
        format!("{right}; hushgate_setup=other"),
        right.replace("hushgate_setup", "other"),
    ];
    for cookie in wrong {
        visit.cookie = cookie;
        for place in pages {
            let reply = visit.get(&format!("{base}{place}")).await?;
            assert_eq!(reply.status, FORBIDDEN, "{} {place}", visit.cookie);
        }
        for place in ["answers", "cancel"] {
            let reply = visit.post(place, &good()).await?;
            assert_eq!(reply.status, FORBIDDEN, "{} {place}", visit.cookie);
        }
    }
    assert_eq!(visit.flow.begun.load(Ordering::Relaxed), 0);
    visit.cookie = format!("a=b; {right}; c=d");
    assert_eq!(visit.page().await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn only_a_get_of_the_right_link_opens_the_session() -> Tested {
    let mut visit = Visit::before(Sample::default(), Limits::default()).await?;
    let (port, path) = (visit.port, visit.pass_path());
    let (shorter, longer) = (
        path.get(..path.len() - 1).unwrap_or_default(),
        format!("{path}A"),
    );
    for tried in [shorter, &longer, "/enter/", "/enter/x"] {
        assert_eq!(visit.get(tried).await?.status, FORBIDDEN, "{tried}");
    }
    for method in ["HEAD", "POST", "OPTIONS", "PUT"] {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-length: 0\r\n\r\n"
        );
        assert_eq!(visit.send(&request).await?.status, 404, "{method}");
    }
    // None of these used it up.
    visit.enter().await?;
    assert_eq!(visit.page().await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn a_forged_return_changes_nothing_and_a_true_one_counts_once() -> Tested {
    let visit = Visit::of(consenting()).await?;
    let early = visit.get("/callback?state=the-state&code=x").await?;
    assert_eq!(early.status, 400, "no consent is waited for");
    visit.post("answers", &good()).await?;
    let _ = visit.page().await?;
    for query in [
        "",
        "?code=x",
        "?code=x&state=",
        "?code=x&state=other",
        "?code=x&state=the-state&state=other",
        "?code=%ff&state=the-state",
        "?error=access_denied",
    ] {
        let reply = visit.get(&format!("/callback{query}")).await?;
        assert_eq!(reply.status, 400, "{query}");
        assert!(reply.body.contains("does not belong"), "{query}");
    }
    assert_eq!(visit.flow.returns.load(Ordering::Relaxed), 0);
    assert!(visit.page().await?.body.contains("Waiting for"));

    let right = "/callback?code=x&state=the-state";
    assert_eq!(visit.get(right).await?.status, 303);
    assert_eq!(visit.get(right).await?.status, 400);
    assert!(visit.page().await?.body.contains("is connected"));
    assert_eq!(visit.get(right).await?.status, 400);
    assert_eq!(visit.flow.returns.load(Ordering::Relaxed), 1);
    Ok(())
}

#[tokio::test]
async fn forms_that_are_too_large_or_not_forms_are_refused() -> Tested {
    let visit = Visit::of(Sample::default()).await?;
    let large = format!("{}{}", good(), "x".repeat(256 << 10));
    assert_eq!(visit.post("answers", &large).await?.status, 413);
    for form in ["CLIENT_ID=%zz", "CLIENT_ID=1&CLIENT_ID=2", "OTHER=1"] {
        assert_eq!(visit.post("answers", form).await?.status, 400, "{form}");
    }
    let (port, base, cookie, origin) = (visit.port, &visit.base, &visit.cookie, visit.origin());
    for kind in [
        "application/json",
        "text/plain",
        "multipart/form-data; boundary=x",
    ] {
        let request = format!(
            "POST {base}answers HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncookie: {cookie}\r\norigin: {origin}\r\n\
             content-type: {kind}\r\ncontent-length: 2\r\n\r\n{{}}"
        );
        assert_eq!(visit.send(&request).await?.status, FORBIDDEN, "{kind}");
    }
    assert_eq!(visit.flow.begun.load(Ordering::Relaxed), 0);
    assert!(visit.page().await?.body.contains("Check and connect"));
    Ok(())
}

#[tokio::test]
async fn a_slow_client_is_ended_and_keeps_nobody_waiting() -> Tested {
    let limits = Limits {
        head_time: Duration::from_millis(200),
        body_time: Duration::from_millis(200),
        ..Limits::default()
    };
    let mut visit = Visit::before(Sample::default(), limits).await?;
    visit.enter().await?;
    let (port, base, cookie) = (visit.port, &visit.base, &visit.cookie);
    let head = format!("GET {base} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n");
    let body = format!(
        "POST {base}answers HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncookie: {cookie}\r\norigin: {}\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: 100\r\n\r\nCLIENT",
        visit.origin()
    );
    let mut slow = Vec::new();
    for request in ["", &head, &body] {
        for _ in 0..20 {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
            stream.write_all(request.as_bytes()).await?;
            slow.push(stream);
        }
    }
    assert_eq!(visit.page().await?.status, 200);
    for stream in &mut slow {
        let mut bytes = Vec::new();
        tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut bytes)).await??;
        let text = String::from_utf8(bytes)?;
        assert!(
            text.is_empty() || text.starts_with("HTTP/1.1 408"),
            "{text}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() -> Tested {
    let visit = Visit::of(Sample::default()).await?;
    let path = format!("/{}", "x".repeat(20 << 10));
    let reply = visit.get(&path).await?;
    assert!(matches!(reply.status, 414 | 431), "{reply:?}");
    Ok(())
}

#[tokio::test]
async fn nobody_else_can_take_a_port_in_use() -> Tested {
    let visit = Visit::of(Sample::default()).await?;
    let options = Options {
        port: Some(visit.port),
        ..Options::default()
    };
    let second = Web::prepare(Arc::new(Sample::default()), &options).await;
    let message = second
        .err()
        .map(|error| error.to_string())
        .unwrap_or_default();
    assert!(message.contains("is it in use?"), "{message}");
    Ok(())
}

#[tokio::test]
async fn a_setup_that_nobody_ends_ends_by_itself() -> Tested {
    let options = Options {
        patience: Duration::from_millis(100),
        ..Options::default()
    };
    let web = Web::prepare(Arc::new(Sample::default()), &options).await?;
    let end = tokio::time::timeout(Duration::from_secs(5), web.run()).await?;
    assert!(end.is_err_and(|e| e.to_string().contains("in time")));
    Ok(())
}
