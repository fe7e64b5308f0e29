//! When the export is pushed: some time after it changed, one push at a time, and after a failure again with growing
//! pauses. Nothing waits for a push, not even the node's end: what is missing goes with the next start. Where to, and
//! how, is the shell's.

use super::Node;
use super::info::{ExportState, PushState};
use super::input::Effect;

/// Changes are gathered for this long before a push: each costs a connection, and a turn makes several commits.
const GATHER_MS: u64 = 2_000;
/// Pause after a first failure, ms; each further one doubles it.
const RETRY_MS_MIN: u64 = 5_000;
/// The longest pause, ms: a remote that is back is found again within it.
const RETRY_MS_MAX: u64 = 600_000;

/// What the remote lags behind, and what is being done about it.
#[derive(Debug)]
pub(super) struct Pusher {
    state: PushState,
    due_ms: Option<u64>,
    pause_ms: u64,
    in_flight: Option<ExportState>,
}

impl Pusher {
    pub(super) const fn new(state: PushState) -> Self {
        Self { state, due_ms: None, pause_ms: 0, in_flight: None }
    }

    /// What is shown of it.
    pub(super) fn state(&self) -> PushState {
        let next_try_ms = self.due_ms.filter(|_| self.state.error.is_some());
        PushState { next_try_ms, ..self.state.clone() }
    }

    /// The commit to push now, if any; when to come back, if later.
    fn decide(&mut self, export: &ExportState, now: u64) -> Result<String, Option<u64>> {
        let commit = export.commit.as_ref().filter(|commit| self.state.commit.as_ref() != Some(*commit));
        let Some(commit) = commit.filter(|_| self.in_flight.is_none()) else {
            return Err(None);
        };
        let due = *self.due_ms.get_or_insert(now.saturating_add(GATHER_MS));
        if now < due {
            return Err(Some(due));
        }
        self.due_ms = None;
        self.in_flight = Some(export.clone());
        Ok(commit.clone())
    }

    fn ended(&mut self, result: Result<(), String>, now: u64) {
        let Some(export) = self.in_flight.take() else { return };
        match result {
            Ok(()) => {
                (self.state.commit, self.state.tree) = (export.commit, export.tree);
                (self.state.at_ms, self.state.error, self.pause_ms) = (Some(now), None, 0);
            }
            Err(error) => {
                self.pause_ms = self.pause_ms.saturating_mul(2).clamp(RETRY_MS_MIN, RETRY_MS_MAX);
                (self.state.error, self.due_ms) = (Some(error), Some(now.saturating_add(self.pause_ms)));
            }
        }
    }
}

impl Node {
    /// Begins a push that is due, or asks to be woken for it.
    pub(super) fn plan_push(&mut self) {
        let now = self.now;
        let Some(pusher) = self.pusher.as_mut().filter(|_| !self.stopping) else {
            return;
        };
        match pusher.decide(self.exporter.state(), now) {
            Ok(commit) => self.effects.push(Effect::Push { commit }),
            Err(Some(due)) => self.wake("push", due),
            Err(None) => {}
        }
    }

    pub(super) fn on_pushed(&mut self, result: Result<(), String>) {
        if let Some(pusher) = &mut self.pusher {
            pusher.ended(result, self.now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn export(commit: &str) -> ExportState {
        ExportState { commit: Some(commit.to_owned()), tree: Some(format!("t{commit}")), error: None }
    }

    fn pusher() -> Pusher {
        Pusher::new(PushState {
            remote: "/r".to_owned(),
            branch: "starling/x".to_owned(),
            ..PushState::default()
        })
    }

    #[test]
    fn changes_are_gathered_and_one_push_runs_at_a_time() {
        let mut pusher = pusher();
        assert_eq!(pusher.decide(&ExportState::default(), 1), Err(None), "nothing to push");
        assert_eq!(pusher.decide(&export("a"), 10), Err(Some(10 + GATHER_MS)));
        assert_eq!(
            pusher.decide(&export("b"), 11),
            Err(Some(10 + GATHER_MS)),
            "never put off by more changes"
        );
        assert_eq!(pusher.decide(&export("c"), 10 + GATHER_MS), Ok("c".to_owned()));
        assert_eq!(pusher.decide(&export("d"), 20 + GATHER_MS), Err(None), "one at a time");
        pusher.ended(Ok(()), 5_000);
        let state = pusher.state();
        assert_eq!((state.commit.as_deref(), state.tree.as_deref()), (Some("c"), Some("tc")));
        assert_eq!((state.at_ms, state.error, state.next_try_ms), (Some(5_000), None, None));
        assert_eq!(pusher.decide(&export("d"), 5_000), Err(Some(5_000 + GATHER_MS)), "the next one");
        assert_eq!(pusher.decide(&export("c"), 9_000), Err(None), "it is there already");
    }

    #[test]
    fn pauses_double_up_to_ten_minutes_and_start_anew_after_success() {
        let mut pusher = pusher();
        let (mut now, mut pauses) = (GATHER_MS, Vec::new());
        assert!(pusher.decide(&export("a"), 0).is_err());
        for _ in 0..9 {
            assert_eq!(pusher.decide(&export("a"), now), Ok("a".to_owned()));
            pusher.ended(Err("no route".to_owned()), now);
            let Err(Some(due)) = pusher.decide(&export("a"), now) else { panic!("it waits") };
            assert_eq!(
                (pusher.state().next_try_ms, pusher.state().error),
                (Some(due), Some("no route".to_owned()))
            );
            pauses.push((due - now) / 1_000);
            now = due;
        }
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 320, 600, 600]);
        assert_eq!(pusher.decide(&export("b"), now), Ok("b".to_owned()), "what is newest by then");
        pusher.ended(Ok(()), now);
        assert!(pusher.decide(&export("c"), now).is_err() && pusher.state().error.is_none());
        assert!(pusher.decide(&export("c"), now + GATHER_MS).is_ok());
        pusher.ended(Err("again".to_owned()), now);
        assert_eq!(pusher.state().next_try_ms, Some(now + RETRY_MS_MIN));
    }

    #[test]
    fn a_report_that_nobody_waits_for_changes_nothing() {
        let mut pusher = pusher();
        let before = pusher.state();
        pusher.ended(Err("late".to_owned()), 7);
        assert_eq!(pusher.state(), before);
    }
}
