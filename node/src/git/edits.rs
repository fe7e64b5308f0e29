//! The plan's paths, checked and laid out as a tree of edits.
//!
//! Every path is checked before anything is written, so that no name that some tool executes or trusts can
//! ever come into a clone, whoever made the plan. It knows nothing of git objects: `trees` carries the edits
//! out.

use std::collections::BTreeMap;

use super::{GitError, Plan};

/// Deeper than any path of the layout; it bounds the recursion over trees.
pub(super) const DEPTH_MAX: usize = 16;
/// What every file system takes as one name.
pub(super) const COMPONENT_BYTES_MAX: usize = 255;
/// The only name with a leading dot: the signed records. All other dot files are settings of some tool.
const DOT_ALLOWED: &str = ".starling";
/// Names that a coding agent reads as instructions, compared without case as some file systems do.
const TRUSTED: [&str; 4] = ["claude.md", "claude.local.md", "agents.md", "gemini.md"];

/// What happens to one name of a directory.
pub(super) enum Edit<'a> {
    /// The name goes, whatever it is.
    Remove,
    /// The name becomes this file.
    Write(&'a [u8]),
    /// The name becomes, or stays, a directory and is edited.
    Within(Directory<'a>),
}

/// The edits of one directory.
#[derive(Default)]
pub(super) struct Directory<'a> {
    /// Nothing of the old directory stays.
    pub(super) emptied: bool,
    /// By name, without `/`.
    pub(super) edits: BTreeMap<&'a str, Edit<'a>>,
}

/// The plan as edits of the root directory.
pub(super) fn parse(plan: &Plan) -> Result<Directory<'_>, GitError> {
    let mut root = Directory::default();
    for path in &plan.removes {
        check(path)?;
        root.remove(path);
    }
    for (path, content) in &plan.writes {
        check(path)?;
        root.write(path, content).map_err(|why| GitError::BadPath { path: path.clone(), why })?;
    }
    Ok(root)
}

/// Accepts a path of allowed components.
pub(super) fn check(path: &str) -> Result<(), GitError> {
    let refuse = |why| Err(GitError::BadPath { path: path.to_owned(), why });
    if path.split('/').count() > DEPTH_MAX {
        return refuse("it has more than 16 components");
    }
    for component in path.split('/') {
        if let Some(why) = fault_of(component) {
            return refuse(why);
        }
    }
    Ok(())
}

/// The rule that a component breaks, if any.
fn fault_of(component: &str) -> Option<&'static str> {
    if component.is_empty() {
        return Some("a component is empty");
    }
    if component.len() > COMPONENT_BYTES_MAX {
        return Some("a component is longer than 255 bytes");
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if !component.bytes().all(plain) {
        return Some("a component has a character other than A-Z a-z 0-9 . _ -");
    }
    if component.starts_with('.') && component != DOT_ALLOWED {
        return Some("a component begins with a dot, and only .starling may");
    }
    if component.ends_with('.') {
        return Some("a component ends with a dot, which some file systems drop");
    }
    if TRUSTED.contains(&component.to_ascii_lowercase().as_str()) {
        return Some("a component is a name that agents read as instructions");
    }
    None
}

impl<'a> Directory<'a> {
    /// Removes are laid out in path order, before all writes: a shorter path is always there before the
    /// longer.
    fn remove(&mut self, path: &'a str) {
        match path.split_once('/') {
            None => {
                self.edits.insert(path, Edit::Remove);
            }
            Some((name, rest)) => {
                match self.edits.entry(name).or_insert_with(|| Edit::Within(Self::default())) {
                    Edit::Within(inner) => inner.remove(rest),
                    // All of it goes already.
                    Edit::Remove | Edit::Write(_) => {}
                }
            }
        }
    }

    fn write(&mut self, path: &'a str, content: &'a [u8]) -> Result<(), &'static str> {
        let Some((name, rest)) = path.split_once('/') else {
            return match self.edits.get(path) {
                Some(Edit::Within(inner)) if inner.writes() => {
                    Err("it is a file and a directory in one plan")
                }
                Some(Edit::Within(_) | Edit::Remove | Edit::Write(_)) | None => {
                    self.edits.insert(path, Edit::Write(content));
                    Ok(())
                }
            };
        };
        let edit = self.edits.entry(name).or_insert_with(|| Edit::Within(Self::default()));
        if let Edit::Remove = edit {
            *edit = Edit::Within(Self { emptied: true, edits: BTreeMap::new() });
        }
        match edit {
            Edit::Within(inner) => inner.write(rest, content),
            Edit::Write(_) | Edit::Remove => Err("a part of it is a file in the same plan"),
        }
    }

    fn writes(&self) -> bool {
        self.edits.values().any(|edit| match edit {
            Edit::Write(_) => true,
            Edit::Within(inner) => inner.writes(),
            Edit::Remove => false,
        })
    }
}
