//! A client of the node's HTTP interface: JSON requests with the token, and the event stream.

use std::io::{BufRead, BufReader};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use ureq::Agent;

/// For one request. The node is on this machine.
const LIMIT: Duration = Duration::from_secs(30);
/// For a whole event stream: longer than any test listens.
const STREAM_LIMIT: Duration = Duration::from_secs(240);

/// What the node answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The content type, without parameters.
    pub content_type: String,
    /// The body; null when it is no JSON.
    pub body: Value,
    /// The body as it came.
    pub text: String,
}

impl Answer {
    /// Checks a refusal: status, code, and that it is a problem document.
    ///
    /// # Panics
    /// When it is another answer.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.body["code"].as_str()), (status, Some(code)), "{self:?}");
        assert_eq!(self.content_type, "application/problem+json", "{self:?}");
    }
}

/// A node's interface on TCP.
#[derive(Debug, Clone)]
pub struct Api {
    base: String,
    token: Option<String>,
    headers: Vec<(String, String)>,
    agent: Agent,
}

impl Api {
    /// The interface at `base` (`http://127.0.0.1:port`).
    #[must_use]
    pub fn new(base: &str, token: Option<String>) -> Self {
        Self { base: base.to_owned(), token, headers: Vec::new(), agent: agent(LIMIT) }
    }

    /// The same, with another bearer or none.
    #[must_use]
    pub fn with_token(&self, token: Option<&str>) -> Self {
        Self { token: token.map(str::to_owned), ..self.clone() }
    }

    /// The same, with one more header on each request.
    #[must_use]
    pub fn with_header(&self, name: &str, value: &str) -> Self {
        let mut api = self.clone();
        api.headers.push((name.to_owned(), value.to_owned()));
        api
    }

    /// Asks. `None` when no whole answer came: then it is unknown what became of a write.
    #[must_use]
    pub fn try_get(&self, path: &str) -> Option<Answer> {
        let mut request = self.agent.get(format!("{}{path}", self.base));
        for (name, value) in self.all_headers() {
            request = request.header(name, value);
        }
        read(request.call().ok()?)
    }

    /// Writes, likewise.
    #[must_use]
    pub fn try_post(&self, path: &str, body: &Value) -> Option<Answer> {
        let mut request = self.agent.post(format!("{}{path}", self.base));
        for (name, value) in self.all_headers() {
            request = request.header(name, value);
        }
        read(request.header("content-type", "application/json").send(body.to_string()).ok()?)
    }

    /// Asks.
    ///
    /// # Panics
    /// When no whole answer comes.
    #[track_caller]
    #[must_use]
    pub fn get(&self, path: &str) -> Answer {
        self.try_get(path).unwrap_or_else(|| panic!("GET {path}: no answer"))
    }

    /// Writes.
    ///
    /// # Panics
    /// When no whole answer comes.
    #[track_caller]
    #[must_use]
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.try_post(path, body).unwrap_or_else(|| panic!("POST {path}: no answer"))
    }

    /// Listens to the node's events from now on.
    ///
    /// # Panics
    /// When the node does not let us.
    #[must_use]
    pub fn listen(&self) -> Events {
        let mut request = agent(STREAM_LIMIT).get(format!("{}/events", self.base));
        for (name, value) in self.all_headers() {
            request = request.header(name, value);
        }
        let response = request.call().expect("the event stream opens");
        assert_eq!(response.status().as_u16(), 200);
        let mut lines = BufReader::new(response.into_body().into_reader()).lines();
        // The first comment says that the node listens for us by now.
        let hello = lines.next().and_then(Result::ok);
        assert_eq!(hello.as_deref(), Some(": listening"));
        let (sender, receiver) = channel();
        // Ends with the stream: at the latest with the node, or when nobody listens any more.
        thread::spawn(move || {
            let mut event = Event::default();
            for line in lines.map_while(Result::ok) {
                let whole = event.add(&line);
                if whole.is_some_and(|event| sender.send(event).is_err()) {
                    return;
                }
            }
        });
        Events(receiver)
    }

    fn all_headers(&self) -> Vec<(String, String)> {
        let bearer = self.token.iter().map(|token| ("authorization".to_owned(), format!("Bearer {token}")));
        bearer.chain(self.headers.iter().cloned()).collect()
    }
}

/// One server-sent event.
#[derive(Debug, Clone, Default)]
pub struct Event {
    /// Its number.
    pub id: String,
    /// `session`, `activity` ...
    pub kind: String,
    /// What it says.
    pub data: Value,
}

impl Event {
    /// Takes in one line of the stream. Returns the event that an empty line ends, if it was one and no comment.
    fn add(&mut self, line: &str) -> Option<Self> {
        match line.split_once(": ") {
            Some(("id", id)) => id.clone_into(&mut self.id),
            Some(("event", kind)) => kind.clone_into(&mut self.kind),
            Some(("data", data)) => self.data = serde_json::from_str(data).unwrap_or_default(),
            _ => {}
        }
        let ends = line.is_empty() && !self.kind.is_empty();
        ends.then(|| std::mem::take(self))
    }
}

/// Events as they come.
#[derive(Debug)]
pub struct Events(Receiver<Event>);

impl Events {
    /// The first event that `wanted` accepts.
    ///
    /// # Panics
    /// When none comes within `limit`; tells which came.
    #[track_caller]
    pub fn until(&self, what: &str, limit: Duration, wanted: impl Fn(&Event) -> bool) -> Event {
        let end = Instant::now() + limit;
        let mut seen = Vec::new();
        while let Ok(event) = self.0.recv_timeout(end.saturating_duration_since(Instant::now())) {
            if wanted(&event) {
                return event;
            }
            seen.push(event);
        }
        panic!("no event within {limit:?}: {what}; there were only {seen:#?}");
    }
}

fn agent(limit: Duration) -> Agent {
    let config = Agent::config_builder().http_status_as_error(false).timeout_global(Some(limit));
    config.proxy(None).build().new_agent()
}

fn read(mut response: ureq::http::Response<ureq::Body>) -> Option<Answer> {
    let header = response.headers().get("content-type").and_then(|value| value.to_str().ok());
    let content_type = header.unwrap_or_default().split(';').next().unwrap_or_default().to_owned();
    let text = response.body_mut().read_to_string().ok()?;
    Some(Answer {
        status: response.status().as_u16(),
        content_type,
        body: serde_json::from_str(&text).unwrap_or_default(),
        text,
    })
}
