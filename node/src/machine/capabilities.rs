//! What an agent said that it is and can do, remembered on the device that hosts it: people see it without a turn, and after
//! a restart. Another program, or another directory, and it is forgotten. Local to the host, never replicated.

use minicbor::{Decode, Encode};

/// Modes of one agent that are remembered; real ones have up to a dozen.
const MODES_MAX: usize = 32;
/// Bytes of each name.
const NAME_BYTES_MAX: usize = 120;

/// What an agent can do, as it said itself at its newest turn.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Capabilities {
    /// The program's name and version.
    #[n(0)]
    pub program: Option<String>,
    /// Whether it takes up its side of a session again: otherwise the transcript is handed to it anew.
    #[n(1)]
    pub resumes: bool,
    /// The modes that its sessions can be put into.
    #[n(2)]
    pub modes: Vec<Mode>,
}

/// A mode of an agent's sessions.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Mode {
    /// What it is set by.
    #[n(0)]
    pub id: String,
    /// For people.
    #[n(1)]
    pub name: String,
}

impl Capabilities {
    /// The same, no larger than what is kept.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        // An id that was cut would be another one.
        self.modes.retain(|mode| mode.id.len() <= NAME_BYTES_MAX);
        self.modes.truncate(MODES_MAX);
        let names = self.modes.iter_mut().map(|mode| &mut mode.name);
        for name in names.chain(&mut self.program) {
            name.truncate(name.floor_char_boundary(NAME_BYTES_MAX));
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded_and_no_id_is_cut() {
        let mode = |id: &str| Mode { id: id.to_owned(), name: "\u{4e2d}".repeat(NAME_BYTES_MAX) };
        let long = "x".repeat(NAME_BYTES_MAX + 1);
        let modes = std::iter::once(mode(&long)).chain((0..100).map(|n| mode(&n.to_string()))).collect();
        let kept = Capabilities { program: Some(long), resumes: true, modes }.bounded();
        assert_eq!(kept.program.map(|name| name.len()), Some(NAME_BYTES_MAX));
        assert_eq!((kept.modes.len(), kept.modes[0].id.as_str()), (MODES_MAX, "0"));
        assert!(kept.modes.iter().all(|mode| mode.name.len() <= NAME_BYTES_MAX));
    }
}
