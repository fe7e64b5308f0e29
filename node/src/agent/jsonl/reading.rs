//! What was read from a program so far: lines go in, activity and the state of the prompt come out. Nothing here waits or
//! fails: noise is skipped, activity that does not fit the channel is dropped, and everything kept is bounded.

use serde_json::Value;
use tokio::sync::mpsc;

use super::command::usable;
use super::rules::{Act, Rule, Status, first_text, fitting, status_word, text_at};
use crate::agent::prompt::cut;
use crate::agent::said::{FinalText, PLAN_STEPS_MAX, label};
use crate::agent::{EVENT_TEXT_BYTES_MAX, FAILURE_DETAIL_CHARS_MAX, PlanStep, StopReason, TurnEvent};

/// Elements of a list in one line that are looked at: a message has few parts.
const ELEMENTS_MAX: usize = 256;

/// The state of one prompt.
pub(super) struct Reading {
    rules: &'static [Rule],
    events: mpsc::Sender<TurnEvent>,
    text: FinalText,
    /// The session, if the program named it.
    pub(super) token: Option<String>,
    /// How the prompt ended, if the program said so.
    pub(super) end: Option<End>,
    /// Its last complaint.
    pub(super) complaint: Option<String>,
    /// Whether the agent has done anything: said, thought or called.
    pub(super) worked: bool,
    used: u64,
    size: u64,
}

/// How a program said that a prompt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// It is done.
    Done(StopReason),
    /// It failed, for this reason.
    Failed(String),
    /// Its user has to log in first.
    LoginWanted(String),
}

impl Reading {
    pub(super) fn new(rules: &'static [Rule], events: mpsc::Sender<TurnEvent>) -> Self {
        Self {
            rules,
            events,
            text: FinalText::default(),
            token: None,
            end: None,
            complaint: None,
            worked: false,
            used: 0,
            size: 0,
        }
    }

    /// Takes in a line. Returns whether it is a sign of life: noise and complaints are none, or a program that tries again
    /// for ever would never be silent.
    pub(super) fn line(&mut self, line: &[u8]) -> bool {
        let Ok(value @ Value::Object(_)) = serde_json::from_slice(line) else {
            return false;
        };
        let Some(rule) = fitting(self.rules, &value) else {
            return true;
        };
        self.act(rule, &value);
        !rule.then.iter().any(|act| matches!(act, Act::Complaint(_)))
    }

    /// The final text.
    pub(super) fn take_text(&mut self) -> String {
        std::mem::take(&mut self.text).take()
    }

    fn act(&mut self, rule: &'static Rule, value: &Value) {
        for act in rule.then {
            self.carry_out(act, value);
        }
    }

    fn carry_out(&mut self, act: &'static Act, value: &Value) {
        match act {
            Act::Token(path) => {
                let token = text_at(value, path).filter(|token| usable(token));
                self.token = token.map(std::borrow::Cow::into_owned).or(self.token.take());
            }
            Act::Message(path) => self.said(value, path, true, FinalText::paragraph),
            Act::Piece(path) => self.said(value, path, true, FinalText::push),
            Act::Live(path) => self.said(value, path, true, |_, _| ()),
            Act::Kept(path) => self.said(value, path, false, FinalText::paragraph),
            Act::Thought(path) => {
                if let Some(text) = text_at(value, path).filter(|text| !text.is_empty()) {
                    self.worked = true;
                    self.emit(TurnEvent::Thought(shown(&text)));
                }
            }
            Act::Tool { id, title, status } => self.tool(value, id, title, status),
            Act::Plan { steps, text, done } => self.plan(value, steps, text, done),
            Act::Used(paths) => self.used = paths.iter().map(|path| number(value, path)).sum(),
            Act::Size { of, each } => self.learn_size(value, of, each),
            Act::Each(path, rules) => {
                let list = value.pointer(path).and_then(Value::as_array);
                for element in list.into_iter().flatten().take(ELEMENTS_MAX) {
                    if let Some(rule) = fitting(rules, element) {
                        self.act(rule, element);
                    }
                }
            }
            Act::GoesOn => self.end = None,
            Act::Done(stop) => self.end = Some(End::Done(*stop)),
            Act::Failed(paths) => {
                let why = first_text(value, paths).or_else(|| self.complaint.clone());
                self.end = Some(End::Failed(why.map(bounded).unwrap_or_default()));
            }
            Act::LoginWanted(paths) => {
                let why = first_text(value, paths).map(bounded);
                self.end = Some(End::LoginWanted(why.unwrap_or_default()));
            }
            Act::Complaint(paths) => self.complaint = first_text(value, paths).map(bounded),
        }
    }

    fn said(&mut self, value: &Value, path: &str, show: bool, keep: impl Fn(&mut FinalText, &str)) {
        let Some(text) = text_at(value, path).filter(|text| !text.is_empty()) else {
            return;
        };
        self.worked = true;
        keep(&mut self.text, &text);
        if show {
            self.emit(TurnEvent::Text(shown(&text)));
        }
    }

    fn tool(&mut self, value: &Value, id: &str, title: &[&str], status: &Status) {
        self.worked = true;
        self.text.tool_call();
        let parts: Vec<_> = title.iter().filter_map(|path| text_at(value, path)).collect();
        let status = match status {
            Status::Is(word) => word,
            Status::At(path) => text_at(value, path).map_or("in_progress", |word| status_word(&word)),
        };
        let id = text_at(value, id).unwrap_or_default();
        self.emit(TurnEvent::ToolCall { id: label(&id), title: label(&parts.join(".")), status });
    }

    fn plan(&mut self, value: &Value, steps: &str, text: &str, done: &str) {
        let list = value.pointer(steps).and_then(Value::as_array);
        let step = |step: &Value| PlanStep {
            text: label(&text_at(step, text).unwrap_or_default()),
            status: if text_at(step, done).is_some_and(|done| done == "true") {
                "completed"
            } else {
                "pending"
            },
        };
        let steps = list.into_iter().flatten().take(PLAN_STEPS_MAX).map(step).collect();
        self.emit(TurnEvent::Plan(steps));
    }

    fn learn_size(&mut self, value: &Value, of: &str, each: &str) {
        let members = value.pointer(of).and_then(Value::as_object);
        let sizes = members.into_iter().flat_map(|members| members.values());
        self.size = sizes.take(ELEMENTS_MAX).map(|member| number(member, each)).max().unwrap_or(self.size);
        if self.size > 0 && self.used > 0 {
            self.emit(TurnEvent::Usage { used: self.used, size: self.size });
        }
    }

    fn emit(&self, event: TurnEvent) {
        let _activity_is_best_effort = self.events.try_send(event);
    }
}

fn number(value: &Value, path: &str) -> u64 {
    // No window has more: sums of these cannot overflow.
    value.pointer(path).and_then(Value::as_u64).unwrap_or(0).min(u64::from(u32::MAX))
}

fn shown(text: &str) -> String {
    cut(text, EVENT_TEXT_BYTES_MAX).to_owned()
}

fn bounded(text: String) -> String {
    text.chars().take(FAILURE_DETAIL_CHARS_MAX).collect()
}
