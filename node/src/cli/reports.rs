//! What `restore` and `verify` found, as one JSON document or as text. They are carried out by the shell; the words are
//! here. Texts out of a foreign repository are cleaned of what a terminal would obey.

use serde::Serialize;

use super::failure::{Exit, Failure};
use super::out::Out;
use super::render::{clean, count};

/// Lines of each kind that are shown to people; the document has all.
const LINES_MAX: usize = 20;

/// What a restored home has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Restored {
    /// The workspace.
    pub workspace: String,
    /// The new device's key.
    pub device: String,
    /// Whose device it is, if the recovery key admitted it.
    pub handle: Option<String>,
    /// Branches that were read.
    pub branches: Vec<String>,
    /// Sessions that were restored.
    pub sessions: usize,
    /// Their records and the roster's.
    pub records: usize,
    /// Members of the workspace.
    pub members: usize,
    /// Sessions that were not.
    pub set_aside: Vec<SetAside>,
    /// What else is not as it should be: copies that were not used, records of the roster that were not taken.
    pub troubles: Vec<String>,
}

/// A session that was not restored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SetAside {
    /// Its id, or its key where the id cannot be read.
    pub session: String,
    /// What is wrong.
    pub reasons: Vec<String>,
}

/// What was held against each other.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Whether all holds.
    pub ok: bool,
    /// The workspace, if the store names one.
    pub workspace: Option<String>,
    /// Sessions in the store.
    pub sessions: usize,
    /// Records in the store.
    pub records: usize,
    /// Files that the export should have.
    pub files: usize,
    /// Objects of the export that were read.
    pub objects: usize,
    /// What does not hold.
    pub problems: Vec<Problem>,
}

/// Something that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// `store`, `record`, `row`, `export` or `git`.
    pub kind: &'static str,
    /// A session, a record, a file.
    pub place: String,
    /// What is wrong.
    pub detail: String,
    /// What mends it.
    pub repair: String,
}

impl Restored {
    /// Prints it. Whatever was set aside or left out makes the exit status 1; the home is there.
    ///
    /// # Errors
    /// The exit status.
    pub fn show(&self, home: &str, json: bool, quiet: bool) -> Result<(), Failure> {
        let mut out = Out::of_process(json, quiet);
        if json {
            document(&mut out, self)?;
        } else {
            out.data(&self.text())?;
            out.note(&self.next(home));
        }
        let (aside, troubles) = (self.set_aside.len(), self.troubles.len());
        if aside + troubles == 0 {
            return Ok(());
        }
        let detail = match (aside, troubles) {
            (0, _) => "everything was restored, but not all of the clone is sound".to_owned(),
            _ => format!("{} not restored; the home is made all the same", were(aside, "session")),
        };
        let hint = "a peer that has them brings them when this device has joined; another clone may be whole";
        Err(Failure::new(Exit::Failed, "set_aside", detail).hint(hint))
    }

    fn text(&self) -> String {
        let mut text = format!(
            "restored {} and the roster ({}), {} in all\n",
            count(self.sessions, "session"),
            count(self.members, "member"),
            count(self.records, "record"),
        );
        text += &format!("workspace  {}\ndevice     {}\n", self.workspace, self.device);
        text += &format!("from       {}\n", clean(&self.branches.join(", ")));
        for one in self.set_aside.iter().take(LINES_MAX) {
            let reason = one.reasons.first().map_or("nothing of it can be read", String::as_str);
            text += &format!("set aside  {}: {}\n", clean(&one.session), clean(reason));
        }
        for trouble in self.troubles.iter().take(LINES_MAX) {
            text += &format!("not sound  {}\n", clean(trouble));
        }
        text + &more(self.set_aside.len()) + &more(self.troubles.len())
    }

    fn next(&self, home: &str) -> String {
        match &self.handle {
            Some(handle) => {
                format!("this is a device of @{handle} now; start it with: starling --home {home} up")
            }
            None => format!(
                "read it with: starling --home {home} up\nto write, stop it and join: starling --home {home} join TICKET"
            ),
        }
    }
}

impl Verified {
    /// Prints it. A problem makes the exit status 1.
    ///
    /// # Errors
    /// The exit status.
    pub fn show(&self, json: bool, quiet: bool) -> Result<(), Failure> {
        let mut out = Out::of_process(json, quiet);
        if json {
            document(&mut out, self)?;
        } else {
            out.data(&self.text())?;
        }
        if self.ok {
            return Ok(());
        }
        let detail = format!("{} found", were(self.problems.len(), "problem"));
        let failure = Failure::new(Exit::Failed, "not_sound", detail);
        Err(match self.problems.first() {
            Some(first) => failure.hint(first.repair.clone()),
            None => failure,
        })
    }

    fn text(&self) -> String {
        let mut text = format!(
            "looked at {} with {}, {} of the export and {} of git\n",
            count(self.sessions, "session"),
            count(self.records, "record"),
            count(self.files, "file"),
            count(self.objects, "object"),
        );
        for problem in self.problems.iter().take(LINES_MAX) {
            let Problem { kind, place, detail, repair } = problem;
            text += &format!("{kind:10} {}: {}\n           -> {repair}\n", clean(place), clean(detail));
        }
        text += &more(self.problems.len());
        if self.ok { text + "all holds\n" } else { text }
    }
}

fn document(out: &mut Out, report: &impl Serialize) -> Result<(), Failure> {
    let body = serde_json::to_vec(report);
    let body = body.map_err(|error| Failure::new(Exit::Failed, "internal", error.to_string()))?;
    out.document(&body)
}

fn were(number: usize, what: &str) -> String {
    format!("{} {}", count(number, what), if number == 1 { "was" } else { "were" })
}

fn more(number: usize) -> String {
    let left = number.saturating_sub(LINES_MAX);
    if left == 0 { String::new() } else { format!("and {left} more (see `--json`)\n") }
}
