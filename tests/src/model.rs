//! A stand-in for a language model: an HTTP server on loopback that answers chat completions (the wire format that most
//! providers share, streamed as server-sent events) with what the test wants said, one answer a request. It is an HTTP
//! proxy too, one that refuses: an agent for which it is the proxy tells here whom else it wanted to reach.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// Bytes of one request: a prompt of ours with the agent's own instructions has some 100 kB.
const REQUEST_BYTES_MAX: u64 = 4 * 1_024 * 1_024;
/// For a client to send its request.
const READ_TIME: Duration = Duration::from_secs(30);
/// What it says when it was told nothing else.
const DONE: &str = "That is all.";
/// Tokens in use, as it counts them.
const PROMPT_TOKENS: u32 = 1_000;

/// One answer of the model.
#[derive(Debug, Clone)]
pub enum Say {
    /// Text, and the end of its turn.
    Text(&'static str),
    /// A call of one tool of the agent.
    Call(&'static str, Value),
    /// A first word, and then nothing more for as long as the connection lasts.
    Stall(&'static str),
}

/// The model. Its thread ends with the tests.
#[derive(Debug)]
pub struct Model {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    script: VecDeque<Say>,
    asked: Vec<Value>,
    elsewhere: Vec<String>,
}

impl Model {
    /// A model that gives these answers in this order, then none of interest. Requests without tools are not of the
    /// conversation (agents have titles made for themselves that way) and take no answer away.
    ///
    /// # Panics
    /// When there is no port.
    #[must_use]
    pub fn new(script: impl IntoIterator<Item = Say>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
        let address = listener.local_addr().expect("it is bound");
        let state = Arc::new(Mutex::new(State { script: script.into_iter().collect(), ..State::default() }));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                thread::spawn(move || serve(&stream, &state));
            }
        });
        Self { address, state }
    }

    /// The address of its interface.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Its address as a proxy.
    #[must_use]
    pub fn proxy(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The messages of each request of the conversation, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<Vec<Value>> {
        let messages = |request: &Value| request["messages"].as_array().cloned().unwrap_or_default();
        lock(&self.state).asked.iter().map(messages).collect()
    }

    /// Each place other than the model that somebody wanted to reach through the proxy.
    #[must_use]
    pub fn elsewhere(&self) -> Vec<String> {
        lock(&self.state).elsewhere.clone()
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One request, one answer, and the end of the connection.
fn serve(stream: &TcpStream, state: &Mutex<State>) {
    let _no_limit = stream.set_read_timeout(Some(READ_TIME));
    let Some((line, body)) = read(stream) else { return };
    let ours = line.starts_with("POST ") && line.contains("/v1/chat/completions");
    if !ours {
        lock(state).elsewhere.push(line);
        let _gone = write(stream, "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        return;
    }
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let converses = request["tools"].as_array().is_some_and(|tools| !tools.is_empty());
    let say = if converses {
        let mut state = lock(state);
        state.asked.push(request);
        state.script.pop_front()
    } else {
        None
    };
    let _gone = answer(stream, &say.unwrap_or(Say::Text(DONE)));
}

/// The request line and the body.
fn read(stream: &TcpStream) -> Option<(String, Vec<u8>)> {
    let mut reader = BufReader::new(stream.take(REQUEST_BYTES_MAX));
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first).ok()?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = Vec::new();
    reader.take(length).read_to_end(&mut body).ok()?;
    Some((first.trim_end().to_owned(), body))
}

fn answer(stream: &TcpStream, say: &Say) -> std::io::Result<()> {
    write(stream, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")?;
    let (delta, finish) = match say {
        Say::Text(text) => (json!({ "role": "assistant", "content": text }), "stop"),
        Say::Call(tool, arguments) => {
            let function = json!({ "name": tool, "arguments": arguments.to_string() });
            let id = format!("call_{:x}", stream.peer_addr()?.port());
            let call = json!({ "index": 0, "id": id, "type": "function", "function": function });
            (json!({ "role": "assistant", "tool_calls": [call] }), "tool_calls")
        }
        Say::Stall(text) => {
            chunk(stream, &json!([choice(&json!({ "role": "assistant", "content": text }), None)]), None)?;
            // Lasts until the client gives up.
            stream.set_read_timeout(None)?;
            return (&mut &*stream).read(&mut [0]).map(drop);
        }
    };
    chunk(stream, &json!([choice(&delta, None)]), None)?;
    chunk(stream, &json!([choice(&json!({}), Some(finish))]), None)?;
    let usage =
        json!({ "prompt_tokens": PROMPT_TOKENS, "completion_tokens": 9, "total_tokens": PROMPT_TOKENS + 9 });
    chunk(stream, &json!([]), Some(usage))?;
    write(stream, "data: [DONE]\n\n")
}

fn choice(delta: &Value, finish: Option<&str>) -> Value {
    json!({ "index": 0, "delta": delta, "finish_reason": finish })
}

fn chunk(stream: &TcpStream, choices: &Value, usage: Option<Value>) -> std::io::Result<()> {
    let mut chunk = json!({
        "id": "chat-1", "object": "chat.completion.chunk", "created": 1, "model": "stand-in", "choices": choices,
    });
    if let Some(usage) = usage {
        chunk["usage"] = usage;
    }
    write(stream, &format!("data: {chunk}\n\n"))
}

fn write(mut stream: &TcpStream, text: &str) -> std::io::Result<()> {
    stream.write_all(text.as_bytes())?;
    stream.flush()
}
