//! A node that is to join another workspace. Its own is given up for that, so it must be unused: no session, no second
//! device; or the home was restored from an export and joins back. From the moment of the promise on nothing new is
//! begun, so that what was found then still holds when the node has stopped. Meeting the inviter is the shell's.

use super::Node;
use super::input::{self, Effect};
use super::request::{Code, Rejection};
use super::ticket::Ticket;

impl Node {
    /// Gives the workspace up for the ticket's, or says why not.
    pub(super) fn on_join(&mut self, ticket: input::Ticket, invitation: Ticket) {
        if let Err(rejection) = self.check_join(&invitation) {
            return self.answer(ticket, Err(rejection));
        }
        self.on_shutdown();
        self.effects.push(Effect::Rejoin { ticket, invitation });
    }

    fn check_join(&self, invitation: &Ticket) -> Result<(), Rejection> {
        let refused = |code, detail: &str| Err(Rejection::new(code, detail));
        if invitation.expires_at_ms <= self.now {
            return refused(Code::InviteExpired, "this invitation has expired");
        }
        let own = invitation.workspace == self.roster.workspace();
        if own && super::is_named(&self.roster, &self.me) {
            return refused(Code::HomeInUse, "this device belongs to that workspace already");
        }
        if own || self.is_unused() {
            return Ok(());
        }
        refused(
            Code::HomeInUse,
            "this home belongs to another workspace, which has sessions or other devices",
        )
    }

    /// Whether some ticket could be taken here.
    pub(super) fn can_join(&self) -> bool {
        self.is_unused() || !super::is_named(&self.roster, &self.me)
    }

    /// Whether nobody would miss the workspace.
    fn is_unused(&self) -> bool {
        self.slots.all().next().is_none() && self.standing().devices().nth(1).is_none()
    }
}
