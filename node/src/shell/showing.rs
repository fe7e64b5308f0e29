//! What an agent does, on its way from its driver: to clients of this node at once, and gathered to the machine, which tells
//! the creator's other devices. Pieces of text that follow each other are joined, so that a stream of single words is some
//! notes a second; of what is too much for one, the newest part goes.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::turns::doing;
use crate::agent::TurnEvent;
use crate::agent::prompt::cut;
use crate::http::Events;
use crate::machine::activity::{Activity, Doing, Step};
use crate::machine::context::Usage;
use crate::machine::input::{Input, TurnInput};

/// How long activity is gathered for other devices.
const GATHER: Duration = Duration::from_millis(250);
/// Bytes of joined text in one note.
const TEXT_BYTES_MAX: usize = 4_096;
/// Things done that are gathered at once; more are for clients of this node only.
const GATHERED_MAX: usize = 24;
/// Of a plan this much goes to other devices.
const STEPS_MAX: usize = 20;
const STEP_BYTES_MAX: usize = 120;

/// One turn's activity.
pub(super) struct Showing {
    /// Whose; what is done is put into it.
    pub(super) activity: Activity,
    pub(super) events: Events,
    pub(super) inputs: mpsc::Sender<Input>,
    /// How full the agent's context is, as it said last.
    pub(super) usage: Option<Usage>,
    /// What else there is to say of the turn, by its task and the desk of permissions: it comes behind all that the agent
    /// did before.
    pub(super) reports: mpsc::Receiver<TurnInput>,
}

impl Showing {
    /// Shows what comes until the turn is over for its task, its driver and the desk.
    pub(super) async fn run(mut self, mut activity: mpsc::Receiver<TurnEvent>) {
        let (mut gathered, mut due, mut goes_on) = (Vec::new(), None, true);
        loop {
            tokio::select! {
                event = activity.recv(), if goes_on => match event {
                    Some(event) => {
                        self.show(event, &mut gathered);
                        due = due.or_else(|| Some(Instant::now() + GATHER));
                    }
                    None => goes_on = false,
                },
                report = self.reports.recv() => {
                    let Some(mut report) = report else { break };
                    while let Ok(event) = activity.try_recv() {
                        self.show(event, &mut gathered);
                    }
                    if let TurnInput::Context { usage, .. } = &mut report {
                        *usage = self.usage;
                    }
                    self.pass_on(&mut gathered).await;
                    self.say(report).await;
                }
                () = until(due) => {
                    due = None;
                    self.pass_on(&mut gathered).await;
                }
            }
        }
    }

    fn show(&mut self, event: TurnEvent, gathered: &mut Vec<Doing>) {
        if let TurnEvent::Usage { used, size } = event {
            self.usage = Some(Usage { used, size });
        }
        self.activity.doing = doing(event);
        self.events.activity(&self.activity);
        gather(gathered, &self.activity.doing);
    }

    async fn pass_on(&self, gathered: &mut Vec<Doing>) {
        if !gathered.is_empty() {
            self.say(TurnInput::Doing(std::mem::take(gathered))).await;
        }
    }

    async fn say(&self, event: TurnInput) {
        let _stopping = self.inputs.send(Input::Turn { attempt: self.activity.attempt, event }).await;
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// Adds something to what is told next.
fn gather(gathered: &mut Vec<Doing>, doing: &Doing) {
    let has_room = gathered.len() < GATHERED_MAX;
    match (gathered.last_mut(), doing) {
        (Some(Doing::Text { text }), Doing::Text { text: more })
        | (Some(Doing::Thought { text }), Doing::Thought { text: more }) => {
            text.push_str(more);
            keep_end(text);
        }
        (Some(last @ Doing::Usage { .. }), Doing::Usage { .. })
        | (Some(last @ Doing::Plan { .. }), Doing::Plan { .. }) => *last = in_short(doing),
        _ if has_room => gathered.push(in_short(doing)),
        _ => {}
    }
}

fn in_short(doing: &Doing) -> Doing {
    let mut short = doing.clone();
    match &mut short {
        Doing::Text { text } | Doing::Thought { text } => keep_end(text),
        Doing::Plan { steps } => {
            steps.truncate(STEPS_MAX);
            for Step { text, .. } in steps {
                *text = cut(text, STEP_BYTES_MAX).to_owned();
            }
        }
        Doing::Tool { .. } | Doing::Usage { .. } | Doing::Permission { .. } => {}
    }
    short
}

/// Cuts a text from its beginning, whole characters only.
fn keep_end(text: &mut String) {
    let from = text.ceil_char_boundary(text.len().saturating_sub(TEXT_BYTES_MAX));
    text.drain(..from);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::activity::Progress;

    fn text(text: &str) -> Doing {
        Doing::Text { text: text.to_owned() }
    }

    #[test]
    fn text_is_joined_and_its_newest_part_kept() {
        let mut gathered = Vec::new();
        gather(&mut gathered, &text("a"));
        gather(&mut gathered, &text("b"));
        gather(&mut gathered, &Doing::Thought { text: "hm".to_owned() });
        gather(&mut gathered, &text("c"));
        assert_eq!(gathered, [text("ab"), Doing::Thought { text: "hm".to_owned() }, text("c")]);
        gather(&mut gathered, &text(&"\u{4e2d}".repeat(2_000)));
        let Some(Doing::Text { text }) = gathered.last() else { panic!() };
        assert!(text.len() <= TEXT_BYTES_MAX && text.ends_with('\u{4e2d}') && !text.starts_with('c'));
    }

    #[test]
    fn a_flood_is_bounded() {
        let mut gathered = Vec::new();
        let tool =
            |n: usize| Doing::Tool { id: n.to_string(), title: String::new(), status: Progress::Failed };
        (0..100).for_each(|n| gather(&mut gathered, &tool(n)));
        assert_eq!(gathered.len(), GATHERED_MAX);
        let steps = vec![Step { text: "x".repeat(400), status: Progress::Pending }; 100];
        let Doing::Plan { steps } = in_short(&Doing::Plan { steps }) else { panic!() };
        assert!(steps.len() == STEPS_MAX && steps.iter().all(|step| step.text.len() == STEP_BYTES_MAX));
    }
}
