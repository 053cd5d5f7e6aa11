//! Markdown as HTML in which nothing is active: no markup of the author's own, no scripts, no images of other servers.

use std::collections::HashMap;
use std::io::{self, Write as _};

use pulldown_cmark::{Alignment, CodeBlockKind, Event, LinkType, Options, Parser, Tag, TagEnd};

use crate::page::{escape, escape_lines};

/// Appends the text as HTML of at most about `limit` bytes; returns whether that is all of it.
///
/// Headings begin at `<h3>`, and their ids with `readme-`.
pub(super) fn render(text: &str, limit: usize, out: &mut Vec<u8>) -> io::Result<bool> {
    let end = out.len() + limit;
    let mut writer = Writer {
        out,
        end,
        closings: Vec::new(),
        heading: None,
        image: None,
        links: 0,
        table: None,
        ids: HashMap::new(),
    };
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut events = Parser::new_ext(text, options);
    let is_whole = loop {
        match events.next() {
            None => break true,
            Some(_) if writer.is_full() => break false,
            Some(event) => writer.event(event)?,
        }
    };
    while let Some(closing) = writer.closings.pop() {
        writer.close(closing)?;
    }
    Ok(is_whole)
}

struct Writer<'a> {
    out: &'a mut Vec<u8>,
    /// The length of `out` at which nothing more is written but what closes elements.
    end: usize,
    /// What closes the elements that are open.
    closings: Vec<Closing>,
    heading: Option<Heading>,
    image: Option<Image>,
    /// How many links are open: one, or none.
    links: usize,
    table: Option<Table>,
    /// How often each id was asked for.
    ids: HashMap<String, usize>,
}

/// What closes an element.
enum Closing {
    Tag(&'static str),
    Heading,
    Link,
    Image,
    Table,
    /// The element was not written.
    Nothing,
}

/// A heading that is open.
struct Heading {
    level: usize,
    /// Where its id goes.
    position: usize,
    text: String,
}

/// An image that is open: what it contains is its alternative text.
struct Image {
    source: String,
    alternative: String,
    /// How many elements are open inside.
    depth: usize,
}

/// A table that is open.
struct Table {
    alignments: Vec<Alignment>,
    in_head: bool,
    column: usize,
}

/// Elements that are nested deeper are left out, but not their text.
const MAX_DEPTH: usize = 32;

/// The longest texts that are collected for an id, and for an image.
const MAX_ID: usize = 100;
const MAX_ALTERNATIVE: usize = 1024;

/// How much of a text is escaped at a time.
const PIECE: usize = 1024;

impl Writer<'_> {
    fn is_full(&self) -> bool {
        self.out.len() >= self.end
    }

    fn event(&mut self, event: Event<'_>) -> io::Result<()> {
        match event {
            Event::Start(tag) => self.open(tag)?,
            Event::End(end) => self.end(end)?,
            Event::Text(text) => self.text(&text),
            Event::Code(text) => {
                self.tag(b"<code>");
                self.text(&text);
                self.tag(b"</code>");
            }
            Event::SoftBreak => self.text("\n"),
            Event::HardBreak => self.break_line(),
            Event::InlineHtml(tag) if is_break(&tag) => self.break_line(),
            Event::Rule => self.tag(b"<hr>\n"),
            Event::TaskListMarker(is_done) => self.text(if is_done { "\u{2611} " } else { "\u{2610} " }),
            // The markup of the author's own is dropped, and so is what the options do not ask for.
            Event::Html(_)
            | Event::InlineHtml(_)
            | Event::InlineMath(_)
            | Event::DisplayMath(_)
            | Event::FootnoteReference(_) => {}
        }
        Ok(())
    }

    fn open(&mut self, tag: Tag<'_>) -> io::Result<()> {
        if let Some(image) = &mut self.image {
            image.depth += 1;
            return Ok(());
        }
        let closing = if self.closings.len() >= MAX_DEPTH { Closing::Nothing } else { self.begin(tag)? };
        self.closings.push(closing);
        Ok(())
    }

    fn end(&mut self, _: TagEnd) -> io::Result<()> {
        if let Some(image) = self.image.as_mut().filter(|image| image.depth > 0) {
            image.depth -= 1;
            return Ok(());
        }
        match self.closings.pop() {
            Some(closing) => self.close(closing),
            None => Ok(()),
        }
    }

    /// Writes what opens an element, and returns what closes it.
    fn begin(&mut self, tag: Tag<'_>) -> io::Result<Closing> {
        let mut simple = |open: &[u8], close: &'static str| {
            self.out.extend_from_slice(open);
            Ok(Closing::Tag(close))
        };
        match tag {
            Tag::Paragraph => simple(b"<p>", "</p>\n"),
            Tag::BlockQuote(_) => simple(b"<blockquote>\n", "</blockquote>\n"),
            Tag::CodeBlock(CodeBlockKind::Indented | CodeBlockKind::Fenced(_)) => {
                simple(b"<pre><code>", "</code></pre>\n")
            }
            Tag::List(None) => simple(b"<ul>\n", "</ul>\n"),
            Tag::List(Some(1)) => simple(b"<ol>\n", "</ol>\n"),
            Tag::List(Some(first)) => {
                writeln!(self.out, "<ol start=\"{first}\">")?;
                Ok(Closing::Tag("</ol>\n"))
            }
            Tag::Item => simple(b"<li>", "</li>\n"),
            Tag::Emphasis => simple(b"<em>", "</em>"),
            Tag::Strong => simple(b"<strong>", "</strong>"),
            Tag::Strikethrough => simple(b"<del>", "</del>"),
            Tag::Heading { level, .. } => {
                // The page's own headings come before.
                let level = (level as usize + 2).min(6);
                write!(self.out, "<h{level}")?;
                self.heading = Some(Heading { level, position: self.out.len(), text: String::new() });
                self.out.push(b'>');
                Ok(Closing::Heading)
            }
            Tag::Table(alignments) => {
                self.table = Some(Table { alignments, in_head: false, column: 0 });
                self.out.extend_from_slice(b"<table>\n");
                Ok(Closing::Table)
            }
            Tag::TableHead => {
                self.row(true);
                Ok(Closing::Tag("</tr>\n</thead>\n<tbody>\n"))
            }
            Tag::TableRow => {
                self.row(false);
                Ok(Closing::Tag("</tr>\n"))
            }
            Tag::TableCell => Ok(self.cell()),
            Tag::Link { link_type, dest_url, title, .. } => {
                let email = format!("mailto:{dest_url}");
                self.link(if link_type == LinkType::Email { &email } else { &dest_url }, &title)
            }
            Tag::Image { dest_url, .. } => {
                self.image = Some(Image { source: dest_url.into_string(), alternative: String::new(), depth: 0 });
                Ok(Closing::Image)
            }
            Tag::HtmlBlock
            | Tag::FootnoteDefinition(_)
            | Tag::DefinitionList
            | Tag::DefinitionListTitle
            | Tag::DefinitionListDefinition
            | Tag::Superscript
            | Tag::Subscript
            | Tag::MetadataBlock(_) => Ok(Closing::Nothing),
        }
    }

    fn close(&mut self, closing: Closing) -> io::Result<()> {
        match closing {
            Closing::Tag(tag) => self.out.extend_from_slice(tag.as_bytes()),
            Closing::Nothing => {}
            Closing::Link => {
                self.links -= 1;
                self.out.extend_from_slice(b"</a>");
            }
            Closing::Table => {
                self.table = None;
                self.out.extend_from_slice(b"</tbody>\n</table>\n");
            }
            Closing::Heading => {
                let Some(Heading { level, position, text }) = self.heading.take() else { return Ok(()) };
                writeln!(self.out, "</h{level}>")?;
                let id = format!(" id=\"readme-{}\"", self.id(&text));
                self.out.splice(position..position, id.into_bytes());
            }
            Closing::Image => {
                let Some(Image { source, alternative, .. }) = self.image.take() else { return Ok(()) };
                self.show(&source, &alternative)?;
            }
        }
        Ok(())
    }

    fn link(&mut self, destination: &str, title: &str) -> io::Result<Closing> {
        let Some(Target { url, is_elsewhere }) = Target::of(destination).filter(|_| self.links == 0) else {
            return Ok(Closing::Nothing);
        };
        self.links += 1;
        write!(self.out, "<a href=\"{}\"", escape(&url))?;
        if !title.is_empty() {
            write!(self.out, " title=\"{}\"", escape(title))?;
        }
        // The name of a private directory is nobody else's business.
        self.out.extend_from_slice(if is_elsewhere { b" rel=\"noreferrer\">" } else { b">" });
        Ok(Closing::Link)
    }

    /// Writes an image of this server, or a link to another one's.
    fn show(&mut self, source: &str, alternative: &str) -> io::Result<()> {
        let shown = escape(alternative);
        match Target::of(source) {
            Some(Target { url, is_elsewhere: false }) if !url.starts_with('#') => {
                write!(self.out, "<img src=\"{}\" alt=\"{shown}\" loading=\"lazy\">", escape(&url))
            }
            Some(Target { .. }) if self.links == 0 => {
                let closing = self.link(source, "")?;
                self.text(if alternative.is_empty() { "image" } else { alternative });
                self.close(closing)
            }
            _ => write!(self.out, "{shown}"),
        }
    }

    fn row(&mut self, in_head: bool) {
        self.out.extend_from_slice(if in_head { b"<thead>\n<tr>" } else { b"<tr>" });
        if let Some(table) = &mut self.table {
            (table.in_head, table.column) = (in_head, 0);
        }
    }

    fn cell(&mut self) -> Closing {
        let Some(table) = &mut self.table else { return Closing::Nothing };
        let class = match table.alignments.get(table.column) {
            Some(Alignment::Center) => " class=\"center\"",
            Some(Alignment::Right) => " class=\"right\"",
            _ => "",
        };
        table.column += 1;
        let (open, close) = if table.in_head { ("<th", "</th>") } else { ("<td", "</td>") };
        for part in [open, class, ">"] {
            self.out.extend_from_slice(part.as_bytes());
        }
        Closing::Tag(close)
    }

    fn text(&mut self, text: &str) {
        if let Some(image) = &mut self.image {
            append(&mut image.alternative, text, MAX_ALTERNATIVE);
            return;
        }
        if let Some(heading) = &mut self.heading {
            append(&mut heading.text, text, MAX_ID);
        }
        escape_up_to(text, self.end, self.out);
    }

    /// Writes a tag, unless it is inside of an image.
    fn tag(&mut self, tag: &[u8]) {
        if self.image.is_none() {
            self.out.extend_from_slice(tag);
        }
    }

    fn break_line(&mut self) {
        if self.image.is_some() { self.text(" ") } else { self.tag(b"<br>\n") }
    }

    /// An id for a heading with this text, unlike those before.
    fn id(&mut self, text: &str) -> String {
        let mut id = String::new();
        for c in text.trim().chars().flat_map(char::to_lowercase) {
            match c {
                c if c.is_alphanumeric() || matches!(c, '-' | '_') => id.push(c),
                c if c.is_whitespace() => id.push('-'),
                _ => {}
            }
        }
        let count = self.ids.entry(id.clone()).or_default();
        *count += 1;
        if *count == 1 { id } else { format!("{id}-{}", *count - 1) }
    }
}

/// Where a link leads.
struct Target {
    url: String,
    /// Whether it may lead to another server.
    is_elsewhere: bool,
}

impl Target {
    /// The target, if it is relative or one of the schemes that cannot do harm.
    fn of(destination: &str) -> Option<Self> {
        let url = encode(destination);
        let first = url.find([':', '/', '?', '#']);
        let scheme = first.filter(|first| url.as_bytes()[*first] == b':').map(|end| url[..end].to_ascii_lowercase());
        match scheme.as_deref() {
            Some("http" | "https" | "mailto") => Some(Self { url, is_elsewhere: true }),
            Some(_) => None,
            None if url.len() > 1 && url.starts_with('#') => {
                Some(Self { url: format!("#readme-{}", &url[1..]), is_elsewhere: false })
            }
            None => Some(Self { is_elsewhere: url.starts_with("//"), url }),
        }
    }
}

/// Percent-encodes what stands for itself in no URL (RFC 3986 §2). Browsers drop tabs, line breaks and spaces around a URL and take
/// `\` for `/`, so that a scheme or a host could hide behind them; nothing of that is left.
fn encode(url: &str) -> String {
    let mut encoded = String::with_capacity(url.len());
    for byte in url.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => encoded.push(byte.into()),
            _ if b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte) => encoded.push(byte.into()),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

fn is_break(tag: &str) -> bool {
    ["<br>", "<br/>", "<br />"].iter().any(|known| tag.eq_ignore_ascii_case(known))
}

/// Appends as much of the text as fits into this many bytes.
fn append(to: &mut String, text: &str, limit: usize) {
    to.push_str(&text[..boundary(text, limit.saturating_sub(to.len()))]);
}

/// The last boundary between characters that is not behind this index.
fn boundary(text: &str, index: usize) -> usize {
    (0..=index.min(text.len())).rev().find(|index| text.is_char_boundary(*index)).unwrap_or(0)
}

/// Appends a text of several lines, escaped, until `out` has about this length; returns whether that is all of it.
pub(super) fn escape_up_to(text: &str, end: usize, out: &mut Vec<u8>) -> bool {
    let mut rest = text;
    while !rest.is_empty() && out.len() < end {
        let (piece, tail) = rest.split_at(boundary(rest, PIECE));
        out.extend_from_slice(escape_lines(piece).as_bytes());
        rest = tail;
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 256 * 1024;

    fn html(markdown: &str) -> String {
        let mut out = Vec::new();
        assert!(render(markdown, LIMIT, &mut out).unwrap(), "{markdown}");
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn markdown_becomes_html() {
        let table = [
            ("# A *b* `c`\n", "<h3 id=\"readme-a-b-c\">A <em>b</em> <code>c</code></h3>\n"),
            ("# A\n# a\n", "<h3 id=\"readme-a\">A</h3>\n<h3 id=\"readme-a-1\">a</h3>\n"),
            ("###### Größe & 1!\n", "<h6 id=\"readme-größe--1\">Größe &amp; 1!</h6>\n"),
            ("one\ntwo  \nthree<br>four", "<p>one\ntwo<br>\nthree<br>\nfour</p>\n"),
            ("**a** ~~b~~", "<p><strong>a</strong> <del>b</del></p>\n"),
            ("- [x] a\n- [ ] b\n", "<ul>\n<li>\u{2611} a</li>\n<li>\u{2610} b</li>\n</ul>\n"),
            ("3. a\n4. b\n", "<ol start=\"3\">\n<li>a</li>\n<li>b</li>\n</ol>\n"),
            ("> a\n", "<blockquote>\n<p>a</p>\n</blockquote>\n"),
            ("```rust\r\na <b>\r\n\tc\r\n```\n", "<pre><code>a &lt;b&gt;\n\tc\n</code></pre>\n"),
            (
                "|a|b|\n|--|-:|\n|1|2|\n",
                "<table>\n<thead>\n<tr><th>a</th><th class=\"right\">b</th></tr>\n</thead>\n<tbody>\n\
                 <tr><td>1</td><td class=\"right\">2</td></tr>\n</tbody>\n</table>\n",
            ),
            ("a\n\n---\n", "<p>a</p>\n<hr>\n"),
            ("a\u{202e}b\u{200b}", "<p>a\u{fffd}b\u{fffd}</p>\n"),
        ];
        for (markdown, expected) in table {
            assert_eq!(html(markdown), expected, "{markdown}");
        }
    }

    #[test]
    fn links_lead_to_pages_and_never_run_anything() {
        let plain = "<p>x</p>\n";
        let table = [
            ("[x](docs/a.md)", "<p><a href=\"docs/a.md\">x</a></p>\n"),
            ("[x](<a b.md> \"t \\\"q\")", "<p><a href=\"a%20b.md\" title=\"t &quot;q\">x</a></p>\n"),
            ("[x](?a=1&b=2)", "<p><a href=\"?a=1&amp;b=2\">x</a></p>\n"),
            ("[x](#top)", "<p><a href=\"#readme-top\">x</a></p>\n"),
            ("[x](HTTPS://a.example/)", "<p><a href=\"HTTPS://a.example/\" rel=\"noreferrer\">x</a></p>\n"),
            ("[x](//a.example)", "<p><a href=\"//a.example\" rel=\"noreferrer\">x</a></p>\n"),
            ("[x](\\\\\\\\a.example)", "<p><a href=\"%5C%5Ca.example\">x</a></p>\n"),
            ("<a@b.example>", "<p><a href=\"mailto:a@b.example\" rel=\"noreferrer\">a@b.example</a></p>\n"),
            ("[x](javascript:alert(1))", plain),
            ("[x](JavaScript:alert(1))", plain),
            ("[x](&#106;avascript:alert(1))", plain),
            ("[x](javascript&colon;alert(1))", plain),
            ("[x](<java\tscript:alert(1)>)", plain),
            ("[x](java&Tab;script:alert(1))", plain),
            ("[x](java&NewLine;script:alert(1))", plain),
            ("[x](<\u{1}javascript:alert(1)>)", plain),
            ("[x](< javascript:alert(1)>)", plain),
            ("[x](data:text/html,<script>)", plain),
            ("[x](vbscript:a)", plain),
            ("[x](file:///etc/passwd)", plain),
            ("[x](blob:a)", plain),
            ("[x]\n\n[x]: javascript:alert(1)", plain),
            ("<javascript:alert(1)>", "<p>javascript:alert(1)</p>\n"),
        ];
        for (markdown, expected) in table {
            assert_eq!(html(markdown), expected, "{markdown}");
        }
    }

    #[test]
    fn images_are_those_of_this_server() {
        let table = [
            ("![a *b* \"c\"](d.png \"t\")", "<p><img src=\"d.png\" alt=\"a b &quot;c&quot;\" loading=\"lazy\"></p>\n"),
            ("[![a](b.png)](c)", "<p><a href=\"c\"><img src=\"b.png\" alt=\"a\" loading=\"lazy\"></a></p>\n"),
            ("![a](https://b.example/)", "<p><a href=\"https://b.example/\" rel=\"noreferrer\">a</a></p>\n"),
            ("![](//b.example/)", "<p><a href=\"//b.example/\" rel=\"noreferrer\">image</a></p>\n"),
            ("[![a](https://b.example/)](c)", "<p><a href=\"c\">a</a></p>\n"),
            ("![a](data:image/png;base64,AA)", "<p>a</p>\n"),
            ("![a](javascript:b)", "<p>a</p>\n"),
            ("![a ![b](c) [d](e)](f)", "<p><img src=\"f\" alt=\"a b d\" loading=\"lazy\"></p>\n"),
        ];
        for (markdown, expected) in table {
            assert_eq!(html(markdown), expected, "{markdown}");
        }
    }

    #[test]
    fn markup_of_the_author_is_dropped() {
        let table = [
            ("<script>alert(1)</script>\n\na", "<p>a</p>\n"),
            ("a <img src=x onerror=alert(1)> b", "<p>a  b</p>\n"),
            ("a <b onclick='x'>b</b>", "<p>a b</p>\n"),
            ("a <!-- b --> c", "<p>a  c</p>\n"),
            ("<div>\n*a*\n</div>\n", ""),
            ("a <br onclick=x> b", "<p>a  b</p>\n"),
            ("# a\" onclick=\"x\n", "<h3 id=\"readme-a-onclickx\">a&quot; onclick=&quot;x</h3>\n"),
        ];
        for (markdown, expected) in table {
            assert_eq!(html(markdown), expected, "{markdown}");
        }
    }

    #[test]
    fn elements_that_are_nested_too_deep_leave_their_text() {
        let nested = html(&(">".repeat(100) + "a"));
        assert_eq!(nested.matches("<blockquote>").count(), MAX_DEPTH);
        assert_eq!(nested.matches("</blockquote>").count(), MAX_DEPTH);
        assert!(nested.contains('a'), "{nested}");
    }

    /// What makes other parsers slow, or their output long.
    #[test]
    fn no_input_makes_much_of_itself() {
        let long = "x".repeat(1000);
        let texts = [
            ">".repeat(10_000),
            "> ".repeat(10_000) + "a",
            "- ".repeat(10_000) + "a",
            "*a ".repeat(10_000),
            "*a **a ".repeat(10_000),
            "[".repeat(20_000),
            "[a](".repeat(10_000),
            "![".repeat(10_000) + "a" + &"](b)".repeat(10_000),
            "`".repeat(100) + "a" + &"``a`".repeat(5_000),
            "<".repeat(20_000),
            "<!--".repeat(5_000),
            "\"".repeat(100_000),
            "# a\n".repeat(10_000),
            "|".repeat(5_000) + "\n" + &"|-".repeat(5_000) + "\n" + &"|\n".repeat(5_000),
            format!("[a]: /{long}\n\n") + &"[a]\n".repeat(20_000),
            format!("![{long}](b)\n").repeat(100),
            "&".repeat(20_000) + ";",
            (0..200).map(|n| " ".repeat(n * 2) + "- a\n").collect(),
        ];
        for text in texts {
            let mut out = Vec::new();
            render(&text, LIMIT, &mut out).unwrap();
            let written = String::from_utf8(out).unwrap();
            let beginning: String = text.chars().take(40).collect();
            assert!(written.len() < LIMIT + 16 * 1024, "{beginning}: {}", written.len());
            for name in ["p", "blockquote", "ul", "li", "em", "strong", "a", "table", "tr", "td", "pre", "code"] {
                let opened =
                    written.matches(&format!("<{name}>")).count() + written.matches(&format!("<{name} ")).count();
                assert_eq!(opened, written.matches(&format!("</{name}>")).count(), "{beginning}: {name}");
            }
        }
    }
}
