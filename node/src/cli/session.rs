//! `starling session`: each verb is one call to the node, and its answer shown. Inside an agent's turn,
//! `title`, `reply` and `summarize` go through the turn's own door, with its secret. Texts are read before
//! anything is asked.

use std::io::{self, IsTerminal};

use serde_json::{Value, json};
use starling_crdt::id::{AttemptId, Handle, RecordId, SessionId};
use starling_crdt::reference::Reference;
use starling_crdt::text::{Body, RequestId, Title};
use zeroize::Zeroizing;

use super::args::SessionVerb;
use super::client::paths::Wanted;
use super::client::{Answer, Call, paths};
use super::failure::{Exit, Failure};
use super::model::{Ids, Item, Page, Permission, Permissions, SessionBody, Written};
use super::render::{chip, clean};
use super::values::{LineTarget, Target};
use super::{Context, follow, render};
use crate::agent::process::ENV_AGENT;
use crate::machine::request::Code;

/// Items a page when all are wanted: the most that a page may have.
const PAGE_ITEMS: usize = 1_000;
/// Items that are shown: ten full pages; more belong into a search.
const ITEMS_MAX: usize = 10 * PAGE_ITEMS;
/// Candidates that are named when a prefix is ambiguous: a screen full.
const CANDIDATES_SHOWN: usize = 10;

/// The way into a running turn, given to the agent by its environment.
struct Turn {
    attempt: AttemptId,
    secret: Zeroizing<String>,
}

impl Turn {
    /// Both variables or none.
    fn from_values(attempt: Option<String>, secret: Option<String>) -> Result<Option<Self>, Failure> {
        let (Some(attempt), Some(secret)) = (attempt, secret) else {
            return Ok(None);
        };
        let attempt = attempt
            .parse()
            .map_err(|error| Failure::of(Code::InvalidField, format!("STARLING_ATTEMPT: {error}")))?;
        let secret = Zeroizing::new(secret);
        Ok(Some(Self { attempt, secret }))
    }

    fn from_env() -> Result<Option<Self>, Failure> {
        let value = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self::from_values(value("STARLING_ATTEMPT"), value("STARLING_TURN_SECRET"))
    }

    fn call(self, verb: &str, body: Value) -> Call {
        Call::post(paths::turn(self.attempt, verb), body).bearer(self.secret)
    }
}

pub(super) async fn run(cx: &mut Context, verb: SessionVerb) -> Result<(), Failure> {
    let stdin = &mut io::stdin();
    match verb {
        SessionVerb::New { agent, message, id, request_id, continues, follow } => {
            let body = message.take(stdin)?;
            let continues = match continues {
                Some(target) => Some(resolve(cx, &target).await?),
                None => None,
            };
            let new = New { id: id.map_or_else(|| fresh_id(cx), Ok)?, agent, body, request_id, continues };
            create(cx, new, follow).await
        }
        SessionVerb::Send { id, text, request_id, reply_to } => {
            let body = text.take(stdin)?;
            let request_id = request_id.map_or_else(|| cx.request_id(), Ok)?;
            send(cx, &id, &body, &request_id, reply_to).await
        }
        // A turn's secret names its session; the id is there for people, and only its form is looked at.
        SessionVerb::Reply { id: _, text } => {
            let body = json!({ "body": text.take(stdin)?.as_str() });
            in_turn(cx, "reply", body).await
        }
        SessionVerb::Summarize { id: _, text } => {
            let body = json!({ "summary": text.take(stdin)?.as_str() });
            in_turn(cx, "summary", body).await
        }
        SessionVerb::Title { id, title } => set_title(cx, &id, &title).await,
        SessionVerb::List { archived, agent, search, limit } => {
            list(cx, &Wanted { archived, agent, search }, limit).await
        }
        SessionVerb::Show { id } => show(cx, &id).await,
        SessionVerb::Follow { id } => {
            let id = resolve(cx, &id).await?;
            follow::session(cx, id).await
        }
        SessionVerb::Allow { id, request } => permit(cx, &id, request, true).await,
        SessionVerb::Deny { id, request } => permit(cx, &id, request, false).await,
        SessionVerb::Stop { id } => change(cx, &id, "stop", json!({})).await,
        SessionVerb::Retry { id } => change(cx, &id, "retry", json!({})).await,
        SessionVerb::Archive { id } => change(cx, &id, "archive", json!({})).await,
        SessionVerb::Unarchive { id } => change(cx, &id, "unarchive", json!({})).await,
        SessionVerb::Ref { id } => reference(cx, id).await,
    }
}

/// A session to open.
struct New {
    id: SessionId,
    agent: Handle,
    body: Body,
    request_id: Option<RequestId>,
    continues: Option<SessionId>,
}

/// Drawn here, so that the same create can be sent again.
fn fresh_id(cx: &Context) -> Result<SessionId, Failure> {
    Ok(SessionId::from_parts(cx.now_ms(), cx.random()?))
}

async fn create(cx: &mut Context, new: New, follow: bool) -> Result<(), Failure> {
    let mut body = json!({
        "session_id": new.id.to_string(),
        "agent_id": new.agent.as_str(),
        "first_message": new.body.as_str(),
    });
    if let Some(request_id) = &new.request_id {
        body["request_id"] = json!(request_id.as_str());
    }
    if let Ok(agent) = std::env::var(ENV_AGENT) {
        body["by_agent"] = json!(agent);
    }
    if let Some(continues) = new.continues {
        body["continues"] = json!(continues.to_string());
    }
    let answer = cx.client.ask(Call::post(paths::SESSIONS, body).repeatable()).await?;
    let created: SessionBody = answer.parse()?;
    if !cx.out.json {
        let reference = created.reference.unwrap_or_else(|| plain_reference(new.id));
        cx.out.data(&format!("{}\n", clean(&reference)))?;
    } else if follow {
        cx.out.data(&format!("{}\n", compact(&answer)?))?;
    } else {
        cx.out.document(&answer.body)?;
    }
    if follow {
        return follow::answer(cx, new.id, &created.session.entries).await;
    }
    cx.out.note(&format!("starling session follow {}", new.id));
    Ok(())
}

async fn send(
    cx: &mut Context,
    target: &Target,
    body: &Body,
    request_id: &RequestId,
    reply_to: Option<RecordId>,
) -> Result<(), Failure> {
    let mut message = json!({ "body": body.as_str(), "request_id": request_id.as_str() });
    if let Some(reply_to) = reply_to {
        message["reply_to"] = json!(reply_to.to_string());
    }
    let path = paths::session_verb(resolve(cx, target).await?, "messages");
    write(cx, Call::post(path, message).repeatable()).await
}

/// Sets the title, as the agent whose turn it is, or else as the creator.
async fn set_title(cx: &mut Context, target: &Target, title: &Title) -> Result<(), Failure> {
    let body = json!({ "title": title.as_str() });
    match Turn::from_env()? {
        Some(turn) => write(cx, turn.call("title", body).repeatable()).await,
        None => change(cx, target, "title", body).await,
    }
}

/// One line, as streams need it.
fn compact(answer: &Answer) -> Result<String, Failure> {
    answer.parse::<Value>().map(|value| value.to_string())
}

fn plain_reference(session: SessionId) -> String {
    Reference { session, line: None }.to_string()
}

async fn in_turn(cx: &mut Context, verb: &str, body: Value) -> Result<(), Failure> {
    let Some(turn) = Turn::from_env()? else {
        let failure = Failure::new(Exit::NotAllowed, "not_in_a_turn", "only an agent does this, in its turn");
        return Err(failure.hint("people write with `starling session send ID TEXT`"));
    };
    write(cx, turn.call(verb, body)).await
}

async fn change(cx: &mut Context, target: &Target, verb: &str, body: Value) -> Result<(), Failure> {
    let path = paths::session_verb(resolve(cx, target).await?, verb);
    // All but `retry` set a state, so that doing it twice is doing it once.
    let call = Call::post(path, body);
    write(cx, if verb == "retry" { call } else { call.repeatable() }).await
}

/// Answers an agent's permission request.
async fn permit(cx: &mut Context, target: &Target, request: Option<u64>, allow: bool) -> Result<(), Failure> {
    let session = resolve(cx, target).await?;
    let request = match request {
        Some(request) => request,
        None => the_one_request(cx, session, allow).await?,
    };
    let path = paths::permission(session, request);
    let answer = cx.client.ask(Call::post(path, json!({ "allow": allow }))).await?;
    if cx.out.json {
        return cx.out.document(&answer.body);
    }
    let asked = answer.parse::<Permissions>()?.permissions;
    let title = asked.first().map_or_else(String::new, |asked| clean(&asked.title));
    cx.out.data(&format!("{}  {title}\n", if allow { "allowed" } else { "refused" }))
}

/// The request that waits for an answer, if there is exactly one. It is refused unseen, and allowed only by who has seen
/// which one it is.
async fn the_one_request(cx: &mut Context, session: SessionId, allow: bool) -> Result<u64, Failure> {
    let open: Permissions = cx.client.ask(Call::get(paths::PERMISSIONS)).await?.parse()?;
    let mut asked = open.permissions;
    asked.retain(|asked| asked.session_id == session.to_string());
    match asked.as_slice() {
        [asked] if !allow || is_meant(cx, asked)? => Ok(asked.request),
        [_] => {
            Err(Failure::new(Exit::Failed, "not_answered", "nothing was allowed; the request still waits"))
        }
        [] => Err(Failure::of(Code::NotFound, "no permission request waits in this session")),
        several => {
            let line = |asked: &Permission| format!("\n  {}  {}", asked.request, clean(&asked.title));
            let lines: String = several.iter().map(line).collect();
            let detail = format!("{} requests wait in this session", several.len());
            Err(Failure::of(Code::InvalidField, detail).hint(format!("name one of them:{lines}")))
        }
    }
}

/// Asks the person at the terminal. Who is none has to name the request.
fn is_meant(cx: &mut Context, asked: &Permission) -> Result<bool, Failure> {
    let title = clean(&asked.title);
    if !io::stdin().is_terminal() || cx.out.json {
        let detail = format!("say which request is to be allowed; {} waits: {title}", asked.request);
        return Err(Failure::of(Code::InvalidField, detail).hint("add its number"));
    }
    cx.out.note(&format!("{title}\nallow this once? [y/N]"));
    let mut line = String::new();
    let read = io::stdin().read_line(&mut line);
    read.map_err(|error| Failure::new(Exit::Failed, "io", error.to_string()))?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}

/// Asks for a write, and shows where the session stands now.
async fn write(cx: &mut Context, call: Call) -> Result<(), Failure> {
    let answer = cx.client.ask(call).await?;
    if cx.out.json {
        return cx.out.document(&answer.body);
    }
    let written: Written = answer.parse()?;
    let reference = written.reference.unwrap_or_else(|| format!("session:{}", written.session_id));
    let title = written.title.map_or_else(String::new, |title| format!("  {}", clean(&title)));
    cx.out.data(&format!("{}  {}{title}\n", clean(&reference), chip(&written.status)))
}

async fn show(cx: &mut Context, target: &Target) -> Result<(), Failure> {
    let id = resolve(cx, target).await?;
    let answer = cx.client.ask(Call::get(paths::session(id))).await?;
    if cx.out.json {
        return cx.out.document(&answer.body);
    }
    let body: SessionBody = answer.parse()?;
    let mut text = render::session::show(&body, cx.now_ms());
    if body.session.meta.status == "running" {
        let open: Permissions = cx.client.ask(Call::get(paths::PERMISSIONS)).await?.parse()?;
        text += &render::session::permissions(&body.session.meta.id, &open.permissions);
    }
    cx.out.data(&text)
}

async fn reference(cx: &mut Context, named: LineTarget) -> Result<(), Failure> {
    let reference = Reference { session: resolve(cx, &named.target).await?, line: named.line };
    if cx.out.json {
        return cx.out.data(&format!("{}\n", json!({ "ref": reference.to_string() })));
    }
    cx.out.data(&format!("{reference}\n"))
}

/// Shows the newest sessions: all of them, or `limit`. With `--json`, pages are put together into one
/// document. A page of a search may be empty and not be the last.
async fn list(cx: &mut Context, which: &Wanted, limit: Option<u32>) -> Result<(), Failure> {
    let wanted = limit.map_or(ITEMS_MAX, |limit| limit as usize).min(ITEMS_MAX);
    let mut items: Vec<Value> = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let page_items = (wanted - items.len()).min(PAGE_ITEMS);
        let path = paths::page(which, page_items, cursor.as_deref());
        let answer = cx.client.ask(Call::get(path)).await?;
        let page: Value = answer.parse()?;
        if let Some(sessions) = page.get("sessions").and_then(Value::as_array) {
            items.extend(sessions.iter().cloned());
        }
        let next = answer.parse::<Page>()?.next_cursor.filter(|next| cursor.as_ref() != Some(next));
        if next.is_none() || items.len() >= wanted {
            return show_list(cx, items, next.as_deref(), which.search.is_some());
        }
        cursor = next;
    }
}

fn show_list(cx: &mut Context, items: Vec<Value>, next: Option<&str>, searched: bool) -> Result<(), Failure> {
    if cx.out.json {
        let mut document = json!({ "sessions": items });
        if let Some(next) = next {
            document["next_cursor"] = json!(next);
        }
        return cx.out.data(&format!("{document}\n"));
    }
    let items: Vec<Item> = serde_json::from_value(Value::Array(items)).map_err(|error| {
        Failure::new(Exit::Failed, "bad_answer", format!("the node's list makes no sense: {error}"))
    })?;
    if items.is_empty() && searched {
        cx.out.note("nothing was found; `--archived` looks into the closed ones");
    } else if items.is_empty() {
        cx.out.note("no sessions here; `starling session new --agent scribe -m 'Hello'` opens one");
    }
    let text = render::session::list(&items, cx.now_ms());
    cx.out.data(&text)?;
    if next.is_some() {
        cx.out.note("there are more");
    }
    Ok(())
}

/// The session that `target` names. A full id is taken as it is: whether it exists shows when it is used.
pub(super) async fn resolve(cx: &Context, target: &Target) -> Result<SessionId, Failure> {
    let prefix = match target {
        Target::Id(id) => return Ok(*id),
        Target::Prefix(prefix) => prefix,
    };
    let found: Ids = cx.client.ask(Call::get(paths::resolve(prefix))).await?.parse()?;
    let ids: Vec<SessionId> = found.ids.iter().filter_map(|id| id.parse().ok()).collect();
    match ids.as_slice() {
        [id] => Ok(*id),
        [] => {
            let detail = format!("no session's id begins with {prefix}");
            Err(Failure::of(Code::QuickSessionNotFound, detail))
        }
        [..] => Err(ambiguous(prefix, &ids)),
    }
}

fn ambiguous(prefix: &str, ids: &[SessionId]) -> Failure {
    let mut names: Vec<String> = ids.iter().take(CANDIDATES_SHOWN).map(ToString::to_string).collect();
    if ids.len() > CANDIDATES_SHOWN {
        names.push(format!("and {} more", ids.len() - CANDIDATES_SHOWN));
    }
    let detail = format!("{} session ids begin with {prefix}", ids.len());
    Failure::new(Exit::Usage, "ambiguous_prefix", detail)
        .hint(format!("use more of it:\n  {}", names.join("\n  ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_needs_both_of_its_variables() {
        let attempt = || Some("qa-01JZZZZZZZZZZZZZZZZZZZZZZZ".to_owned());
        let secret = || Some("s3cret".to_owned());
        assert!(Turn::from_values(attempt(), secret()).unwrap().is_some());
        assert!(Turn::from_values(attempt(), None).unwrap().is_none());
        assert!(Turn::from_values(None, secret()).unwrap().is_none());
        let wrong = Turn::from_values(Some("qs-1".to_owned()), secret()).err().unwrap();
        assert_eq!(wrong.exit, Exit::Usage);
    }
}
