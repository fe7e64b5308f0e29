//! Looking for a text in titles, ids and messages. What a session says is known only where it is open, and ten thousand
//! of them cannot be opened for one question. So it goes in two steps: the shell looks through the stored records of at
//! most [`SCOPE_MAX`] sessions, away from the loop, and names those with a message that has the text; these are opened,
//! a page at a time, and their lines say what counts and where it stands. A question that was not done with all
//! sessions ends with a cursor, even when it found nothing: whoever asks goes on with it.

use std::collections::{BTreeMap, BTreeSet};

use starling_crdt::id::{Handle, SessionId, StreamKey};
use starling_crdt::payload::Payload;
use starling_crdt::signed::{Received, Signed, Unverified};
use starling_crdt::view::View;

use super::Node;
use super::info::{Item, Match};
use super::input::{Effect, Ticket};
use super::request::{Answer, Code, Rejection};
use super::task::Task;

/// Sessions that one question looks at.
pub const SCOPE_MAX: usize = 1_000;
/// Items of a page of found sessions: each of them is opened.
pub const ITEMS_MAX: usize = 100;
/// Questions that are worked on at the same time.
const SEARCHES_MAX: usize = 16;
/// Characters of an excerpt.
const EXCERPT_CHARS_MAX: usize = 160;
/// Characters before the match in it.
const BEFORE_CHARS: usize = 48;
/// Where an excerpt is cut.
const CUT: char = '…';

/// Which of the sessions that were to be looked through have a message with the text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Looked {
    /// These do.
    pub found: BTreeSet<StreamKey>,
    /// How many of them were looked through, from the first on: all, or until it was enough for one go.
    pub streams: usize,
}

/// A session that is looked at.
#[derive(Debug)]
struct Candidate {
    key: StreamKey,
    item: Item,
    /// Its id or title has the text.
    named: bool,
}

/// A question that is worked on.
#[derive(Debug)]
struct Search {
    /// As [`folded`].
    text: String,
    limit: usize,
    /// Newest first.
    candidates: Vec<Candidate>,
    /// Where the next question goes on.
    next: Option<(u64, SessionId)>,
    /// Sessions that are yet to be opened.
    opening: BTreeSet<StreamKey>,
    matches: BTreeMap<StreamKey, Match>,
}

/// All questions that are worked on.
#[derive(Debug, Default)]
pub(super) struct Searches(BTreeMap<Ticket, Search>);

impl Searches {
    /// Who asked has gone.
    pub(super) fn withdraw(&mut self, ticket: Ticket) {
        self.0.remove(&ticket);
    }
}

impl Node {
    /// Begins to look for a text.
    pub(super) fn on_search(
        &mut self,
        ticket: Ticket,
        text: &str,
        (archived, agent): (bool, Option<&Handle>),
        (limit, cursor): (usize, Option<&str>),
    ) {
        if self.searches.0.len() >= SEARCHES_MAX {
            let busy = Rejection::new(Code::RateLimited, "too many searches at once; try again");
            return self.answer(ticket, Err(busy));
        }
        let mut rows = match self.newest(archived, agent, cursor) {
            Ok(rows) => rows,
            Err(rejection) => return self.answer(ticket, Err(rejection)),
        };
        let more = rows.len() > SCOPE_MAX;
        rows.truncate(SCOPE_MAX);
        let text = folded(text);
        let candidate =
            |(key, item): (StreamKey, Item)| Candidate { key, named: is_named(&item, &text), item };
        let candidates: Vec<Candidate> = rows.into_iter().map(candidate).collect();
        let next = candidates.last().filter(|_| more).map(Candidate::place);
        let streams: Vec<StreamKey> = candidates.iter().filter(|c| !c.named).map(|c| c.key).collect();
        let limit = limit.clamp(1, ITEMS_MAX);
        let (opening, matches) = (BTreeSet::new(), BTreeMap::new());
        let asked = text.clone();
        self.searches.0.insert(ticket, Search { text, limit, candidates, next, opening, matches });
        if streams.is_empty() {
            return self.on_searched(ticket, Ok(Looked::default()));
        }
        self.effects.push(Effect::Search { ticket, streams, text: asked });
    }

    /// The stored records were looked through: what was found is opened.
    pub(super) fn on_searched(&mut self, ticket: Ticket, looked: Result<Looked, String>) {
        let looked = match looked {
            Ok(looked) => looked,
            Err(error) => {
                self.searches.withdraw(ticket);
                let detail = format!("the sessions cannot be looked through: {error}");
                return self.answer(ticket, Err(Rejection::new(Code::StoreFailed, detail)));
            }
        };
        // Who asked may have gone.
        let Some(search) = self.searches.0.get_mut(&ticket) else { return };
        search.narrow(&looked);
        search.opening = search.candidates.iter().filter(|c| !c.named).map(|c| c.key).collect();
        let opening = search.opening.clone();
        if opening.is_empty() {
            return self.end_search(ticket);
        }
        for key in opening {
            self.with_session(key, Task::Search { ticket });
        }
    }

    /// A session that may have the text is open.
    pub(super) fn search_session(&mut self, key: StreamKey, ticket: Ticket) {
        let view = self.view(&key);
        let search = self.searches.0.get(&ticket);
        let found = view.zip(search).and_then(|(view, search)| first_match(&view, &search.text));
        self.session_searched(key, ticket, found);
    }

    /// A session was looked at, or cannot be; after the last one the question is answered.
    pub(super) fn session_searched(&mut self, key: StreamKey, ticket: Ticket, found: Option<Match>) {
        let Some(search) = self.searches.0.get_mut(&ticket) else { return };
        if let Some(found) = found {
            search.matches.insert(key, found);
        }
        search.opening.remove(&key);
        if search.opening.is_empty() {
            self.end_search(ticket);
        }
    }

    fn end_search(&mut self, ticket: Ticket) {
        let Some(mut search) = self.searches.0.remove(&ticket) else { return };
        let mut items = Vec::new();
        for Candidate { key, item, named } in search.candidates {
            match search.matches.remove(&key) {
                Some(found) => items.push((item, Some(found))),
                None if named => items.push((item, None)),
                // A record has the text that does not count.
                None => {}
            }
        }
        let next_cursor = search.next.map(super::requests::cursor);
        self.answer(ticket, Ok(Answer::Found { items, next_cursor }));
    }
}

impl Candidate {
    fn place(&self) -> (u64, SessionId) {
        (self.item.updated_at_ms, self.item.id)
    }
}

impl Search {
    /// Keeps what was found, as far as the looking came and as much as a page holds.
    fn narrow(&mut self, looked: &Looked) {
        let mut unnamed = 0;
        let came = self.candidates.iter().take_while(|candidate| {
            unnamed += usize::from(!candidate.named);
            candidate.named || unnamed <= looked.streams
        });
        let came = came.count();
        if came < self.candidates.len() {
            self.candidates.truncate(came);
            self.next = self.candidates.last().map(Candidate::place);
        }
        self.candidates.retain(|candidate| candidate.named || looked.found.contains(&candidate.key));
        if self.candidates.len() > self.limit {
            self.candidates.truncate(self.limit);
            self.next = self.candidates.last().map(Candidate::place);
        }
    }
}

/// Whether a stored record is a message with the text, which is [`folded`].
#[must_use]
pub fn mentions(wire: &[u8], text: &str) -> bool {
    let Ok(Received::Record(record)) = Signed::<Unverified>::decode(wire) else {
        return false;
    };
    match &record.trust().record().payload {
        Payload::Open { body, .. } | Payload::Message { body, .. } | Payload::Reply { body, .. } => {
            folded(body.as_str()).contains(text)
        }
        _ => false,
    }
}

fn is_named(item: &Item, text: &str) -> bool {
    let title = item.title.as_deref().map(folded);
    title.is_some_and(|title| title.contains(text)) || folded(&item.id.to_string()).contains(text)
}

/// The first line that has the text.
fn first_match(view: &View, text: &str) -> Option<Match> {
    let line = view.lines.iter().find(|line| folded(line.body.as_str()).contains(text))?;
    Some(Match { line_number: line.number, excerpt: excerpt(line.body.as_str(), text) })
}

/// A text without its case and without its line ends, as it is compared.
#[must_use]
pub fn folded(text: &str) -> String {
    one_line(text).to_lowercase()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A part of a text around the first place that has what was looked for, on one line.
fn excerpt(body: &str, text: &str) -> String {
    let body = one_line(body);
    let at = body.to_lowercase().find(text).unwrap_or_default();
    let chars: Vec<char> = body.chars().collect();
    // Lower case may take another number of bytes, so the place is counted in it.
    let mut bytes = 0;
    let before = chars.iter().take_while(|c| {
        bytes += c.to_lowercase().map(char::len_utf8).sum::<usize>();
        bytes <= at
    });
    // A text that fits is shown whole, and the end of a longer one fills the room.
    let last_start = match chars.len() {
        len if len <= EXCERPT_CHARS_MAX => 0,
        len => len - (EXCERPT_CHARS_MAX - 1),
    };
    let start = before.count().saturating_sub(BEFORE_CHARS).min(last_start);
    let room = EXCERPT_CHARS_MAX - usize::from(start > 0);
    let rest = chars.get(start..).unwrap_or_default();
    let cut = rest.len() > room;
    let mut excerpt = String::new();
    excerpt.extend((start > 0).then_some(CUT));
    excerpt.extend(rest.iter().take(room - usize::from(cut)));
    excerpt.extend(cut.then_some(CUT));
    excerpt
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_line_ends_do_not_matter() {
        assert!(folded("Größe\n  ÄNDERN").contains(&folded("größe ä")));
        assert!(folded("好的，请看").contains(&folded(" 请 ")));
        assert!(!folded("build").contains(&folded("built")));
    }

    #[test]
    fn an_excerpt_shows_the_match_on_one_line() {
        assert_eq!(excerpt("a\nshort\ttext", "short"), "a short text");
        let long = format!("{} NEEDLE {}", "x ".repeat(500), "y ".repeat(500));
        let cut = excerpt(&long, "needle");
        assert_eq!(cut.chars().count(), EXCERPT_CHARS_MAX);
        assert!(cut.contains("NEEDLE") && cut.starts_with(CUT) && cut.ends_with(CUT));
        let last = excerpt(&format!("{}needle", "x".repeat(500)), "needle");
        assert_eq!(last.chars().count(), EXCERPT_CHARS_MAX);
        assert!(last.ends_with("needle") && last.starts_with(CUT), "{last}");
        let first = excerpt(&format!("needle{}", "x".repeat(500)), "needle");
        assert_eq!(first.chars().count(), EXCERPT_CHARS_MAX);
        assert!(first.starts_with("needle") && first.ends_with(CUT));
        // These grow and shrink in lower case.
        let odd = format!("{}needle{}", "İK".repeat(100), "好".repeat(200));
        assert!(excerpt(&odd, "needle").contains("needle"), "{}", excerpt(&odd, "needle"));
        let exact = format!("needle{}", "x".repeat(EXCERPT_CHARS_MAX - 6));
        assert_eq!(excerpt(&exact, "needle"), exact);
    }
}
