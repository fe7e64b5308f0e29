//! From the word on the command line to a scenario: a name of those that come with the program, or a file.

use std::path::Path;

use starling_simulations::{Scenario, scenarios};

use super::out::{Refusal, read_file};

/// How alike a word and a name have to be for the one to be meant by the other.
const ALIKE: f64 = 0.7;

/// The scenario that a word means.
pub(super) fn scenario(word: &str, nodes: Option<usize>) -> Result<Scenario, Refusal> {
    let scenario = named(word)?;
    match nodes {
        None => Ok(scenario),
        Some(count) => scenario
            .with_nodes(count)
            .map_err(|error| Refusal::new(format_args!("{word} with {count} nodes: {error}"))),
    }
}

fn named(word: &str) -> Result<Scenario, Refusal> {
    let path = Path::new(word);
    let is_file = path.extension().is_some() || path.components().count() > 1;
    if let Some(scenario) = scenarios::by_name(word).filter(|_| !is_file) {
        return Ok(scenario);
    }
    if is_file || path.is_file() {
        let text = read_file(path)?;
        return Scenario::parse(&text).map_err(|error| Refusal::new(format_args!("{word}: {error}")));
    }
    Err(unknown(word))
}

fn unknown(word: &str) -> Refusal {
    let names: Vec<String> = scenarios::all().into_iter().map(|scenario| scenario.name).collect();
    let others = ["all".to_owned(), "planted".to_owned()];
    let alike = |name: &&String| strsim::jaro_winkler(name, word);
    let nearest = names.iter().chain(&others).max_by(|a, b| alike(a).total_cmp(&alike(b)));
    let meant = match nearest.filter(|name| alike(name) >= ALIKE) {
        Some(name) => format!("did you mean {name}? "),
        None => String::new(),
    };
    Refusal::new(format_args!("there is no scenario {word:?}"))
        .hint(format_args!("{meant}There are {}; a file's name ends in .toml", names.join(", ")))
}

/// A word as a shell takes it.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=+:,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_when_a_shell_would_take_them_apart() {
        assert_eq!(quoted("simulations/scenarios/smoke.toml"), "simulations/scenarios/smoke.toml");
        assert_eq!(quoted("my file.toml"), "'my file.toml'");
        assert_eq!(quoted("it's.toml"), r"'it'\''s.toml'");
    }
}
