//! What is in memory of one session: nothing, or its replica with the view that was last folded from it. A fold walks all
//! records, and a write asks for the view several times, so the view is kept until the session may have changed or the
//! roster has. It is never kept for longer than the replica.

use std::sync::{Arc, Weak};

use starling_crdt::roster::Standing;
use starling_crdt::session::Session;
use starling_crdt::view::{View, fold_held};

use super::segments::{self, Change, Shown};

/// Sessions with more records are not folded a second time to check what is kept of them.
const CHECKED_MAX: usize = 100;

/// How much of a session is in memory.
#[derive(Debug, Default)]
pub(super) enum Replica {
    /// Nothing but its row.
    #[default]
    Cold,
    /// Its records are being read.
    Loading,
    /// All of it.
    Open(Box<Open>),
}

/// A session in memory, and its view as far as it is known.
#[derive(Debug)]
pub(super) struct Open {
    session: Session,
    /// As the roster stood then: forgotten when the session may have changed, of no use when the roster has.
    folded: Option<(Weak<Standing>, Arc<View>)>,
    /// The segments that the export shows, as far as it is known: what is not in memory is shown as a whole again.
    shown: Option<Shown>,
}

impl Open {
    pub(super) const fn new(session: Session) -> Self {
        Self { session, folded: None, shown: None }
    }

    pub(super) const fn session(&self) -> &Session {
        &self.session
    }

    /// The session, to change it: its view will be folded anew.
    pub(super) fn session_mut(&mut self) -> &mut Session {
        self.folded = None;
        &mut self.session
    }

    /// What has to be done so that the export shows the counted records, and notes it as done.
    pub(super) fn show_records(&mut self) -> Change {
        let folder = segments::session_folder(&self.session.key());
        let records = self.session.entries().map(|entry| (entry.stamp(), &entry.signed));
        segments::change(&folder, records, &mut self.shown)
    }

    /// An export that showed records failed.
    pub(super) fn forget_shown(&mut self) {
        self.shown = None;
    }

    /// The view, folded where it is not known; also of a session of which nothing counts.
    pub(super) fn view(&mut self, standing: &Arc<Standing>) -> Option<Arc<View>> {
        let known = self.folded.as_ref().filter(|(then, _)| Weak::as_ptr(then) == Arc::as_ptr(standing));
        if let Some((_, view)) = known {
            debug_assert!(
                self.session.len() > CHECKED_MAX
                    || fold_held(&self.session, standing).as_ref() == Some(&**view),
                "INV-10: the view that is kept of a session is not what its records come to"
            );
            return Some(Arc::clone(view));
        }
        let view = Arc::new(fold_held(&self.session, standing)?);
        self.folded = Some((Arc::downgrade(standing), Arc::clone(&view)));
        Some(view)
    }
}
