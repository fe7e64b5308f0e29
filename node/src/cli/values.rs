//! Words of the command line as values: parsed and checked while the arguments are read, so that nothing has
//! been touched when one of them is wrong. A refusal carries the same code that the node would have answered
//! with.

use std::io::Read;
use std::net::SocketAddr;
use std::time::Duration;

use starling_crdt::id::{Handle, RecordId, SessionId};
use starling_crdt::limits::BODY_BYTES_MAX;
use starling_crdt::reference::{BadReference, Reference};
use starling_crdt::text::{Body, Label, RequestId, Summary, TextError, Title};
use starling_net::transport::parse_address;

use super::failure::{Exit, Failure};
use crate::config::{Remote, is_multiaddr};
use crate::machine::request::Code;

/// Characters of a ULID.
const ULID_CHARS: usize = 26;
/// Bytes of a ticket: keys, a signature and every listen address, with room to spare.
const TICKET_BYTES_MAX: usize = 8 * 1024;
/// Bytes of an id that the node made: a hash in hexadecimal fits twice.
const PLAIN_ID_BYTES_MAX: usize = 128;
/// The longest time that is understood: beyond it, a number is a mistake.
const DURATION_MAX: Duration = Duration::from_secs(10 * 365 * 24 * 3_600);

/// A word that is not what it was taken for. clap carries it to [`super::usage`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub(super) struct Invalid {
    /// The code that the node would answer with.
    pub(super) code: Code,
    /// What is wrong.
    pub(super) detail: String,
}

impl Invalid {
    fn new(code: Code, detail: impl ToString) -> Self {
        Self { code, detail: detail.to_string() }
    }
}

impl From<Invalid> for Failure {
    fn from(invalid: Invalid) -> Self {
        Self::of(invalid.code, invalid.detail)
    }
}

/// Which session a command is about: named in full, or by the first characters of its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// A full id or a reference.
    Id(SessionId),
    /// `qs-` and the first characters of a ULID.
    Prefix(String),
}

/// A session and perhaps a line of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LineTarget {
    pub(super) target: Target,
    pub(super) line: Option<u64>,
}

/// Characters of a text to look for, as the node allows.
const SEARCH_CHARS_MAX: usize = 200;

/// A text on the command line, or `-` for standard input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Text<T> {
    /// Given and checked.
    Given(T),
    /// To be read.
    Stdin,
}

/// A text with limits, and the code for one that is outside them.
pub(super) trait Limited: Sized {
    const CODE: Code;
    fn check(text: String) -> Result<Self, TextError>;
}

impl Limited for Body {
    const CODE: Code = Code::InvalidMessage;
    fn check(text: String) -> Result<Self, TextError> {
        Self::new(text)
    }
}

impl Limited for Summary {
    const CODE: Code = Code::InvalidField;
    fn check(text: String) -> Result<Self, TextError> {
        Self::new(text)
    }
}

fn checked<T: Limited>(text: String) -> Result<T, Invalid> {
    T::check(text).map_err(|error| Invalid::new(T::CODE, format!("the text is refused: {error}")))
}

/// A text to look for.
pub(super) fn search(word: &str) -> Result<String, Invalid> {
    let text = word.trim();
    if (1..=SEARCH_CHARS_MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control) {
        return Ok(text.to_owned());
    }
    let problem = format!("give 1 to {SEARCH_CHARS_MAX} characters, without control characters");
    Err(Invalid::new(Code::InvalidField, problem))
}

pub(super) fn remote(word: &str) -> Result<Remote, Invalid> {
    Remote::new(word).map_err(|problem| Invalid::new(Code::InvalidField, problem))
}

pub(super) fn body(word: &str) -> Result<Text<Body>, Invalid> {
    text(word)
}

pub(super) fn summary(word: &str) -> Result<Text<Summary>, Invalid> {
    text(word)
}

fn text<T: Limited>(word: &str) -> Result<Text<T>, Invalid> {
    if word == "-" {
        return Ok(Text::Stdin);
    }
    checked(word.to_owned()).map(Text::Given)
}

impl<T: Limited> Text<T> {
    /// The text; `-` reads `stdin` to its end, but never more than a message may have. One final newline is
    /// dropped.
    pub(super) fn take(self, stdin: &mut dyn Read) -> Result<T, Failure> {
        match self {
            Self::Given(text) => Ok(text),
            Self::Stdin => {
                let refused = |detail: String| Failure::of(T::CODE, detail);
                Ok(checked(read_text(stdin, BODY_BYTES_MAX, refused)?)?)
            }
        }
    }
}

fn read_text(
    stdin: &mut dyn Read,
    bytes_max: usize,
    refused: impl Fn(String) -> Failure,
) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    // One byte for the final newline, one to see that there is more.
    stdin
        .take(bytes_max as u64 + 2)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::new(Exit::Failed, "io", format!("cannot read standard input: {error}")))?;
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    }
    if bytes.len() > bytes_max {
        return Err(refused(format!("standard input holds more than {bytes_max} bytes")));
    }
    String::from_utf8(bytes).map_err(|_| refused("standard input is not UTF-8".to_owned()))
}

/// A ticket, from the command line or (`-`) from standard input. Only its outer form is looked at.
pub(super) fn ticket(word: &str, stdin: &mut dyn Read) -> Result<String, Failure> {
    let refused = |detail: String| {
        Failure::new(Exit::Usage, "invalid_ticket", detail)
            .hint("a ticket is the one word that `starling invite create` printed")
    };
    let text = match word {
        "-" => read_text(stdin, TICKET_BYTES_MAX, refused)?,
        given => given.to_owned(),
    };
    let text = text.trim();
    let plausible =
        !text.is_empty() && text.len() <= TICKET_BYTES_MAX && text.bytes().all(|b| b.is_ascii_graphic());
    if plausible {
        return Ok(text.to_owned());
    }
    Err(refused("this is no ticket".to_owned()))
}

/// A handle, with or without `@`.
pub(super) fn handle(word: &str) -> Result<Handle, Invalid> {
    let name = word.strip_prefix('@').unwrap_or(word);
    name.parse().map_err(|error| Invalid::new(Code::InvalidHandle, error))
}

pub(super) fn title(word: &str) -> Result<Title, Invalid> {
    Title::trimmed(word)
        .map_err(|error| Invalid::new(Code::InvalidTitle, format!("the title is refused: {error}")))
}

pub(super) fn request_id(word: &str) -> Result<RequestId, Invalid> {
    RequestId::new(word)
        .map_err(|error| Invalid::new(Code::InvalidField, format!("the request id is refused: {error}")))
}

pub(super) fn session_id(word: &str) -> Result<SessionId, Invalid> {
    word.parse().map_err(|error| Invalid::new(Code::InvalidQuickSessionId, error))
}

pub(super) fn message_id(word: &str) -> Result<RecordId, Invalid> {
    word.parse().map_err(|error| Invalid::new(Code::InvalidField, format!("not a message id: {error}")))
}

/// A full id, a `session:` reference or the first characters of an id.
pub(super) fn target(word: &str) -> Result<Target, Invalid> {
    if word.starts_with("session:") {
        return reference(word).map(|reference| Target::Id(reference.session));
    }
    if let Ok(id) = word.parse() {
        return Ok(Target::Id(id));
    }
    let start = word.strip_prefix("qs-").unwrap_or(word).to_ascii_uppercase();
    let crockford = |c: char| c.is_ascii_digit() || (c.is_ascii_uppercase() && !"ILOU".contains(c));
    if start.is_empty() || start.len() >= ULID_CHARS || !start.chars().all(crockford) {
        let detail = format!("{word:?} is neither a session id nor the beginning of one");
        return Err(Invalid::new(Code::InvalidQuickSessionId, detail));
    }
    Ok(Target::Prefix(format!("qs-{start}")))
}

fn reference(word: &str) -> Result<Reference, Invalid> {
    word.parse().map_err(|error: BadReference| Invalid::new(Code::InvalidReference, error))
}

/// `ID`, `ID:3`, `ID:L000003` or a reference.
pub(super) fn line_target(word: &str) -> Result<LineTarget, Invalid> {
    if word.starts_with("session:") {
        let Reference { session, line } = reference(word)?;
        let target = Target::Id(session);
        return Ok(LineTarget { target, line });
    }
    let Some((id, line)) = word.split_once(':') else {
        return target(word).map(|target| LineTarget { target, line: None });
    };
    let digits = line.strip_prefix('L').unwrap_or(line);
    let number = digits.parse().ok().filter(|number| *number > 0);
    let number: u64 = number
        .ok_or_else(|| Invalid::new(Code::InvalidReference, format!("{line:?} is not a line number")))?;
    Ok(LineTarget { target: target(id)?, line: Some(number) })
}

/// `500ms`, `30s`, `5m`, `24h`, `7d`; a bare number counts seconds.
pub(super) fn duration(word: &str) -> Result<Duration, Invalid> {
    let at = word.find(|c: char| !c.is_ascii_digit()).unwrap_or(word.len());
    let (number, unit) = word.split_at(at);
    let unit_ms: u64 = match unit {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 24 * 3_600_000,
        _ => 0,
    };
    let ms = number.parse::<u64>().ok().and_then(|n| n.checked_mul(unit_ms));
    ms.map(Duration::from_millis).filter(|time| !time.is_zero() && *time <= DURATION_MAX).ok_or_else(|| {
        Invalid::new(Code::InvalidField, format!("{word:?} is not a time such as 500ms, 30s, 5m, 24h, 7d"))
    })
}

/// An address as the transport reads it.
pub(super) fn multiaddr(word: &str) -> Result<String, Invalid> {
    if is_multiaddr(word) && parse_address(word).is_ok() {
        return Ok(word.to_owned());
    }
    let detail = format!("{word:?} is not a multiaddr such as /ip4/192.0.2.1/udp/4001/quic-v1");
    Err(Invalid::new(Code::InvalidField, detail))
}

/// An address to listen on: one of this machine's own, with a port.
pub(super) fn listen_address(word: &str) -> Result<String, Invalid> {
    let address = multiaddr(word)?;
    let has = |protocol: &str| address.split('/').any(|part| part == protocol);
    if (has("udp") || has("tcp")) && !has("p2p") {
        return Ok(address);
    }
    let detail = format!("{word:?} is nothing to listen on, such as /ip4/0.0.0.0/udp/4001/quic-v1");
    Err(Invalid::new(Code::InvalidField, detail))
}

/// A loopback address: the HTTP interface is for this machine alone.
pub(super) fn loopback(word: &str) -> Result<SocketAddr, Invalid> {
    let address: Option<SocketAddr> = word.parse().ok();
    address.filter(|address| address.ip().is_loopback()).ok_or_else(|| {
        let detail = format!("{word:?} is not a loopback address and port such as 127.0.0.1:0");
        Invalid::new(Code::InvalidField, detail)
    })
}

pub(super) fn label(word: &str) -> Result<String, Invalid> {
    let label = Label::new(word.trim());
    label
        .map(|label| label.as_str().to_owned())
        .map_err(|error| Invalid::new(Code::InvalidField, format!("the label is refused: {error}")))
}

/// A device's key, or the beginning of one: at least four hexadecimal digits.
pub(super) fn device(word: &str) -> Result<String, Invalid> {
    let digits = word.to_ascii_lowercase();
    if (4..=64).contains(&digits.len()) && digits.bytes().all(|c| c.is_ascii_hexdigit()) {
        return Ok(digits);
    }
    let detail = format!("{word:?} is no device key, nor the beginning of one (4 to 64 hexadecimal digits)");
    Err(Invalid::new(Code::InvalidField, detail))
}

/// An id that only the node can judge: one word that is safe in a path.
pub(super) fn plain_id(word: &str) -> Result<String, Invalid> {
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if (1..=PLAIN_ID_BYTES_MAX).contains(&word.len()) && word.chars().all(safe) {
        return Ok(word.to_owned());
    }
    Err(Invalid::new(Code::InvalidField, format!("{word:?} is not an id")))
}

/// The name of an environment variable, not its value: values stay out of arguments and settings.
pub(super) fn env_name(word: &str) -> Result<String, Invalid> {
    if word.is_empty() || word.contains('=') || word.contains('\0') {
        let detail = format!("{word:?} is not the name of a variable (give the name alone, not NAME=VALUE)");
        return Err(Invalid::new(Code::InvalidField, detail));
    }
    Ok(word.to_owned())
}

#[cfg(test)]
mod tests;
