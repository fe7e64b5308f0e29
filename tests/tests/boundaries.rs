//! The house rules that a program can check: which crate may import what, and that every file says what it is for and
//! stays readable. A rule that is not a test is a wish.

use std::fs;
use std::path::{Path, PathBuf};

/// Lines of a source file. The aim is lower; this is where one that grew tells two stories.
const LINES_MAX: usize = 450;
/// Within so many lines a file says what it is for.
const HEADER_LINES: usize = 3;

/// Paths below the root, and what no `use` line or path in them may name. Tests and benches may.
const NEVER: [(&str, &[&str]); 10] = [
    (
        "crdt/src",
        &[
            "tokio::",
            "libp2p::",
            "redb::",
            "git2::",
            "axum::",
            "std::fs",
            "std::net",
            "std::thread",
            "std::process",
            "std::time",
            "getrandom::",
        ],
    ),
    (
        "net/src/proto",
        &[
            "automerge::",
            "tokio::",
            "libp2p::",
            "redb::",
            "std::fs",
            "std::net",
            "std::time",
            "crate::transport",
        ],
    ),
    ("net/src/transport", &["redb::", "axum::", "git2::", "crate::proto", "starling_crdt::rules"]),
    (
        "node/src/machine",
        &[
            "tokio::",
            "redb::",
            "axum::",
            "git2::",
            "libp2p::",
            "std::fs",
            "std::net",
            "std::thread",
            "std::process",
            "std::time",
            "crate::shell",
            "crate::http",
            "crate::git",
            "crate::agent",
            "crate::push",
            "crate::cli",
        ],
    ),
    (
        "node/src/store",
        &[
            "git2::",
            "axum::",
            "libp2p::",
            "crate::git",
            "crate::agent",
            "crate::http",
            "crate::shell",
            "crate::machine",
            "crate::push",
            "crate::cli",
        ],
    ),
    (
        "node/src/git",
        &[
            "redb::",
            "axum::",
            "libp2p::",
            "crate::store",
            "crate::agent",
            "crate::http",
            "crate::shell",
            "crate::push",
            "crate::cli",
        ],
    ),
    (
        "node/src/agent",
        &[
            "redb::",
            "git2::",
            "axum::",
            "libp2p::",
            "crate::store",
            "crate::git",
            "crate::http",
            "crate::shell",
            "crate::push",
            "crate::cli",
        ],
    ),
    (
        "node/src/http",
        &[
            "redb::",
            "git2::",
            "libp2p::",
            "crate::store",
            "crate::git",
            "crate::agent",
            "crate::shell",
            "crate::push",
            "crate::cli",
        ],
    ),
    (
        "node/src/push",
        &[
            "redb::",
            "git2::",
            "axum::",
            "libp2p::",
            "crate::store",
            "crate::git",
            "crate::agent",
            "crate::http",
            "crate::shell",
            "crate::cli",
        ],
    ),
    ("simulations/src", &["tokio::", "libp2p::", "std::fs"]),
];

/// Parts of these that are programs around them: what they read and write is for people.
const PROGRAMS: [&str; 1] = ["simulations/src/cli"];

/// What would turn text into elements or code, and other places than the node.
const NEVER_IN_THE_PAGE: [&str; 12] = [
    "innerHTML",
    "outerHTML",
    "insertAdjacentHTML",
    "document.write",
    "DOMParser",
    "setHTML",
    "createContextualFragment",
    "srcdoc",
    "eval(",
    "new Function",
    "javascript:",
    "src=\"http",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every Rust file at or below `path`; a module's own file (`x.rs` beside `x/`) belongs to it.
fn sources(path: &Path) -> Vec<PathBuf> {
    let own = path.with_extension("rs");
    let mut found = files(path, &["rs"]);
    found.extend(own.is_file().then_some(own));
    found
}

/// Every file at or below `path` whose name ends so; what was built or fetched is not ours.
fn files(path: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() && !path.ends_with("target") && !path.ends_with("node_modules") {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| extensions.iter().any(|one| ending == *one)) {
                found.push(path);
            }
        }
    }
    found
}

/// Tests may use what the code may not.
fn is_test(path: &Path) -> bool {
    let part = |name: &str| path.iter().any(|part| part == name);
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    part("tests") || part("examples") || part("benches") || stem == "tests" || stem.ends_with("_tests")
}

/// The lines of code: without comments, and without the tests at the end.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate();
    lines
        .take_while(|(_, line)| *line != "#[cfg(test)]" && *line != "mod tests {")
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// Whether a path is named here: the word begins there, and does not only end in it.
fn names(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
    })
}

#[test]
fn nobody_imports_what_is_not_theirs() {
    let mut wrong = Vec::new();
    for (place, never) in NEVER {
        let files = sources(&root().join(place));
        assert!(!files.is_empty(), "{place} is gone: the table is out of date");
        let is_program = |file: &Path| PROGRAMS.iter().any(|one| file.starts_with(root().join(one)));
        for file in files.iter().filter(|file| !is_test(file) && !is_program(file)) {
            let text = fs::read_to_string(file).unwrap();
            for (at, line) in code(&text) {
                for path in never.iter().filter(|path| names(line, path)) {
                    wrong.push(format!("{}:{}: {path} is not for {place}", file.display(), at + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn imports_are_recognised() {
    assert!(names("use tokio::sync::mpsc;", "tokio::"));
    assert!(names("    let x = std::fs::read(path);", "std::fs"));
    assert!(!names("use my_tokio::sync;", "tokio::"));
    assert!(!names("use starling_net::crate_redb::x;", "redb::"));
    let text = "use a::b;\n// use tokio::x;\n#[cfg(test)]\nmod tests { use tokio::y; }\n";
    assert_eq!(code(text).collect::<Vec<_>>(), [(0, "use a::b;")]);
}

/// The page makes elements, and never has text read as markup or code. The browser refuses it too, once it is tried.
#[test]
fn the_page_reads_no_text_as_markup_or_code() {
    let mut wrong = Vec::new();
    for file in files(&root().join("node/src/web"), &["js", "html"]) {
        let text = fs::read_to_string(&file).unwrap();
        for (at, line) in text.lines().enumerate() {
            for never in NEVER_IN_THE_PAGE.iter().filter(|never| line.contains(*never)) {
                wrong.push(format!("{}:{}: {never}", file.display(), at + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_of_the_page_says_what_it_is_for_and_stays_readable() {
    let mut wrong = Vec::new();
    let page = files(&root().join("node/src/web"), &["js", "css"]);
    assert!(!page.is_empty(), "the page is gone");
    for file in page.into_iter().chain(files(&root().join("tests/browser"), &["mjs"])) {
        let text = fs::read_to_string(&file).unwrap();
        if !text.starts_with("/*") && !text.starts_with("// ") {
            wrong.push(format!("{}: it does not begin with a comment", file.display()));
        }
        let lines = text.lines().count();
        if lines > LINES_MAX {
            wrong.push(format!("{}: {lines} lines; {LINES_MAX} are allowed", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_says_what_it_is_for_and_stays_readable() {
    let mut wrong = Vec::new();
    for member in ["crdt", "net", "node", "simulations", "tests"] {
        for file in sources(&root().join(member)) {
            let text = fs::read_to_string(&file).unwrap();
            if !text.lines().take(HEADER_LINES).any(|line| line.starts_with("//!")) {
                wrong.push(format!("{}: no `//!` header", file.display()));
            }
            let lines = text.lines().count();
            if lines > LINES_MAX {
                wrong.push(format!("{}: {lines} lines; {LINES_MAX} are allowed", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
