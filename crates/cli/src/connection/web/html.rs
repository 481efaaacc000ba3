//! HTML that is escaped by construction: tags and attribute names are part of the program, everything
//! else passes through [`escape_into`].

/// A piece of well-formed HTML. Made only by [`Element`], [`text`] and the program's own literals.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Html(String);

impl Html {
    /// Markup that is part of the program.
    pub(super) const fn empty() -> Self {
        Self(String::new())
    }

    /// Markup that is part of the program, such as a drawing.
    pub(super) fn literal(markup: &'static str) -> Self {
        Self(markup.to_owned())
    }

    /// The whole document.
    pub(super) fn document(self) -> String {
        format!("<!doctype html>\n{}\n", self.0)
    }

    /// The markup.
    #[cfg(test)]
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromIterator<Html> for Html {
    fn from_iter<I: IntoIterator<Item = Html>>(pieces: I) -> Self {
        pieces.into_iter().fold(Self::empty(), |mut all, piece| {
            all.0 += &piece.0;
            all
        })
    }
}

/// Text, escaped.
pub(super) fn text(text: &str) -> Html {
    let mut html = Html::empty();
    escape_into(&mut html.0, text);
    html
}

/// Text of others in an element of its own, so that its writing direction ends with it.
pub(super) fn foreign(words: &str) -> Html {
    element("bdi").text(words).end()
}

/// Text in which addresses of pages elsewhere are links; they open beside the page, which would lose
/// what was typed.
pub(super) fn linked(words: &str) -> Html {
    let mut pieces = Vec::new();
    let mut rest = words;
    while let Some((before, from)) = rest.find("https://").map(|at| rest.split_at(at)) {
        let end = from.find(char::is_whitespace).unwrap_or(from.len());
        let url = from.get(..end).unwrap_or_default();
        let url = url.trim_end_matches(|c: char| {
            !(c.is_alphanumeric() || matches!(c, '/' | '-' | '_' | '='))
        });
        let note = element("span")
            .class("unseen")
            .text(" (opens in a new tab)")
            .end();
        let link = element("a").leads_to(url).with("target", "_blank");
        pieces.extend([text(before), link.text(url).holds(note).end()]);
        rest = from.get(url.len()..).unwrap_or_default();
    }
    pieces.push(text(rest));
    pieces.into_iter().collect()
}

/// Begins an element.
pub(super) fn element(name: &'static str) -> Element {
    Element {
        name,
        head: format!("<{name}"),
        inside: Html::empty(),
    }
}

/// An element being written.
#[derive(Debug)]
#[must_use]
pub(super) struct Element {
    name: &'static str,
    head: String,
    inside: Html,
}

impl Element {
    /// An attribute with a value.
    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.head.push(' ');
        self.head += name;
        self.head += "=\"";
        escape_into(&mut self.head, value);
        self.head.push('"');
        self
    }

    /// An attribute with a value, where there is one.
    pub(super) fn with_some(self, name: &'static str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// An attribute without a value, if it holds.
    pub(super) fn flag(mut self, name: &'static str, holds: bool) -> Self {
        if holds {
            self.head.push(' ');
            self.head += name;
        }
        self
    }

    /// `class`.
    pub(super) fn class(self, names: &'static str) -> Self {
        self.with("class", names)
    }

    /// `href` of a page elsewhere; left out unless it is `https`, so that no script or file can stand there.
    pub(super) fn leads_to(self, url: &str) -> Self {
        if url.starts_with("https://") {
            self.with("href", url).with("rel", "noopener noreferrer")
        } else {
            self
        }
    }

    /// Something inside.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a piece has one place in a page"
    )]
    pub(super) fn holds(mut self, inside: Html) -> Self {
        self.inside.0 += &inside.0;
        self
    }

    /// Text inside.
    pub(super) fn text(mut self, words: &str) -> Self {
        escape_into(&mut self.inside.0, words);
        self
    }

    /// The element with its end.
    pub(super) fn end(self) -> Html {
        let Self { name, head, inside } = self;
        // A newline right after `<textarea>` is dropped by the parser, so the first one is given to it.
        let gap = if name == "textarea" { "\n" } else { "" };
        Html(format!("{head}>{gap}{}</{name}>", inside.0))
    }

    /// An element that has no inside and no end, such as `input`.
    pub(super) fn void(self) -> Html {
        Html(self.head + ">")
    }
}

/// Writes text so that it ends no element and no attribute. Control characters, which HTML does not
/// allow, become the replacement character.
fn escape_into(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '`' => out.push_str("&#96;"),
            '\n' | '\t' => out.push(character),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_ends_no_element_and_no_attribute() {
        let hostile = "<script>alert(1)</script>\"' onfocus='x' `&amp;";
        let html = element("p").with("title", hostile).text(hostile).end();
        let inside =
            "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39; onfocus=&#39;x&#39; &#96;&amp;amp;";
        assert_eq!(html.as_str(), format!("<p title=\"{inside}\">{inside}</p>"));
    }

    #[test]
    fn control_characters_do_not_get_through() {
        assert_eq!(
            text("a\0b\x1b[31m\u{85}\n").as_str(),
            "a\u{fffd}b\u{fffd}[31m\u{fffd}\n"
        );
    }

    #[test]
    fn a_link_leads_to_https_only() {
        for url in [
            "javascript:alert(1)",
            " https://a.example",
            "http://a.example",
            "//a.example",
        ] {
            assert_eq!(
                element("a").leads_to(url).end().as_str(),
                "<a></a>",
                "{url}"
            );
        }
        let html = element("a").leads_to("https://a.example/?x=\"><b>").end();
        assert_eq!(
            html.as_str(),
            "<a href=\"https://a.example/?x=&quot;&gt;&lt;b&gt;\" rel=\"noopener noreferrer\"></a>"
        );
    }

    #[test]
    fn addresses_in_text_are_links_and_nothing_else_is() {
        let note = "<span class=\"unseen\"> (opens in a new tab)</span></a>";
        let open = |url: &str| {
            format!("<a href=\"{url}\" rel=\"noopener noreferrer\" target=\"_blank\">{url}{note}")
        };
        for (words, html) in [
            ("plain & simple", "plain &amp; simple".to_owned()),
            (
                "see https://a.example/x_y, then (https://b.example). <b>",
                format!(
                    "see {}, then ({}). &lt;b&gt;",
                    open("https://a.example/x_y"),
                    open("https://b.example")
                ),
            ),
            (
                "https://a.example/\"onclick=x'<",
                format!("{}&#39;&lt;", open("https://a.example/&quot;onclick=x")),
            ),
            (
                "http://a.example javascript:x",
                "http://a.example javascript:x".to_owned(),
            ),
        ] {
            assert_eq!(linked(words).as_str(), html, "{words}");
        }
        // Even a scheme alone ends.
        assert!(linked("https://").as_str().contains("https:"));
    }

    #[test]
    fn a_text_area_keeps_its_first_line() {
        let html = element("textarea").text("\n</textarea>x").end();
        assert_eq!(html.as_str(), "<textarea>\n\n&lt;/textarea&gt;x</textarea>");
    }

    #[test]
    fn words_of_others_keep_their_direction_to_themselves() {
        assert_eq!(
            foreign("\u{202e}<b>").as_str(),
            "<bdi>\u{202e}&lt;b&gt;</bdi>"
        );
    }
}
