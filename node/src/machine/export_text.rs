//! `discussion.thread`: a session's messages as plain text, and back.
//!
//! One header line for each message, then the further lines of its body as they are. The signed records hold
//! the exact bytes; this text is for people, `grep` and GitIM's tools, so a body is first normalised
//! (`normalise`), and what would read as something else is escaped. Both escapes add exactly one character to
//! lines of a form that is closed under adding it, so the parser can take it off again: for every text that
//! it accepts, rendering gives the same bytes.
//!
//! - Blank first line (GitIM wants a character there): a first line made of any number of `\` and then only
//!   white space gets one `\` in front. So an empty one is written `\`, and one that is `\` is written `\\`.
//! - Further line that looks like a header: any number of spaces, `[L`, six or more digits and `]` gets one
//!   space in front.

use time::format_description::StaticFormatDescription;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

/// Lines of a thread: a session's 4,096 messages, and room for what may end a turn beyond that cap.
pub const ENTRIES_MAX: usize = 16_384;
/// Bytes of one body as written: 64 KiB of control characters become three bytes each, and escapes add some.
pub const ENTRY_BYTES_MAX: usize = 4 * 65_536;
/// Characters of a handler.
pub const HANDLER_CHARS_MAX: usize = 39;
/// 9999-12-31T23:59:59.999Z; four digits of a year end here.
pub const TIME_MS_MAX: u64 = 253_402_300_799_999;

const TIME_FORMAT: StaticFormatDescription =
    format_description!("[year][month][day]T[hour][minute][second]Z");
/// Fewer digits after `[L` are not taken for a header by any reader.
const NUMBER_DIGITS_MIN: usize = 6;
const ESCAPE_BLANK: char = '\\';
const ESCAPE_HEADER: char = ' ';

/// One message of a thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadEntry {
    /// From 1, without gaps.
    pub line: u64,
    /// The earlier line that is answered, or 0.
    pub point_to: u64,
    /// The author's handler.
    pub author: String,
    /// Milliseconds since 1970, UTC; the text keeps the seconds.
    pub time_ms: u64,
    /// The body; `parse_thread` gives it normalised.
    pub body: String,
}

/// Why a text is not a thread. Lines of the file are counted from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ThreadError {
    /// The last line has no LF.
    #[error("the file does not end with a line feed")]
    NotEnded,
    /// Text before the first header.
    #[error("line {0} belongs to no message: the file must begin with a header")]
    NoHeader(usize),
    /// A line that begins like a header and is none.
    #[error("line {0} is not a header [L..][P..][@handler][time] with text after one space")]
    BadHeader(usize),
    /// The numbers of messages have a gap, or one is answered before it is there.
    #[error("line {0} has a message number out of order, or answers a message that is not above it")]
    BadNumber(usize),
    /// A carriage return, a line separator or another control character.
    #[error("line {0} holds a control character")]
    BadCharacter(usize),
    /// More messages, or a longer one, than a session can have.
    #[error("line {0} goes beyond the limits of a session")]
    TooLong(usize),
}

/// The text of a thread: empty for no entries, else ending with a line feed. Bodies are normalised, times
/// beyond the year 9999 are written as its end; numbers and handlers are written as they are and must be
/// valid.
#[must_use]
pub fn render_thread(entries: &[ThreadEntry]) -> String {
    entries.iter().fold(String::new(), |mut text, entry| {
        debug_assert!(
            is_handler(&entry.author) && entry.point_to < entry.line,
            "a counted message is well formed"
        );
        let ThreadEntry { line, point_to, author, time_ms, body } = entry;
        text.push_str(&format!("[L{line:06}][P{point_to:06}][@{author}][{}] ", export_time(*time_ms)));
        render_body(&mut text, &normalise(body));
        text
    })
}

/// The messages of a thread.
///
/// # Errors
/// `ThreadError` when the text is not exactly what `render_thread` writes for some entries.
pub fn parse_thread(text: &str) -> Result<Vec<ThreadEntry>, ThreadError> {
    let mut entries: Vec<ThreadEntry> = Vec::new();
    let Some(text) = text.strip_suffix('\n') else {
        return if text.is_empty() { Ok(entries) } else { Err(ThreadError::NotEnded) };
    };
    for (line, number) in text.split('\n').zip(1_usize..) {
        if !line.chars().all(is_kept) {
            return Err(ThreadError::BadCharacter(number));
        }
        if line.starts_with("[L") && looks_like_header(line) {
            let entry = parse_header(line).ok_or(ThreadError::BadHeader(number))?;
            let expected = entries.last().map_or(1, |last| last.line.saturating_add(1));
            if entry.line != expected || entry.point_to >= entry.line {
                return Err(ThreadError::BadNumber(number));
            }
            entries.push(entry);
        } else {
            let last = entries.last_mut().ok_or(ThreadError::NoHeader(number))?;
            last.body.push('\n');
            last.body.push_str(unescape(line));
        }
        if entries.len() > ENTRIES_MAX || entries.last().is_some_and(|last| last.body.len() > ENTRY_BYTES_MAX)
        {
            return Err(ThreadError::TooLong(number));
        }
    }
    Ok(entries)
}

/// A body as the text can hold it: CR LF, a lone CR, U+2028 and U+2029 become LF (readers disagree on whether
/// they end a line, and a line must not be able to pass for a header); U+0000 to U+001F but tab, and U+007F,
/// become their visible pictures (U+2400 and up), U+0080 to U+009F the replacement character, so that
/// printing a thread drives no terminal.
#[must_use]
pub fn normalise(body: &str) -> String {
    body.replace("\r\n", "\n").chars().map(visible).collect()
}

/// A moment as the export writes it, `YYYYMMDDTHHMMSSZ`: whole seconds, rounded down, not beyond the year
/// 9999.
#[must_use]
pub fn export_time(time_ms: u64) -> String {
    let seconds = i64::try_from(time_ms.min(TIME_MS_MAX) / 1000).unwrap_or_default();
    let time = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    // Formatting into a string with every component there has nothing left to fail on.
    time.format(TIME_FORMAT).unwrap_or_default()
}

/// The milliseconds since 1970 of an exported moment; `None` for anything that `export_time` does not write.
#[must_use]
pub fn parse_export_time(text: &str) -> Option<u64> {
    let time = PrimitiveDateTime::parse(text, TIME_FORMAT).ok()?.assume_utc();
    let time_ms = u64::try_from(time.unix_timestamp()).ok()?.checked_mul(1000)?;
    (export_time(time_ms) == text).then_some(time_ms)
}

/// Whether the text is 1 to 39 of `a-z`, `0-9` and `-`, without leading, trailing or double `-`, and not
/// `system`.
#[must_use]
pub fn is_handler(text: &str) -> bool {
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    let hyphens = text.starts_with('-') || text.ends_with('-') || text.contains("--");
    (1..=HANDLER_CHARS_MAX).contains(&text.len()) && text.bytes().all(plain) && !hyphens && text != "system"
}

fn render_body(text: &mut String, body: &str) {
    for (position, line) in body.split('\n').enumerate() {
        match position {
            0 if is_blank(line) => text.push(ESCAPE_BLANK),
            0 => {}
            _ if looks_like_header(line) => text.push(ESCAPE_HEADER),
            _ => {}
        }
        text.push_str(line);
        text.push('\n');
    }
}

/// `[L000001][P000000][@alice][20260711T000000Z] first line`, in the one way that it is written.
fn parse_header(line: &str) -> Option<ThreadEntry> {
    let (number, rest) = line.strip_prefix("[L")?.split_once("][P")?;
    let (point_to, rest) = rest.split_once("][@")?;
    let (author, rest) = rest.split_once("][")?;
    let (time, first) = rest.split_once("] ")?;
    let body = match first.strip_prefix(ESCAPE_BLANK) {
        Some(blank) if is_blank(blank) => blank,
        _ if is_blank(first) => return None,
        _ => first,
    };
    Some(ThreadEntry {
        line: parse_number(number)?,
        point_to: parse_number(point_to)?,
        author: is_handler(author).then(|| author.to_owned())?,
        time_ms: parse_export_time(time)?,
        body: body.to_owned(),
    })
}

fn parse_number(text: &str) -> Option<u64> {
    let number = text.parse().ok()?;
    (format!("{number:06}") == text).then_some(number)
}

/// A line as it was in the body.
fn unescape(line: &str) -> &str {
    line.strip_prefix(ESCAPE_HEADER).filter(|line| looks_like_header(line)).unwrap_or(line)
}

/// Any number of spaces, `[L`, six or more digits, `]`. The digits of every script count: GitIM's own pattern
/// takes them.
fn looks_like_header(line: &str) -> bool {
    let Some(rest) = line.trim_start_matches(ESCAPE_HEADER).strip_prefix("[L") else {
        return false;
    };
    let after = rest.trim_start_matches(char::is_numeric);
    let digits = rest.chars().take_while(|character| character.is_numeric()).take(NUMBER_DIGITS_MIN).count();
    digits == NUMBER_DIGITS_MIN && after.starts_with(']')
}

/// Any number of `\`, then nothing but white space.
fn is_blank(line: &str) -> bool {
    line.trim_start_matches(ESCAPE_BLANK).trim().is_empty()
}

fn visible(character: char) -> char {
    match character {
        '\t' | '\n' => character,
        '\r' | '\u{2028}' | '\u{2029}' => '\n',
        '\0'..='\u{1f}' => {
            char::from_u32(0x2400 + u32::from(character)).unwrap_or(char::REPLACEMENT_CHARACTER)
        }
        '\u{7f}' => '\u{2421}',
        '\u{80}'..='\u{9f}' => char::REPLACEMENT_CHARACTER,
        _ => character,
    }
}

fn is_kept(character: char) -> bool {
    visible(character) == character
}

#[cfg(test)]
mod tests;
