//! Agents that do what a script says: they call the same doors of a turn as real ones, by the turn's secret, and end,
//! crash or hang as real ones do.

use std::collections::VecDeque;

use starling_node::machine::input::TurnOrder;

/// What a turn adds to the context of an agent that has one.
const TURN_TOKENS: u64 = 300;
/// What such a context holds.
pub const CONTEXT_TOKENS: u64 = 1_000;

/// How an agent behaves in its turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Behaviour {
    /// Sets the title if there is none, replies, ends.
    #[default]
    Good,
    /// The same, after this many ms.
    Slow(u64),
    /// Sets the title, and leaves the answer to the text that it ends with.
    TextOnly,
    /// Replies at once and again, and never sets a title.
    NoTitle,
    /// Sets the title only when it is asked for it.
    TitleWhenAsked,
    /// Ends without a word.
    Silent,
    /// Its process dies after the title.
    Crash,
    /// Does nothing until it is cancelled.
    Hang,
    /// As a good one, and it can be resumed: its context of a thousand tokens fills by three hundred a turn, and is
    /// summed up when it is asked to. Not among [`Behaviour::ALL`].
    Remembers,
}

/// One step of a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// `set_title`.
    Title(String),
    /// `reply`.
    Reply(String),
    /// `summarize`.
    Summary(String),
    /// It can be resumed by this token, and this much of its context is in use.
    Context(String, u64),
    /// Passes time, ms.
    Wait(u64),
    /// The prompt ends, with this text.
    End(String),
    /// The process dies.
    Die,
}

/// A turn that runs on a simulated node.
#[derive(Debug)]
pub struct Running {
    /// What it was started with.
    pub order: TurnOrder,
    /// What is left to do.
    pub acts: VecDeque<Act>,
    /// Whether its prompt has ended; it may be given one more.
    pub ended: bool,
}

impl Behaviour {
    /// One of each.
    pub const ALL: [Self; 8] = [
        Self::Good,
        Self::Slow(700),
        Self::TextOnly,
        Self::NoTitle,
        Self::TitleWhenAsked,
        Self::Silent,
        Self::Crash,
        Self::Hang,
    ];

    /// The steps of a turn; `again` is the follow-up that asks for the title.
    #[must_use]
    pub fn acts(self, order: &TurnOrder, again: bool) -> VecDeque<Act> {
        let asked = order.context.transcript.last();
        let answer = asked.map_or_else(String::new, |(line, _, text)| format!("re {line}: {text}"));
        let title = || Act::Title(format!("About {}", order.context.reference));
        let missing = order.context.title.is_none() || again;
        let end = |text: &str| Act::End(text.to_owned());
        let acts = match self {
            Self::Remembers => {
                let before: u64 = order.resume.as_ref().and_then(|token| token.parse().ok()).unwrap_or(0);
                let used = before + TURN_TOKENS;
                let context = Act::Context(used.to_string(), used);
                let sums_up = order.context.ask_summary.then(|| Act::Summary("so far".to_owned()));
                let titles = missing.then(title).into_iter().chain(sums_up);
                return titles.chain([Act::Reply(answer), context, end("")]).collect();
            }
            Self::Good | Self::Slow(_) => {
                let wait = match self {
                    Self::Slow(ms) => Some(Act::Wait(ms)),
                    _ => None,
                };
                let titles = missing.then(title);
                return wait.into_iter().chain(titles).chain([Act::Reply(answer), end("")]).collect();
            }
            Self::TextOnly => {
                return missing.then(title).into_iter().chain([Act::End(answer)]).collect();
            }
            Self::NoTitle => vec![Act::Reply(answer.clone()), Act::Reply(answer.clone()), Act::End(answer)],
            Self::TitleWhenAsked if again => vec![title(), Act::End(answer)],
            Self::TitleWhenAsked => vec![Act::End(answer)],
            Self::Silent => vec![end("")],
            Self::Crash => vec![title(), Act::Die],
            Self::Hang => Vec::new(),
        };
        acts.into()
    }
}
