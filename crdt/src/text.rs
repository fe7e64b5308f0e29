//! Bounded texts: a title, a body, a summary, a failure's reason, a request id. Each type checks its limits where a
//! value is made, by a caller or from a peer's bytes alike, so no later code has to. Limits count what interface and
//! export count: titles in characters (Unicode scalars), bodies in bytes. Cheap to clone.

use std::fmt;
use std::sync::Arc;

use minicbor::{Decode, Encode};

use crate::limits::{
    BODY_BYTES_MAX, LABEL_BYTES_MAX, REASON_CHARS_MAX, REQUEST_ID_BYTES_MAX, SUMMARY_CHARS_MAX,
    TITLE_CHARS_MAX,
};

/// Why a text is outside its limits. Says which limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// Empty, or only white space.
    #[error("it is blank")]
    Blank,
    /// Too many characters.
    #[error("it has {got} characters; {max} are allowed")]
    Chars {
        /// Characters of the refused text.
        got: usize,
        /// Characters allowed.
        max: usize,
    },
    /// Too many bytes.
    #[error("it has {got} bytes; {max} are allowed")]
    Bytes {
        /// Bytes of the refused text.
        got: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// A control character where none is allowed.
    #[error("it contains a control character")]
    Control,
    /// Leading or trailing white space where the canonical form has none.
    #[error("it begins or ends with white space")]
    Untrimmed,
}

fn check_chars(text: &str, max: usize) -> Result<(), TextError> {
    let got = text.chars().count();
    if got > max { Err(TextError::Chars { got, max }) } else { Ok(()) }
}

fn check_bytes(text: &str, max: usize) -> Result<(), TextError> {
    if text.len() > max { Err(TextError::Bytes { got: text.len(), max }) } else { Ok(()) }
}

fn check_not_blank(text: &str) -> Result<(), TextError> {
    if text.trim().is_empty() { Err(TextError::Blank) } else { Ok(()) }
}

fn check_no_control(text: &str) -> Result<(), TextError> {
    if text.chars().any(char::is_control) { Err(TextError::Control) } else { Ok(()) }
}

fn check_trimmed(text: &str) -> Result<(), TextError> {
    if text.trim().len() == text.len() { Ok(()) } else { Err(TextError::Untrimmed) }
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, |$text:ident| $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks the limits of this text.
            ///
            /// # Errors
            /// [`TextError`] names the limit that does not hold.
            pub fn new(text: impl Into<String>) -> Result<Self, TextError> {
                let owned = text.into();
                let $text = owned.as_str();
                let verdict: Result<(), TextError> = $check;
                verdict.map(|()| Self(owned.into()))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<C> Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(
                &self,
                e: &mut minicbor::Encoder<W>,
                _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                e.str(&self.0)?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
                Self::new(d.str()?).map_err(minicbor::decode::Error::message)
            }
        }
    };
}

text! {
    /// A title: 1 to 80 characters, trimmed, without control characters.
    Title, |text| check_not_blank(text)
        .and_then(|()| check_trimmed(text))
        .and_then(|()| check_no_control(text))
        .and_then(|()| check_chars(text, TITLE_CHARS_MAX))
}
text! {
    /// A message or reply: 1 to 65,536 bytes, not blank.
    Body, |text| check_bytes(text, BODY_BYTES_MAX).and_then(|()| check_not_blank(text))
}
text! {
    /// A summary: 1 to 4,000 characters, not blank.
    Summary, |text| check_not_blank(text).and_then(|()| check_chars(text, SUMMARY_CHARS_MAX))
}
text! {
    /// Why a turn failed: 1 to 1,000 characters, not blank.
    Reason, |text| check_not_blank(text).and_then(|()| check_chars(text, REASON_CHARS_MAX))
}
text! {
    /// A caller's name for a write, so that a retry is the same write: 1 to 128 bytes, no control characters.
    RequestId, |text| check_not_blank(text)
        .and_then(|()| check_no_control(text))
        .and_then(|()| check_bytes(text, REQUEST_ID_BYTES_MAX))
}
text! {
    /// A device's label for people: up to 64 bytes, no control characters.
    Label, |text| check_no_control(text).and_then(|()| check_bytes(text, LABEL_BYTES_MAX))
}

impl Reason {
    /// Cuts any text to a reason; a blank one becomes `unknown`.
    #[must_use]
    pub fn cut(text: &str) -> Self {
        let short: String = text.trim().chars().take(REASON_CHARS_MAX).collect();
        let short = short.trim_end();
        Self(if short.is_empty() { "unknown" } else { short }.into())
    }
}

impl Title {
    /// Trims what a caller typed, then checks.
    ///
    /// # Errors
    /// [`TextError`] names the limit that does not hold.
    pub fn trimmed(text: &str) -> Result<Self, TextError> {
        Self::new(text.trim())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_count_characters_not_bytes() {
        assert!(Title::new("好".repeat(80)).is_ok());
        assert_eq!(Title::new("好".repeat(81)), Err(TextError::Chars { got: 81, max: 80 }));
        assert_eq!(Title::new("a\nb"), Err(TextError::Control));
        assert_eq!(Title::new(" a"), Err(TextError::Untrimmed));
        assert_eq!(Title::trimmed(" a ").unwrap().as_str(), "a");
        assert_eq!(Title::new(""), Err(TextError::Blank));
    }

    #[test]
    fn bodies_count_bytes() {
        assert!(Body::new("x".repeat(65_536)).is_ok());
        assert_eq!(Body::new("x".repeat(65_537)), Err(TextError::Bytes { got: 65_537, max: 65_536 }));
        assert_eq!(Body::new(" \n\t"), Err(TextError::Blank));
    }

    #[test]
    fn any_text_makes_a_reason() {
        assert_eq!(Reason::cut(" \n").as_str(), "unknown");
        assert!(Reason::new(Reason::cut(&"é ".repeat(2_000)).as_str()).is_ok());
    }
}
