//! The form, with what was wrong with the last answers.

use super::super::flow::{Face, Input, InputKind};
use super::super::html::{Element, Html, element, foreign, linked, text};
use super::super::session::Review;
use super::{ANSWERS, CANCEL, Page, Step, actions, document, link, paragraph, sentence, steps};
use crate::connection::failure::Failure;

/// Most characters of a vendor's message that are shown.
const LONGEST_MESSAGE: usize = 600;

/// The form's page.
pub(super) fn form(page: &Page<'_>, review: &Review) -> Html {
    let face = page.flow.face();
    let inputs = page.flow.inputs();
    let title = heading(&face);
    let wrong = !review.errors.is_empty() || review.problem.is_some();
    let main = [
        steps(page, Step::Details),
        element("h1").text(&title).end(),
        lead(&face, &inputs),
        summary(&inputs, review),
        preparation(page, &face),
        questions(page, &face, &inputs, review),
    ];
    let title = if wrong {
        format!("Error: {title}")
    } else {
        title
    };
    document(&title, Html::empty(), main)
}

fn heading(face: &Face) -> String {
    let verb = if face.again { "Reconnect" } else { "Connect" };
    format!("{verb} {}", face.source)
}

fn lead(face: &Face, inputs: &[Input]) -> Html {
    let mut words = element("p").class("lead");
    if !inputs.is_empty() {
        words = words.text(&format!(
            "What you enter goes to the command on this machine and is kept in {}. ",
            face.store
        ));
    }
    if face.consent {
        let then = if inputs.is_empty() { "" } else { "Then " };
        let how = if face.by_code {
            "asks for your consent, with a code that is shown here"
        } else {
            "asks for your consent and leads you back here"
        };
        words = words.text(&format!("{then}{} {how}. ", face.source));
    }
    if let Some(docs) = &face.docs {
        let name = format!("{}’s documentation", face.source);
        words = words.holds(element("a").leads_to(docs).text(&name).end());
    }
    words.end()
}

/// What is wrong, at the top, with a link to each field it is about.
fn summary(inputs: &[Input], review: &Review) -> Html {
    let mut words = Vec::new();
    if let Some(problem) = &review.problem {
        words.push(problem_text(problem));
    }
    let wrong: Vec<_> = inputs
        .iter()
        .filter(|input| review.errors.contains_key(&input.name))
        .collect();
    if !wrong.is_empty() {
        let title = match wrong.len() {
            1 => "One answer needs another look".to_owned(),
            several => format!("{several} answers need another look"),
        };
        words.push(element("h2").text(&title).end());
        let items = wrong.iter().map(|input| {
            let anchor = link(&format!("#{}", id("f", input)), &input.label);
            element("li").holds(anchor).end()
        });
        words.push(element("ul").holds(items.collect()).end());
    }
    if words.is_empty() {
        return Html::empty();
    }
    element("div")
        .class("problem")
        .with("role", "alert")
        .holds(words.into_iter().collect())
        .end()
}

fn problem_text(problem: &Failure) -> Html {
    // Messages say what is wrong, then what it means and what to do.
    let message = problem.message.split_once("; ");
    let (what, why) = message.map_or((problem.message.as_str(), None), |(a, b)| (a, Some(b)));
    let mut words = vec![element("h2").text(&sentence(what)).end()];
    words.extend(why.map(|why| paragraph(&sentence(why))));
    if let Some(vendor) = &problem.vendor {
        let quote = foreign(&shortened(vendor));
        let quoted = element("p").text("The vendor’s answer: ");
        words.push(quoted.holds(element("q").holds(quote).end()).end());
    }
    if let Some(next) = &problem.next {
        words.push(paragraph(&sentence(next)));
    }
    let code = element("code").text(problem.code()).end();
    words.push(element("p").class("code").text("Code ").holds(code).end());
    words.into_iter().collect()
}

fn shortened(words: &str) -> String {
    match words.char_indices().nth(LONGEST_MESSAGE) {
        Some((end, _)) => format!("{}…", words.get(..end).unwrap_or_default()),
        None => words.to_owned(),
    }
}

/// What must be done at the vendor's before.
fn preparation(page: &Page<'_>, face: &Face) -> Html {
    let mut items = Vec::new();
    if face.consent && !face.by_code {
        let address = element("code").class("address").text(page.redirect).end();
        let words = element("p").text("Add this redirect address to the app:");
        items.push(words.end());
        items.push(element("p").holds(address).end());
    }
    if !face.permissions.is_empty() {
        items.push(paragraph("The app or account needs these permissions:"));
        let list = face
            .permissions
            .iter()
            .map(|p| element("li").holds(element("code").text(p).end()).end());
        items.push(
            element("ul")
                .class("permissions")
                .holds(list.collect())
                .end(),
        );
    }
    if items.is_empty() {
        return Html::empty();
    }
    let title = format!("Before, at {}", face.source);
    element("section")
        .class("before")
        .holds(element("h2").text(&title).end())
        .holds(items.into_iter().collect())
        .end()
}

fn questions(page: &Page<'_>, face: &Face, inputs: &[Input], review: &Review) -> Html {
    let first_wrong = inputs
        .iter()
        .find(|input| review.errors.contains_key(&input.name));
    let focus = first_wrong.or(inputs.first()).map(|input| &input.name);
    let fields = inputs
        .iter()
        .map(|input| question(input, review, focus == Some(&input.name)));
    let form = element("form")
        .class("questions")
        .with("id", "answers")
        .with("method", "post")
        .with("action", &page.place(ANSWERS))
        .with("autocomplete", "off")
        // The server's own checks say more, and beside the field.
        .flag("novalidate", true)
        .holds(fields.collect());
    let submit = submit(face).with("form", "answers").end();
    [form.end(), actions([submit, page.post(CANCEL, "Cancel")])]
        .into_iter()
        .collect()
}

fn submit(face: &Face) -> Element {
    let label = if face.consent {
        format!("Continue to {}", face.source)
    } else {
        "Check and connect".to_owned()
    };
    let button = element("button").with("type", "submit");
    if face.button.is_none() {
        return button.class("button").text(&label);
    }
    let picture = element("img").with("src", "/button").with("alt", &label);
    button.class("picture").holds(picture.void())
}

fn question(input: &Input, review: &Review, focus: bool) -> Html {
    let error = review.errors.get(&input.name);
    let field = id("f", input);
    let mut label = element("label").with("for", &field).text(&input.label);
    // A field with a default is filled in already.
    if !input.required && input.default.is_none() {
        label = label.holds(element("span").class("optional").text(" (optional)").end());
    }
    let mut parts = vec![label.end()];
    let mut described = Vec::new();
    let mut describe = |letter: &'static str, class: &'static str, words: Html| {
        let id = id(letter, input);
        parts.push(element("p").class(class).with("id", &id).holds(words).end());
        described.push(id);
    };
    if !input.tooltip.is_empty() {
        describe("h", "hint", linked(&input.tooltip));
    }
    if input.secret && review.kept.contains(&input.name) && error.is_none() {
        describe(
            "k",
            "kept",
            text("Entered before. Leave it empty to keep it."),
        );
    }
    if let Some(error) = error {
        let prefix = element("span").class("unseen").text("Error: ").end();
        let words = [prefix, text(&sentence(error))];
        describe("e", "error", words.into_iter().collect());
    }
    parts.push(control(input, review, |element| {
        let described = (!described.is_empty()).then(|| described.join(" "));
        element
            .with("id", &field)
            .with("name", &input.name)
            .with_some("aria-describedby", described.as_deref())
            .with_some("aria-invalid", error.map(|_| "true"))
            .flag("required", input.required && input.default.is_none())
            .flag("autofocus", focus)
    }));
    let when = (!input.when.is_empty()).then(|| input.when.join(" "));
    element("div")
        .class(if error.is_some() {
            "field wrong"
        } else {
            "field"
        })
        .with_some("data-when", when.as_deref())
        .flag("data-chooser", input.chooser)
        .holds(parts.into_iter().collect())
        .end()
}

fn control(input: &Input, review: &Review, common: impl Fn(Element) -> Element) -> Html {
    // A secret is never written into a page, not even the person's own.
    let shown = review.shown.get(&input.name).filter(|_| !input.secret);
    let shown = shown.or(input.default.as_ref()).map(String::as_str);
    let typed = |element: Element| {
        common(element)
            .with("autocomplete", "off")
            .with("autocapitalize", "none")
            .with("spellcheck", "false")
    };
    match &input.kind {
        InputKind::Text if !input.secret => typed(element("input").with("type", "text"))
            .with_some("value", shown)
            .void(),
        InputKind::Text | InputKind::Password => {
            typed(element("input").with("type", "password")).void()
        }
        InputKind::TextArea => typed(element("textarea").with("rows", "6"))
            .text(shown.unwrap_or_default())
            .end(),
        InputKind::Select(choices) => {
            let known = choices
                .iter()
                .any(|choice| Some(choice.value.as_str()) == shown);
            let empty = element("option").with("value", "").text("Choose…").end();
            let empty = if known { Html::empty() } else { empty };
            let options = choices.iter().map(|choice| {
                element("option")
                    .with("value", &choice.value)
                    .flag("selected", Some(choice.value.as_str()) == shown)
                    .text(&choice.label)
                    .end()
            });
            let options = std::iter::once(empty).chain(options).collect();
            common(element("select")).holds(options).end()
        }
    }
}

fn id(letter: &str, input: &Input) -> String {
    format!("{letter}-{}", input.name)
}
