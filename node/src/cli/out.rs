//! Where words go: data to standard output, progress and hints to standard error. A reader that went away
//! ends the command quietly instead of a panic (`println!` would); colours go only where a terminal wants
//! them (NO_COLOR).

use std::io::{self, Write};

use anstream::adapter::strip_str;
use anstream::{AutoStream, ColorChoice};

use super::failure::{Exit, Failure};
use super::render::{clean, style};

/// The two streams, and how the user wants them.
pub(super) struct Out {
    data: Box<dyn Write + Send>,
    notes: Box<dyn Write + Send>,
    /// Standard output takes colours.
    data_colours: bool,
    /// Standard error takes colours.
    note_colours: bool,
    /// Print the node's JSON.
    pub(super) json: bool,
    quiet: bool,
}

impl Out {
    /// The process' own streams.
    pub(super) fn of_process(json: bool, quiet: bool) -> Self {
        Self {
            data: Box::new(io::stdout()),
            notes: Box::new(io::stderr()),
            data_colours: AutoStream::choice(&io::stdout()) != ColorChoice::Never,
            note_colours: AutoStream::choice(&io::stderr()) != ColorChoice::Never,
            json,
            quiet,
        }
    }

    /// Whether somebody watches the output as it comes.
    pub(super) fn is_live(&self) -> bool {
        self.data_colours && !self.json
    }

    /// Prints data: a text that ends with a line end, styled or not.
    pub(super) fn data(&mut self, text: &str) -> Result<(), Failure> {
        let plain = if self.data_colours { None } else { Some(strip_str(text).to_string()) };
        self.write(plain.as_deref().unwrap_or(text).as_bytes())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let written = self.data.write_all(bytes).and_then(|()| self.data.flush());
        written.map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::closed_output(),
            _ => Failure::new(Exit::Failed, "io", format!("cannot write the output: {error}")),
        })
    }

    /// Prints a JSON document as the node sent it, and the line end that it lacks.
    pub(super) fn document(&mut self, body: &[u8]) -> Result<(), Failure> {
        self.write(body)?;
        if body.ends_with(b"\n") { Ok(()) } else { self.write(b"\n") }
    }

    /// Tells the user how it goes, or what to do next. Not said with `--quiet`, nor with `--json`.
    pub(super) fn note(&mut self, text: &str) {
        if !self.quiet && !self.json {
            self.say(&format!("{}{text}{:#}\n", style::DIM, style::DIM));
        }
    }

    /// Tells what the user should know although the command did what it was asked. Not said with `--json`.
    pub(super) fn warn(&mut self, text: &str) {
        if !self.json {
            let care = style::CARE;
            self.say(&format!("{care}warning{care:#}: {}\n", clean(text)));
        }
    }

    /// Tells why the command failed: in words, or with `--json` as a problem document.
    pub(super) fn failure(&mut self, failure: &Failure) {
        if failure.is_silent() {
            return;
        }
        if self.json {
            self.say(&format!("{}\n", failure.to_document()));
            return;
        }
        let (bad, dim) = (style::BAD, style::DIM);
        let mut text = format!("{bad}error[{}]{bad:#}: {}\n", clean(&failure.code), clean(&failure.detail));
        if let Some(hint) = &failure.hint {
            text.push_str(&format!("{dim}hint{dim:#}: {}\n", clean(hint)));
        }
        self.say(&text);
    }

    fn say(&mut self, text: &str) {
        let plain = if self.note_colours { None } else { Some(strip_str(text).to_string()) };
        let bytes = plain.as_deref().unwrap_or(text).as_bytes();
        // Nobody is left to be told that nobody listens.
        let _unheard = self.notes.write_all(bytes).and_then(|()| self.notes.flush());
    }
}

#[cfg(test)]
pub(super) mod testing {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What a command printed.
    #[derive(Clone, Default)]
    pub(in crate::cli) struct Printed(Arc<Mutex<Vec<u8>>>);

    impl Printed {
        pub(in crate::cli) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Printed {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Streams into memory, without colours.
    pub(in crate::cli) fn captured(json: bool, quiet: bool) -> (Out, Printed, Printed) {
        let (data, notes) = (Printed::default(), Printed::default());
        let out = Out {
            data: Box::new(data.clone()),
            notes: Box::new(notes.clone()),
            data_colours: false,
            note_colours: false,
            json,
            quiet,
        };
        (out, data, notes)
    }
}

#[cfg(test)]
mod tests {
    use super::testing::captured;
    use super::*;

    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_output_ends_quietly() {
        let (mut out, _, notes) = captured(false, false);
        out.data = Box::new(Closed);
        let failure = out.data("x\n").unwrap_err();
        assert_eq!(failure.exit, Exit::Ok);
        out.failure(&failure);
        assert_eq!(notes.text(), "");
    }

    #[test]
    fn failures_say_what_happened_and_what_to_do() {
        let failure = Failure::new(Exit::NotFound, "not_found", "no \u{1b}[31mthing").hint("look elsewhere");
        let (mut out, data, notes) = captured(false, true);
        out.failure(&failure);
        assert_eq!(notes.text(), "error[not_found]: no \u{241b}[31mthing\nhint: look elsewhere\n");
        assert_eq!(data.text(), "");
        let (mut out, _, notes) = captured(true, false);
        out.failure(&failure);
        let document: serde_json::Value = serde_json::from_str(&notes.text()).unwrap();
        assert_eq!(document["code"], "not_found");
    }

    #[test]
    fn quiet_and_json_keep_notes_back() {
        for (json, quiet, said) in [(false, false, "next\n"), (true, false, ""), (false, true, "")] {
            let (mut out, _, notes) = captured(json, quiet);
            out.note("next");
            assert_eq!(notes.text(), said);
        }
    }
}
