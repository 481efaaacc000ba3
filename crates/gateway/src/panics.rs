//! Panics: caught by the gateway, and never shown with their text, which could hold a value.

/// Makes panics log their place and nothing else. Call once, at start.
pub fn quiet() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map_or_else(
            || "an unknown place".to_owned(),
            |l| format!("{}:{}", l.file(), l.line()),
        );
        tracing::error!(target: "hushgate::panic", place, "a bug: the gateway met a fault and refused the request");
    }));
}
