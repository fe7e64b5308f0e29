//! `starling man`: the manual, a page for each verb, written into a directory. The pages are made from the words that the
//! program itself understands, so they cannot be of another version.

use std::fs;
use std::io;
use std::path::Path;

use clap::{Command, CommandFactory};

use super::Context;
use super::args::Args;
use super::failure::{Exit, Failure};
use super::render::count;

/// Writes `starling.1`, `starling-session.1`, `starling-session-new.1` and so on.
pub(super) fn write(cx: &mut Context, dir: &Path) -> Result<(), Failure> {
    let failed = |error: io::Error| {
        Failure::new(Exit::Failed, "io", format!("cannot write into {}: {error}", dir.display()))
    };
    fs::create_dir_all(dir).map_err(failed)?;
    let pages = pages().map_err(failed)?;
    for (name, page) in &pages {
        fs::write(dir.join(name), page).map_err(failed)?;
    }
    cx.out.note(&format!(
        "{} in {}; `man -l {}`",
        count(pages.len(), "page"),
        dir.display(),
        dir.join("starling.1").display()
    ));
    Ok(())
}

fn pages() -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut command = Args::command();
    command.build();
    let mut pages = Vec::new();
    add(&command, "starling", &mut pages)?;
    Ok(pages)
}

fn add(command: &Command, name: &str, pages: &mut Vec<(String, Vec<u8>)>) -> io::Result<()> {
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        add(verb, &format!("{name}-{}", verb.get_name()), pages)?;
    }
    let mut page = Vec::new();
    let source = concat!("starling ", env!("CARGO_PKG_VERSION"));
    let man = clap_mangen::Man::new(command.clone().display_name(name.to_owned()));
    man.source(source).manual("Starling").render(&mut page)?;
    pages.push((format!("{name}.1"), with_examples(&String::from_utf8_lossy(&page)).into_bytes()));
    Ok(())
}

/// What stands after the help is examples, and the manual has a heading for those.
fn with_examples(page: &str) -> String {
    let page = page.replacen(".SH EXTRA\nExamples:\n", ".SH EXAMPLES\n", 1);
    page.replacen(".SH EXTRA\nExample:\n", ".SH EXAMPLES\n", 1).replacen(".SH EXTRA\n", ".SH EXAMPLES\n", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_has_a_page_with_its_example() {
        let pages = pages().unwrap();
        let page = |name: &str| {
            let found = pages.iter().find(|(page, _)| page == name);
            String::from_utf8(found.unwrap_or_else(|| panic!("{name}")).1.clone()).unwrap()
        };
        assert!(page("starling.1").contains(".TH starling 1"), "{}", page("starling.1"));
        let new = page("starling-session-new.1");
        assert!(
            new.contains("\\-\\-agent") && new.contains(".SH EXAMPLES\n") && new.contains("git diff"),
            "{new}"
        );
        assert!(!new.contains("Examples:"), "{new}");
        assert!(pages.iter().all(|(name, _)| !name.contains("agent-guard") && !name.contains("man.1")));
    }
}
