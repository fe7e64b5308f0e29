//! What an agent said in a turn, whatever language it speaks: the final text, and labels. All of it is bounded, so that an
//! agent that talks without end costs no memory. What is shown live is not kept here.

use super::FINAL_TEXT_BYTES_MAX;
use super::prompt::cut;

/// Bytes of an id, a title or a plan's step.
const LABEL_BYTES_MAX: usize = 400;
/// Steps of a plan that are shown.
pub(super) const PLAN_STEPS_MAX: usize = 100;

/// The text after the last tool call that was followed by any: what an agent says before a call is commentary.
#[derive(Default)]
pub(super) struct FinalText {
    current: String,
    earlier: String,
}

impl FinalText {
    /// Goes on with a text.
    pub(super) fn push(&mut self, text: &str) {
        let room = FINAL_TEXT_BYTES_MAX.saturating_sub(self.current.len());
        self.current.push_str(cut(text, room));
    }

    /// Begins a paragraph, for a message that comes as a whole.
    pub(super) fn paragraph(&mut self, text: &str) {
        if !self.current.trim().is_empty() {
            self.push("\n\n");
        }
        self.push(text);
    }

    /// A tool was called.
    pub(super) fn tool_call(&mut self) {
        let current = std::mem::take(&mut self.current);
        if !current.trim().is_empty() {
            self.earlier = current;
        }
    }

    /// The final text.
    pub(super) fn take(mut self) -> String {
        self.tool_call();
        self.earlier.trim().to_owned()
    }
}

/// A text short enough for a line.
pub(super) fn label(text: &str) -> String {
    cut(text, LABEL_BYTES_MAX).to_owned()
}
