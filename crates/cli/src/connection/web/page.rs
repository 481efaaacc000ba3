//! The pages.

use super::flow::{Connected, Device, Flow};
use super::html::{Html, element, foreign, text};
use super::session::Stage;

mod form;

/// Where the link that opens the session is; the pass follows.
pub(super) const ENTER: &str = "/enter/";
/// The page that leads on by itself, under the base as all below.
pub(super) const HOP: &str = "wait";
/// Leads to the vendor.
pub(super) const GO: &str = "go";
/// Waits for a code to be entered at the vendor's.
pub(super) const ENTERED: &str = "entered";
/// Takes the form.
pub(super) const ANSWERS: &str = "answers";
/// Leads back to the form.
pub(super) const BACK: &str = "back";
/// Gives up.
pub(super) const CANCEL: &str = "cancel";

/// The logo: a gate whose right half is hushed.
const LOGO: &str = include_str!("icon.svg");
/// A tick in a circle.
const TICK: &str = "<svg class=\"mark\" viewBox=\"0 0 48 48\" aria-hidden=\"true\"><circle cx=\"24\" cy=\"24\" \
                    r=\"22\"/><path d=\"M14 25l7 7 13-15\"/></svg>";

/// What all pages are made from.
#[derive(Clone, Copy)]
pub(super) struct Page<'a> {
    /// What is set up.
    pub(super) flow: &'a dyn Flow,
    /// Where the pages are.
    pub(super) base: &'a str,
    /// Where the vendor returns to.
    pub(super) redirect: &'a str,
}

/// The step a page belongs to.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Step {
    Details,
    Consent,
    Check,
    Done,
}

/// The page of a stage.
pub(super) fn of(page: &Page<'_>, stage: &Stage) -> Html {
    match stage {
        Stage::Form(review) => form::form(page, review),
        Stage::Consent { .. } => consent(page),
        Stage::Device(device) => code(page, device),
        Stage::Working => working(page),
        Stage::Connected(connected) => done(page, connected),
        Stage::Cancelled => cancelled(),
    }
}

/// The page that leads on to the present one by itself, without any script: the browser replaces it
/// in its history.
pub(super) fn hop(page: &Page<'_>) -> Html {
    let refresh = element("meta")
        .with("http-equiv", "refresh")
        .with("content", &format!("0; url={}", page.base))
        .void();
    let main = [
        element("h1").text("One moment").end(),
        paragraph("Hushgate is checking. This page goes on by itself."),
        element("div").class("bar").end(),
        actions([link(page.base, "Go on now")]),
    ];
    document("One moment", refresh, main)
}

/// The answer to a link that was used before.
pub(super) fn used() -> Html {
    message(
        "This link was used already",
        "It opens once, in one browser. If it was not you who opened it, press Ctrl-C in the terminal and start again.",
    )
}

/// The answer to a return that belongs to no consent of this session.
pub(super) fn not_ours() -> Html {
    message(
        "This does not belong to the setup",
        "It is no answer to a consent that is waited for, so nothing was done with it. \
         Go back to the setup's own tab and continue there.",
    )
}

/// The answer to what is not served.
pub(super) fn refused(why: &str) -> Html {
    let words = [
        element("h1").text("This is not served").end(),
        paragraph(&sentence(why)),
        paragraph("Open the link that the command printed, or start the command again."),
    ];
    document("Not served", Html::empty(), words)
}

fn consent(page: &Page<'_>) -> Html {
    let face = page.flow.face();
    let title = format!("Waiting for {}", face.source);
    let go = element("a")
        .class("button")
        .with("href", &page.place(GO))
        .text(&format!("Continue to {}", face.source))
        .end();
    let main = [
        steps(page, Step::Consent),
        element("h1").text(&title).end(),
        paragraph(&format!(
            "{} has not answered yet. Continue there and agree; it leads you back here.",
            face.source
        )),
        actions([
            go,
            page.post(BACK, "Change the details"),
            page.post(CANCEL, "Cancel"),
        ]),
    ];
    document(&title, Html::empty(), main)
}

fn code(page: &Page<'_>, device: &Device) -> Html {
    let face = page.flow.face();
    let title = format!("Enter this code at {}", face.source);
    let url = device.complete.as_ref().unwrap_or(&device.url);
    let open = if url.starts_with("https://") {
        element("a")
            .class("button")
            .leads_to(url)
            .with("target", "_blank")
            .text(&format!("Open {}", face.source))
            .end()
    } else {
        Html::empty()
    };
    let on = element("a")
        .class("quiet")
        .with("href", &page.place(ENTERED))
        .text("I have entered it")
        .end();
    let main = [
        steps(page, Step::Consent),
        element("h1").text(&title).end(),
        paragraph("Open this address on any device, enter the code and agree:"),
        element("p").holds(foreign(&device.url)).end(),
        element("p")
            .class("entry")
            .holds(foreign(&device.code))
            .end(),
        actions([open, on, page.post(CANCEL, "Cancel")]),
    ];
    document(&title, Html::empty(), main)
}

fn working(page: &Page<'_>) -> Html {
    let main = [
        steps(page, Step::Check),
        element("h1").text("Still checking").end(),
        paragraph("This takes longer than usual. Nothing is lost when you wait."),
        actions([link(page.base, "Look again")]),
    ];
    document("Still checking", Html::empty(), main)
}

fn done(page: &Page<'_>, connected: &Connected) -> Html {
    let face = page.flow.face();
    let title = format!("{} is connected", face.source);
    let mut rows = Vec::new();
    if let Some(account) = &connected.account {
        rows.push(row("Account", foreign(account)));
    }
    if let Some(email) = &connected.email {
        rows.push(row("E-mail", foreign(email)));
    }
    rows.push(row(
        "Connection",
        element("code").text(&face.connection).end(),
    ));
    rows.push(row("Kept in", text(&face.store)));
    let notes = connected.notes.iter().map(|note| paragraph(note));
    let main = [
        steps(page, Step::Done),
        Html::literal(TICK),
        element("h1").text(&title).end(),
        paragraph("The connection is kept, and functions can use it from now on."),
        element("dl").holds(rows.into_iter().collect()).end(),
        notes.collect(),
        element("p")
            .class("end")
            .text("You can close this page.")
            .end(),
    ];
    document(&title, Html::empty(), main)
}

fn cancelled() -> Html {
    message(
        "The setup is cancelled",
        "Nothing was kept. You can close this page.",
    )
}

fn message(title: &str, words: &str) -> Html {
    let main = [element("h1").text(title).end(), paragraph(words)];
    document(title, Html::empty(), main)
}

impl Page<'_> {
    /// The address of a place under the base.
    fn place(&self, place: &str) -> String {
        format!("{}{place}", self.base)
    }

    /// A button that posts to a place and carries nothing.
    fn post(&self, place: &str, label: &str) -> Html {
        let button = element("button")
            .class("quiet")
            .with("type", "submit")
            .text(label)
            .end();
        element("form")
            .with("method", "post")
            .with("action", &self.place(place))
            .holds(button)
            .end()
    }
}

fn document(title: &str, head: Html, main: impl IntoIterator<Item = Html>) -> Html {
    let meta = |name, content| {
        element("meta")
            .with("name", name)
            .with("content", content)
            .void()
    };
    let linked = |rel, href| element("link").with("rel", rel).with("href", href).void();
    let head = element("head")
        .holds(element("meta").with("charset", "utf-8").void())
        .holds(meta("viewport", "width=device-width, initial-scale=1"))
        .holds(meta("color-scheme", "light dark"))
        .holds(meta("robots", "noindex"))
        .holds(element("title").text(&format!("{title} · Hushgate")).end())
        .holds(linked("stylesheet", "/style.css"))
        .holds(linked("icon", "/icon.svg"))
        .holds(head);
    let brand = element("header")
        .holds(Html::literal(LOGO))
        .holds(element("span").text("Hushgate").end());
    let foot = element("footer")
        .text("Served by the hushgate command on this machine. No script, nothing from elsewhere.");
    let body = element("body")
        .holds(brand.end())
        .holds(element("main").holds(main.into_iter().collect()).end())
        .holds(foot.end());
    element("html")
        .with("lang", "en")
        .holds(head.end())
        .holds(body.end())
        .end()
}

/// Where the setup stands.
fn steps(page: &Page<'_>, now: Step) -> Html {
    let face = page.flow.face();
    let consent = format!("Consent at {}", face.source);
    let all = [
        (Step::Details, "Details"),
        (Step::Consent, consent.as_str()),
        (Step::Check, "Check"),
    ];
    let items = all
        .into_iter()
        .filter(|(step, _)| *step != Step::Consent || face.consent)
        .map(|(step, name)| {
            let item = element("li").text(name);
            if step == now {
                item.with("aria-current", "step").end()
            } else if step < now {
                let done = element("span").class("unseen").text(" (done)").end();
                item.class("done").holds(done).end()
            } else {
                item.end()
            }
        });
    element("ol")
        .class("steps")
        .with("aria-label", "Steps")
        .holds(items.collect())
        .end()
}

fn row(name: &str, value: Html) -> Html {
    let name = element("dt").text(name).end();
    let value = element("dd").holds(value).end();
    element("div").holds(name).holds(value).end()
}

fn actions(buttons: impl IntoIterator<Item = Html>) -> Html {
    element("div")
        .class("actions")
        .holds(buttons.into_iter().collect())
        .end()
}

fn link(href: &str, label: &str) -> Html {
    element("a").with("href", href).text(label).end()
}

fn paragraph(words: &str) -> Html {
    element("p").text(words).end()
}

/// A message as a sentence: messages begin in lower case, sentences don't.
fn sentence(message: &str) -> String {
    let mut rest = message.trim().chars();
    let Some(first) = rest.next() else {
        return String::new();
    };
    let end = if message.ends_with(['.', '!', '?']) {
        ""
    } else {
        "."
    };
    format!("{}{}{end}", first.to_uppercase(), rest.as_str().trim_end())
}
