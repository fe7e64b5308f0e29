//! What an agent says during a turn: updates become [`TurnEvent`]s and the final text, permission requests are answered.
//!
//! Runs inside the connection's dispatch loop, so nothing here waits but the answer to a permission request, which has a
//! task of its own: events that do not fit the channel are dropped. Everything kept is bounded. Our own tools are allowed,
//! once; everything else is somebody's to decide (`PermissionDesk`), and refused where nobody is there.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use agent_client_protocol::v1::schema::{
    ContentBlock, ContentChunk, PermissionOptionId, PermissionOptionKind, PlanEntryStatus,
    RequestPermissionOutcome, RequestPermissionRequest, SelectedPermissionOutcome, SessionUpdate,
    ToolCallStatus, ToolKind,
};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::agent::mcp::{SERVER_NAME, TOOLS};
use crate::agent::prompt::cut;
use crate::agent::said::{FinalText, PLAN_STEPS_MAX, label};
use crate::agent::{EVENT_TEXT_BYTES_MAX, PermissionDesk, PlanStep, TurnEvent};

/// Tool calls remembered for their name and kind: a permission request may only carry the id.
const TOOL_CALLS_MAX: usize = 512;

/// Listens to one ACP session for one turn.
pub(super) struct Listener {
    events: mpsc::Sender<TurnEvent>,
    desk: Option<Arc<dyn PermissionDesk>>,
    /// Raised when the turn is stopped.
    stopped: CancellationToken,
    /// Permission requests that wait for somebody.
    asking: AtomicUsize,
    heard: watch::Sender<u64>,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    text: FinalText,
    calls: BTreeMap<String, KnownCall>,
}

/// What is known of a tool call.
#[derive(Default, Clone)]
pub(super) struct KnownCall {
    name: Option<String>,
    title: String,
    kind: ToolKind,
}

impl Listener {
    /// Raise `stopped` before the agent is told that its prompt is cancelled.
    pub(super) fn new(
        events: mpsc::Sender<TurnEvent>,
        desk: Option<Arc<dyn PermissionDesk>>,
        stopped: CancellationToken,
    ) -> Self {
        let (asking, heard) = (AtomicUsize::new(0), watch::Sender::new(0));
        Self { events, desk, stopped, asking, heard, memory: Mutex::default() }
    }

    /// Whether the agent waits for a person: its silence is not its own.
    pub(super) fn is_asking(&self) -> bool {
        self.asking.load(Ordering::Relaxed) > 0
    }

    /// Changes with every sign of life.
    pub(super) fn signs_of_life(&self) -> watch::Receiver<u64> {
        self.heard.subscribe()
    }

    /// The final text since the last call.
    pub(super) fn take_text(&self) -> String {
        std::mem::take(&mut self.memory().text).take()
    }

    pub(super) fn update(&self, update: SessionUpdate) {
        self.sign_of_life();
        let mut memory = self.memory();
        let event = match update {
            SessionUpdate::AgentMessageChunk(chunk) => text_of(&chunk).map(|text| {
                memory.text.push(text);
                TurnEvent::Text(cut(text, EVENT_TEXT_BYTES_MAX).to_owned())
            }),
            SessionUpdate::AgentThoughtChunk(chunk) => {
                text_of(&chunk).map(|text| TurnEvent::Thought(cut(text, EVENT_TEXT_BYTES_MAX).to_owned()))
            }
            SessionUpdate::ToolCall(call) => {
                memory.text.tool_call();
                let known = KnownCall { name: call.name, title: call.title.clone(), kind: call.kind };
                memory.remember(&call.tool_call_id.0, known);
                Some(tool_event(&call.tool_call_id.0, &call.title, call.status))
            }
            SessionUpdate::ToolCallUpdate(call) => {
                memory.amend(
                    &call.tool_call_id.0,
                    call.fields.name,
                    call.fields.title.clone(),
                    call.fields.kind,
                );
                let title = call.fields.title.unwrap_or_default();
                let status = call.fields.status.unwrap_or(ToolCallStatus::InProgress);
                Some(tool_event(&call.tool_call_id.0, &title, status))
            }
            SessionUpdate::Plan(plan) => {
                let steps = plan.entries.iter().take(PLAN_STEPS_MAX);
                let step = |text: &str, status| PlanStep { text: label(text), status };
                Some(TurnEvent::Plan(
                    steps.map(|entry| step(&entry.content, plan_status(&entry.status))).collect(),
                ))
            }
            SessionUpdate::UsageUpdate(usage) => {
                Some(TurnEvent::Usage { used: usage.used, size: usage.size })
            }
            // The protocol grows; what is unknown is a sign of life and nothing else.
            _ => None,
        };
        drop(memory);
        self.emit(event);
    }

    /// A permission request has come: what is known of the call that it is for. Waits for nothing.
    pub(super) fn heed(&self, request: &RequestPermissionRequest) -> KnownCall {
        self.sign_of_life();
        let fields = &request.tool_call.fields;
        let id = &request.tool_call.tool_call_id.0;
        let mut memory = self.memory();
        memory.amend(id, fields.name.clone(), fields.title.clone(), fields.kind);
        memory.calls.get(id.as_ref()).cloned().unwrap_or_default()
    }

    /// Decides it: at once, or when whoever may has answered.
    pub(super) async fn decide(
        &self,
        request: &RequestPermissionRequest,
        call: KnownCall,
    ) -> RequestPermissionOutcome {
        let asked = self.desk.as_ref().filter(|_| !call.is_our_tool());
        let allow = match asked {
            Some(desk) => self.ask(desk.as_ref(), &call).await,
            None => call.is_our_tool(),
        };
        // The protocol wants no choice for a prompt that is cancelled: an agent may take a refusal as a wish to go on.
        if self.stopped.is_cancelled() {
            return RequestPermissionOutcome::Cancelled;
        }
        let chosen = choose(request, allow);
        if asked.is_none() {
            let allowed = chosen.as_ref().is_some_and(|(_, allowed)| *allowed);
            self.emit(Some(TurnEvent::Permission { title: label(&call.title), allowed }));
        }
        match chosen {
            Some((id, _)) => RequestPermissionOutcome::Selected(SelectedPermissionOutcome::new(id)),
            None => RequestPermissionOutcome::Cancelled,
        }
    }

    async fn ask(&self, desk: &dyn PermissionDesk, call: &KnownCall) -> bool {
        self.asking.fetch_add(1, Ordering::Relaxed);
        let allowed = desk.ask(label(call.shown())).await;
        self.asking.fetch_sub(1, Ordering::Relaxed);
        self.sign_of_life();
        allowed
    }

    fn sign_of_life(&self) {
        self.heard.send_modify(|count| *count = count.wrapping_add(1));
    }

    fn emit(&self, event: Option<TurnEvent>) {
        if let Some(event) = event {
            let _activity_is_best_effort = self.events.try_send(event);
        }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    fn remember(&mut self, id: &str, call: KnownCall) {
        if self.calls.len() < TOOL_CALLS_MAX || self.calls.contains_key(id) {
            self.calls.insert(label(id), call);
        }
    }

    fn amend(&mut self, id: &str, name: Option<String>, title: Option<String>, kind: Option<ToolKind>) {
        let mut call = self.calls.get(id).cloned().unwrap_or_default();
        call.name = name.or(call.name);
        call.title = title.unwrap_or(call.title);
        call.kind = kind.unwrap_or(call.kind);
        self.remember(id, call);
    }
}

impl KnownCall {
    /// A line for people.
    fn shown(&self) -> &str {
        let name = self.name.as_deref().unwrap_or("a tool call without a name");
        if self.title.trim().is_empty() { name } else { &self.title }
    }

    /// Whether this is a call of one of the three turn tools. Names are compared whole: a shell command that only
    /// begins like one of them is something else.
    fn is_our_tool(&self) -> bool {
        let harmless = matches!(self.kind, ToolKind::Other | ToolKind::Think | ToolKind::Fetch);
        harmless && is_tool_name(self.name.as_deref().unwrap_or(&self.title))
    }
}

/// The ways in which agents print a tool of an MCP server.
fn is_tool_name(name: &str) -> bool {
    TOOLS.iter().map(|tool| tool.name).any(|tool| {
        name == format!("mcp__{SERVER_NAME}__{tool}")
            || name == format!("{SERVER_NAME}_{tool}")
            || name == format!("{SERVER_NAME}__{tool}")
            || name == format!("{SERVER_NAME}.{tool}")
            || name == format!("{SERVER_NAME}/{tool}")
            || name == format!("{tool} ({SERVER_NAME} MCP Server)")
    })
}

/// The option to select, by kind, and whether it allows. `None` when the agent offers none that fits.
fn choose(request: &RequestPermissionRequest, allow: bool) -> Option<(PermissionOptionId, bool)> {
    let find = |kind| {
        let option = request.options.iter().find(|option| option.kind == kind)?;
        Some(option.option_id.clone())
    };
    let allowed = if allow { find(PermissionOptionKind::AllowOnce) } else { None };
    allowed.map(|id| (id, true)).or_else(|| find(PermissionOptionKind::RejectOnce).map(|id| (id, false)))
}

fn text_of(chunk: &ContentChunk) -> Option<&str> {
    match &chunk.content {
        ContentBlock::Text(text) => Some(&text.text),
        _ => None,
    }
}

fn tool_event(id: &str, title: &str, status: ToolCallStatus) -> TurnEvent {
    let status = match status {
        ToolCallStatus::Pending => "pending",
        ToolCallStatus::Completed => "completed",
        ToolCallStatus::Failed => "failed",
        _ => "in_progress",
    };
    TurnEvent::ToolCall { id: label(id), title: label(title), status }
}

fn plan_status(status: &PlanEntryStatus) -> &'static str {
    match status {
        PlanEntryStatus::Completed => "completed",
        PlanEntryStatus::InProgress => "in_progress",
        _ => "pending",
    }
}

#[cfg(test)]
mod tests {
    use agent_client_protocol::v1::schema::{
        PermissionOption, TextContent, ToolCall, ToolCallUpdate, ToolCallUpdateFields,
    };

    use futures::FutureExt;

    use super::*;
    use crate::agent::FINAL_TEXT_BYTES_MAX;

    fn listener() -> (Listener, mpsc::Receiver<TurnEvent>) {
        let (events, received) = mpsc::channel(4);
        (Listener::new(events, None, CancellationToken::new()), received)
    }

    fn say(text: &str) -> SessionUpdate {
        SessionUpdate::AgentMessageChunk(ContentChunk::new(ContentBlock::Text(TextContent::new(text))))
    }

    fn ask(title: &str, kind: ToolKind, kinds: &[PermissionOptionKind]) -> RequestPermissionRequest {
        let fields = ToolCallUpdateFields::new().title(title.to_owned()).kind(kind);
        let options =
            kinds.iter().map(|kind| PermissionOption::new(format!("{kind:?}"), "x", *kind)).collect();
        RequestPermissionRequest::new("s", ToolCallUpdate::new("c", fields), options)
    }

    /// Without a desk nothing has to be waited for.
    fn permission(listener: &Listener, request: &RequestPermissionRequest) -> RequestPermissionOutcome {
        let call = listener.heed(request);
        listener.decide(request, call).now_or_never().unwrap()
    }

    fn answer(title: &str, kind: ToolKind, kinds: &[PermissionOptionKind]) -> Option<String> {
        match permission(&listener().0, &ask(title, kind, kinds)) {
            RequestPermissionOutcome::Selected(selected) => Some(selected.option_id.0.to_string()),
            _ => None,
        }
    }

    #[test]
    fn permissions_are_answered_by_kind_never_by_position() {
        use PermissionOptionKind::{AllowAlways, AllowOnce, RejectAlways, RejectOnce};
        let all = [AllowAlways, AllowOnce, RejectAlways, RejectOnce];
        let ours = "mcp__starling__reply";
        assert_eq!(answer(ours, ToolKind::Other, &all).as_deref(), Some("AllowOnce"));
        assert_eq!(answer("rm -rf /", ToolKind::Execute, &all).as_deref(), Some("RejectOnce"));
        assert_eq!(answer(ours, ToolKind::Execute, &all).as_deref(), Some("RejectOnce"));
        let command = "mcp__starling__reply; rm -rf /";
        assert_eq!(answer(command, ToolKind::Other, &all).as_deref(), Some("RejectOnce"));
        assert_eq!(answer("rm", ToolKind::Execute, &[AllowOnce, AllowAlways]), None);
        assert_eq!(answer(ours, ToolKind::Other, &[AllowAlways]), None);
    }

    #[test]
    fn a_permission_request_may_refer_to_an_earlier_call_by_its_id() {
        let (listener, _events) = listener();
        listener.update(SessionUpdate::ToolCall(
            ToolCall::new("c", "Answer").name("mcp__starling__reply".to_owned()),
        ));
        let request = RequestPermissionRequest::new(
            "s",
            ToolCallUpdate::new("c", ToolCallUpdateFields::new()),
            vec![PermissionOption::new("yes", "x", PermissionOptionKind::AllowOnce)],
        );
        let outcome = permission(&listener, &request);
        assert!(
            matches!(outcome, RequestPermissionOutcome::Selected(option) if &*option.option_id.0 == "yes")
        );
    }

    #[test]
    fn the_final_text_is_what_follows_the_last_tool_call() {
        let (listener, _events) = listener();
        let tool = || SessionUpdate::ToolCall(ToolCall::new("c", "read"));
        for update in [say("let me see"), tool(), say("the ans"), say("wer is 42\n"), tool(), say(" ")] {
            listener.update(update);
        }
        assert_eq!(listener.take_text(), "the answer is 42");
        assert_eq!(listener.take_text(), "");
    }

    #[test]
    fn a_flood_is_bounded_and_never_waits() {
        let (listener, mut events) = listener();
        let flood = "\u{e9}".repeat(EVENT_TEXT_BYTES_MAX);
        for _ in 0..20 {
            listener.update(say(&flood));
        }
        assert!(listener.take_text().len() <= FINAL_TEXT_BYTES_MAX);
        let mut count = 0;
        while let Ok(TurnEvent::Text(text)) = events.try_recv() {
            assert!(text.len() <= EVENT_TEXT_BYTES_MAX);
            count += 1;
        }
        assert_eq!(count, 4);
    }
}
