//! The text of a prompt: pure, built from what the node knows of a session, and read again by the demo agent.
//!
//! It is line-oriented. Whatever people or agents wrote stands behind `| `, so no message can fake a heading, another
//! author or the end of the transcript; names and titles are reduced to one line. The transcript is bounded in bytes,
//! the newest lines win.

/// Bytes of transcript in a prompt: some 12,000 tokens, a small part of any context window.
pub const TRANSCRIPT_BYTES_MAX: usize = 48 * 1_024;
/// Bytes kept of one message in a transcript: a pasted log must not push out the conversation.
pub const LINE_BYTES_MAX: usize = 24 * 1_024;

/// What a prompt is built from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PromptContext {
    /// The agent's handle, without `@`.
    pub agent: String,
    /// The session's reference, `session:qs-...`.
    pub session_ref: String,
    /// The title, when there is one.
    pub title: Option<String>,
    /// The summary, when there is one.
    pub summary: Option<String>,
    /// The thread, oldest first; older lines may be left out by the caller already.
    pub transcript: Vec<PromptLine>,
    /// The first line number that this turn has to answer.
    pub new_from: u64,
    /// Whether to ask for a summary, because the agent's context is nearly full.
    pub ask_summary: bool,
}

/// One message of the thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptLine {
    /// Its line number.
    pub line: u64,
    /// Who wrote it: a handle, without `@`.
    pub author: String,
    /// What was written.
    pub body: String,
}

/// What [`parse`] finds again in a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParsedPrompt {
    /// Whether the session has a title.
    pub has_title: bool,
    /// The earliest message shown.
    pub first_message: String,
    /// The latest message that is not the agent's own.
    pub latest_message: String,
}

/// Builds the text of a turn's first prompt.
pub fn build(_context: &PromptContext) -> String {
    String::new()
}

/// The one follow-up prompt of a turn that ended with text but without a title.
pub fn title_follow_up() -> &'static str {
    "title: (none)\nYour turn ended, but this session still has no title, so your answer cannot be published. \
     Call the tool `set_title` now, with one line of at most 80 characters that says what the session is about. \
     Do nothing else."
}

/// Reads a prompt that [`build`] made; `None` for any other text.
pub fn parse(_prompt: &str) -> Option<ParsedPrompt> {
    None
}
