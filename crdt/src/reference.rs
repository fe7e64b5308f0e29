//! References to sessions and lines in running text: `session:<id>` and `session:<id>:L000001`. A reference is recognised
//! only where no letter, digit, `_`, `-`, `/` or `\` touches it and no second `:L` follows, so that URLs, paths and code
//! are left alone. Whether the session exists is not asked here.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use crate::id::SessionId;

/// `session:` and a ULID id have this many bytes.
const HEAD_BYTES: usize = "session:qs-".len() + 26;
/// Digits that a line has at least.
const LINE_DIGITS_MIN: usize = 6;
/// Digits that a line has at most: more than a session can have lines.
const LINE_DIGITS_MAX: usize = 12;

/// A session, or a line of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// The session.
    pub session: SessionId,
    /// The line, from 1.
    pub line: Option<u64>,
}

/// The text is not a reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a reference is `session:<id>` or `session:<id>:L` and a line number of 6 or more digits")]
pub struct BadReference;

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "session:{}", self.session)?;
        self.line.map_or(Ok(()), |line| write!(f, ":L{line:06}"))
    }
}

impl FromStr for Reference {
    type Err = BadReference;

    fn from_str(text: &str) -> Result<Self, BadReference> {
        match parse_at(text, 0) {
            Some((reference, end)) if end == text.len() => Ok(reference),
            _ => Err(BadReference),
        }
    }
}

/// All references in `text`, with their byte ranges, in order.
#[must_use]
pub fn find(text: &str) -> Vec<(Range<usize>, Reference)> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = text.get(from..).and_then(|rest| rest.find("session:")) {
        let start = from + at;
        from = start + 1;
        let Some((reference, end)) = parse_at(text, start) else {
            continue;
        };
        let free_before = text[..start].chars().next_back().is_none_or(is_boundary);
        let free_after = text[end..].chars().next().is_none_or(is_boundary) && !text[end..].starts_with(":L");
        if free_before && free_after {
            found.push((start..end, reference));
            from = end;
        }
    }
    found
}

fn is_boundary(c: char) -> bool {
    !(c.is_alphanumeric() || matches!(c, '_' | '-' | '/' | '\\'))
}

/// The longest reference that starts at byte `start`, and where it ends.
fn parse_at(text: &str, start: usize) -> Option<(Reference, usize)> {
    let head = text.get(start..start + HEAD_BYTES)?;
    let session = head.strip_prefix("session:")?.parse().ok()?;
    let end = start + HEAD_BYTES;
    let Some(rest) = text[end..].strip_prefix(":L") else {
        return Some((Reference { session, line: None }, end));
    };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    if !(LINE_DIGITS_MIN..=LINE_DIGITS_MAX).contains(&digits) {
        return None;
    }
    let line: u64 = rest[..digits].parse().ok().filter(|line| *line > 0)?;
    let canonical = digits == LINE_DIGITS_MIN || !rest.starts_with('0');
    canonical.then_some((Reference { session, line: Some(line) }, end + 2 + digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "qs-01JZZZZZZZZZZZZZZZZZZZZZZZ";

    #[test]
    fn prints_what_it_parses() {
        for text in
            [format!("session:{ID}"), format!("session:{ID}:L000001"), format!("session:{ID}:L1234567")]
        {
            assert_eq!(text.parse::<Reference>().unwrap().to_string(), text);
        }
        for bad in [
            "",
            "session:",
            &format!("session:{ID}:L00001"),
            &format!("session:{ID}:L000000"),
            &format!("session:{ID}:L0000001"),
            &format!("session:{ID} "),
            &format!("session:{ID}:L000001:L000002"),
            "session:é",
        ] {
            assert_eq!(bad.parse::<Reference>(), Err(BadReference), "{bad}");
        }
    }

    #[test]
    fn finds_only_free_standing_references() {
        let text = format!("see session:{ID}:L000002, (session:{ID}).中session:{ID}");
        let found = find(&text);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].1.line, Some(2));
        assert_eq!(&text[found[1].0.clone()], format!("session:{ID}"));
        for bad in [
            format!("xsession:{ID}"),
            format!("/session:{ID}"),
            format!("session:{ID}-a"),
            format!("session:{ID}/x"),
            format!("session:{ID}:L000001:L000002"),
            format!("session:{ID}_"),
        ] {
            assert!(find(&bad).is_empty(), "{bad}");
        }
    }
}
