//! Where words go: data to standard output, progress and refusals to standard error. A reader that went away ends the
//! program quietly, and colours go only where a terminal wants them.

use std::fmt::Display;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use anstyle::{AnsiColor, Style};
use serde::Serialize;

pub(super) const GOOD: Style = AnsiColor::Green.on_default();
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();

/// Why a command could not be carried out, and what to do.
#[derive(Debug)]
pub(super) struct Refusal {
    message: String,
    hint: Option<String>,
    /// Nobody listens any more.
    quiet: bool,
}

impl Refusal {
    pub(super) fn new(message: impl Display) -> Self {
        Self { message: message.to_string(), hint: None, quiet: false }
    }

    /// The same, with what to do about it.
    pub(super) fn hint(self, hint: impl Display) -> Self {
        Self { hint: Some(hint.to_string()), ..self }
    }
}

/// The two streams.
pub(super) struct Out {
    data: Box<dyn Write>,
}

impl Out {
    pub(super) fn of_process() -> Self {
        Self { data: Box::new(io::BufWriter::new(anstream::stdout())) }
    }

    /// Prints data: text with its line ends, styled or not.
    pub(super) fn data(&mut self, text: impl Display) -> Result<(), Refusal> {
        write!(self.data, "{text}").map_err(|error| unheard(&error))
    }

    /// Sees to it that all data has been printed.
    pub(super) fn finish(&mut self) -> Result<(), Refusal> {
        self.data.flush().map_err(|error| unheard(&error))
    }

    /// Prints one document.
    pub(super) fn json(&mut self, value: &impl Serialize) -> Result<(), Refusal> {
        let text = serde_json::to_string_pretty(value).map_err(Refusal::new)?;
        self.data(text + "\n")?;
        self.finish()
    }

    pub(super) fn refusal(&mut self, refusal: &Refusal) {
        if refusal.quiet {
            return;
        }
        note(format_args!("{BAD}error{BAD:#}: {}", refusal.message.trim_end()));
        if let Some(hint) = &refusal.hint {
            note(format_args!("{DIM}hint{DIM:#}: {hint}"));
        }
    }
}

/// Says something beside the data.
pub(super) fn note(text: impl Display) {
    // Nobody is left to be told that nobody listens.
    let _unheard = writeln!(anstream::stderr(), "{text}");
}

fn unheard(error: &io::Error) -> Refusal {
    let quiet = error.kind() == io::ErrorKind::BrokenPipe;
    Refusal { message: format!("cannot write the output: {error}"), hint: None, quiet }
}

/// Writes a file as a whole.
pub(super) fn write_file(path: &Path, text: impl AsRef<[u8]>) -> Result<(), Refusal> {
    fs::write(path, text).map_err(|error| {
        Refusal::new(format_args!("cannot write {}: {error}", path.display()))
            .hint("the directory has to exist, and to be yours to write in")
    })
}

/// Reads a file as a whole.
pub(super) fn read_file(path: &Path) -> Result<String, Refusal> {
    fs::read_to_string(path)
        .map_err(|error| Refusal::new(format_args!("cannot read {}: {error}", path.display())))
}
