//! Text for people at 80 columns: colours, status chips, ages, wrapped lines. What others wrote is
//! neutralised first: control characters, escape sequences and direction overrides become visible signs and
//! cannot move the cursor, repaint the screen or show a line as something that it is not. Pure: values in,
//! text out.

pub(super) mod node;
pub(super) mod qr;
pub(super) mod session;

use anstyle::Style;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns that output is made for.
pub(super) const WIDTH: usize = 80;

pub(super) mod style {
    //! The few styles there are.
    use anstyle::{AnsiColor, Style};

    pub(in crate::cli) const BOLD: Style = Style::new().bold();
    pub(in crate::cli) const DIM: Style = Style::new().dimmed();
    pub(in crate::cli) const GOOD: Style = AnsiColor::Green.on_default();
    pub(in crate::cli) const BUSY: Style = AnsiColor::Cyan.on_default();
    pub(in crate::cli) const CARE: Style = AnsiColor::Yellow.on_default();
    pub(in crate::cli) const BAD: Style = AnsiColor::Red.on_default().bold();
}

/// A text in a style.
pub(super) fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Makes foreign text harmless. Line ends stay, tabs become spaces, other control characters become their
/// pictures, and characters that change the direction of what follows become U+FFFD.
pub(super) fn clean(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => clean.push('\n'),
            '\t' => clean.push_str("    "),
            '\u{2028}' | '\u{2029}' => clean.push('\n'),
            '\0'..='\u{1f}' => clean.extend(char::from_u32(0x2400 + u32::from(c))),
            '\u{7f}' => clean.push('\u{2421}'),
            _ if c.is_control() || is_direction(c) => clean.push(char::REPLACEMENT_CHARACTER),
            _ => clean.push(c),
        }
    }
    clean
}

/// Marks, embeddings, overrides and isolates of the bidirectional algorithm.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Foreign text on one line, cut to `columns` with an ellipsis.
pub(super) fn one_line(text: &str, columns: usize) -> String {
    let text = clean(text).split_whitespace().collect::<Vec<_>>().join(" ");
    if text.width() <= columns {
        return text;
    }
    let mut cut = take_columns(&text, columns.saturating_sub(1)).to_owned();
    cut.push('…');
    cut
}

/// The longest beginning of `text` that fits into `columns`.
fn take_columns(text: &str, columns: usize) -> &str {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += c.width().unwrap_or(0);
        if used > columns {
            return text.split_at(at).0;
        }
    }
    text
}

/// Breaks foreign text into indented lines of at most [`WIDTH`] columns. Breaks at spaces where it can; keeps
/// the text's own line ends and the spaces that a line begins with (code stays code).
pub(super) fn wrapped(text: &str, indent: usize) -> String {
    let room = WIDTH.saturating_sub(indent).max(1);
    let margin = " ".repeat(indent);
    let mut out = String::new();
    for line in clean(text).trim_end_matches('\n').split('\n') {
        let mut rest = line.trim_end();
        loop {
            let (head, tail) = break_line(rest, room);
            out.push_str(if head.is_empty() { "" } else { &margin });
            out.push_str(head);
            out.push('\n');
            if tail.is_empty() {
                break;
            }
            rest = tail;
        }
    }
    out
}

fn break_line(line: &str, room: usize) -> (&str, &str) {
    let fits = take_columns(line, room);
    if fits.len() == line.len() {
        return (line, "");
    }
    let (_, after) = line.split_at(fits.len());
    if after.starts_with(' ') {
        return (fits.trim_end(), after.trim_start());
    }
    let at_space = fits.rfind(' ').filter(|at| !fits.split_at(*at).0.trim().is_empty());
    // One character always goes out, however wide it is, so that each round comes nearer to the end.
    let first = line.chars().next().map_or(0, char::len_utf8);
    let (head, tail) = line.split_at(at_space.unwrap_or(fits.len()).max(first));
    (head.trim_end(), tail.trim_start())
}

/// Text and spaces up to `columns`. Counts columns, not bytes, and leaves styles out of the count.
pub(super) fn padded(text: &str, columns: usize) -> String {
    let used = anstream::adapter::strip_str(text).to_string().width();
    format!("{text}{}", " ".repeat(columns.saturating_sub(used)))
}

/// Where a session stands, as a coloured sign and word.
pub(super) fn chip(status: &str) -> String {
    let (style, sign, word) = match status {
        "active" => (style::GOOD, '●', "active"),
        "running" => (style::BUSY, '◐', "running"),
        "needs_title" => (style::CARE, '○', "new"),
        "error" => (style::BAD, '✗', "error"),
        "archived" => (style::DIM, '▪', "archived"),
        other => return one_line(other, 12),
    };
    styled(style, &format!("{sign} {word}"))
}

/// How long ago `time` (RFC 3339) was at `now_ms`, as a person would say it. A text that is no time is shown
/// as it is.
pub(super) fn age(time: &str, now_ms: u64) -> String {
    let Ok(then) = OffsetDateTime::parse(time, &Rfc3339) else {
        return one_line(time, 25);
    };
    let seconds = i128::from(now_ms) / 1_000 - i128::from(then.unix_timestamp());
    match seconds {
        ..-60 => format!("in {}", span(-seconds)),
        -60..5 => "just now".to_owned(),
        5..2_592_000 => format!("{} ago", span(seconds)),
        2_592_000.. => then.date().to_string(),
    }
}

/// How long it is until `time` (RFC 3339): `in 3 h`. `None` when it is past, or no time.
pub(super) fn until(time: &str, now_ms: u64) -> Option<String> {
    let then = OffsetDateTime::parse(time, &Rfc3339).ok()?;
    let seconds = i128::from(then.unix_timestamp()) - i128::from(now_ms) / 1_000;
    (seconds > 0).then(|| format!("in {}", span(seconds)))
}

fn span(seconds: i128) -> String {
    match seconds {
        ..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => format!("{} h", seconds / 3_600),
        86_400.. => format!("{} d", seconds / 86_400),
    }
}

/// `1 peer`, `2 peers`.
pub(super) fn count(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_cannot_drive_the_terminal() {
        let evil = "a\u{1b}]0;x\u{7}b\u{9b}31m\u{202e}txt\u{2066}\u{200f}\rc\u{7f}";
        let shown = clean(evil);
        assert_eq!(shown, "a␛]0;x␇b\u{fffd}31m\u{fffd}txt\u{fffd}\u{fffd}␍c␡");
        assert!(!shown.chars().any(|c| c.is_control() || is_direction(c)));
        assert_eq!(clean("a\tb\r\nc\u{2028}d"), "a    b\nc\nd");
        assert_eq!(clean("中文 👩\u{200d}💻 שלום"), "中文 👩\u{200d}💻 שלום");
    }

    #[test]
    fn lines_are_broken_at_spaces_and_never_too_wide() {
        let text = format!("{} end\n\n    code stays\n{}", "word ".repeat(30), "x".repeat(200));
        let shown = wrapped(&text, 2);
        assert!(shown.lines().all(|line| line.width() <= WIDTH), "{shown}");
        assert!(shown.lines().all(|line| line.is_empty() || line.starts_with("  ")));
        assert!(shown.contains("\n      code stays\n"));
        assert_eq!(shown.matches("word").count(), 30);
        assert_eq!(shown.matches('x').count(), 200);
        let wide = wrapped(&"好".repeat(100), 4);
        assert!(wide.lines().all(|line| line.width() <= WIDTH), "{wide}");
        assert_eq!(wide.matches('好').count(), 100);
        assert_eq!(wrapped("好好", 79), format!("{0}好\n{0}好\n", " ".repeat(79)));
        assert_eq!(wrapped("", 2), "\n");
    }

    #[test]
    fn one_line_is_one_line() {
        assert_eq!(one_line("a\n b\tc", 80), "a b c");
        assert_eq!(one_line("abcdef", 4), "abc…");
        assert_eq!(one_line("好好好", 4), "好…");
    }

    #[test]
    fn ages_read_like_speech() {
        let now = 1_783_900_800_000; // 2026-07-13T00:00:00Z
        for (time, shown) in [
            ("2026-07-12T23:59:58Z", "just now"),
            ("2026-07-12T23:59:30Z", "30 s ago"),
            ("2026-07-12T23:55:00Z", "5 min ago"),
            ("2026-07-12T21:00:00Z", "3 h ago"),
            ("2026-07-10T00:00:00Z", "3 d ago"),
            ("2026-01-10T00:00:00Z", "2026-01-10"),
            ("2026-07-14T00:00:00Z", "in 1 d"),
            ("soon\u{1b}", "soon␛"),
        ] {
            assert_eq!(age(time, now), shown);
        }
    }

    #[test]
    fn padding_counts_columns() {
        assert_eq!(padded("好", 4), "好  ");
        assert_eq!(anstream::adapter::strip_str(&padded(&chip("active"), 10)).to_string(), "● active  ");
    }
}
