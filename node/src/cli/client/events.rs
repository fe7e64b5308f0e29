//! Server-sent events (HTML Living Standard, 9.2), as far as the node uses them: `id`, `event`, `data`,
//! comments as sign of life. One event at a time, bounded; the caller opens the stream anew with
//! [`Events::last_id`] when it breaks.

use http_body_util::Full;
use hyper::header::{ACCEPT, HOST};
use hyper::{Request, StatusCode};

use super::{Client, Reply, broken, paths};
use crate::cli::failure::{Exit, Failure};

/// Bytes of one event: a list item with its preview, or an agent's activity.
const EVENT_BYTES_MAX: usize = 1024 * 1024;

/// Something that happened at the node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::cli) struct Event {
    /// Its number, if it has one.
    pub(in crate::cli) id: Option<String>,
    /// Its kind; `resync` when some were missed.
    pub(in crate::cli) kind: String,
    /// JSON.
    pub(in crate::cli) data: String,
}

/// The open stream.
pub(in crate::cli) struct Events {
    reply: Reply,
    parser: Parser,
}

impl Client {
    /// Listens, beginning after the event `since`, or now.
    ///
    /// # Errors
    /// As [`Client::ask`].
    pub(in crate::cli) async fn listen(&self, since: Option<&str>) -> Result<Events, Failure> {
        let mut request =
            Request::get(paths::EVENTS).header(HOST, "localhost").header(ACCEPT, "text/event-stream");
        if let Some(since) = since {
            request = request.header("last-event-id", since);
        }
        let request = request.body(Full::default()).map_err(|error| broken(&error))?;
        let mut reply = self.open(request).await?;
        let status = reply.response.status();
        if status != StatusCode::OK {
            let body = reply.read_all().await?;
            return Err(Failure::refused(status.as_u16(), &body));
        }
        Ok(Events { reply, parser: Parser::default() })
    }
}

impl Events {
    /// The next event; `None` when the node ended the stream.
    pub(in crate::cli) async fn next(&mut self) -> Result<Option<Event>, Failure> {
        loop {
            if let Some(event) = self.parser.take() {
                return Ok(Some(event));
            }
            let Some(chunk) = self.reply.chunk().await? else {
                return Ok(None);
            };
            self.parser.feed(&chunk)?;
        }
    }

    /// Where to begin again.
    pub(in crate::cli) fn last_id(&self) -> Option<&str> {
        self.parser.last_id.as_deref()
    }
}

/// Bytes in, events out.
#[derive(Default)]
struct Parser {
    pending: Vec<u8>,
    event: Event,
    has_data: bool,
    last_id: Option<String>,
}

impl Parser {
    fn feed(&mut self, chunk: &[u8]) -> Result<(), Failure> {
        if self.pending.len() + self.event.data.len() + chunk.len() > EVENT_BYTES_MAX {
            let detail = format!("an event has more than {EVENT_BYTES_MAX} bytes");
            return Err(Failure::new(Exit::Failed, "bad_answer", detail));
        }
        self.pending.extend_from_slice(chunk);
        Ok(())
    }

    /// The next whole event of what was fed.
    fn take(&mut self) -> Option<Event> {
        while let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.pending.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches(['\n', '\r']);
            if !line.is_empty() {
                self.field(line);
            } else if let Some(event) = self.dispatch() {
                return Some(event);
            }
        }
        None
    }

    fn field(&mut self, line: &str) {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "id" => {
                self.event.id = Some(value.to_owned());
                self.last_id.clone_from(&self.event.id);
            }
            "event" => value.clone_into(&mut self.event.kind),
            "data" => {
                if self.has_data {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
                self.has_data = true;
            }
            // A comment (its name is empty), `retry`, or something of a later version.
            _ => {}
        }
    }

    fn dispatch(&mut self) -> Option<Event> {
        let event = std::mem::take(&mut self.event);
        let complete = std::mem::take(&mut self.has_data);
        complete.then_some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(chunks: &[&str]) -> (Vec<Event>, Option<String>) {
        let mut parser = Parser::default();
        let mut events = Vec::new();
        for chunk in chunks {
            parser.feed(chunk.as_bytes()).unwrap();
            while let Some(event) = parser.take() {
                events.push(event);
            }
        }
        (events, parser.last_id)
    }

    #[test]
    fn events_are_cut_out_of_any_chunks() {
        let text = ": hello\n\nid: 7\r\nevent: session\r\ndata: {\"a\":\ndata: 1}\n\nretry: 5\n\nid:8\ndata:x\n\nid: 9\nda";
        let want = vec![
            Event { id: Some("7".to_owned()), kind: "session".to_owned(), data: "{\"a\":\n1}".to_owned() },
            Event { id: Some("8".to_owned()), kind: String::new(), data: "x".to_owned() },
        ];
        assert_eq!(parse(&[text]).0, want);
        let letters: Vec<String> = text.chars().map(String::from).collect();
        let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
        assert_eq!(parse(&letters), (want, Some("9".to_owned())));
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut parser = Parser::default();
        let chunk = format!("data: {}\n", "x".repeat(1_000));
        let fed = (0..2_000).try_for_each(|_| {
            parser.feed(chunk.as_bytes())?;
            assert_eq!(parser.take(), None);
            Ok::<(), Failure>(())
        });
        assert_eq!(fed.unwrap_err().code, "bad_answer");
    }
}
