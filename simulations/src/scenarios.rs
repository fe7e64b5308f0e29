//! The scenarios that come with the program, each a file in `scenarios/`.

use crate::scenario::Scenario;

const FILES: [&str; 3] = [
    include_str!("../scenarios/smoke.toml"),
    include_str!("../scenarios/hundred-nodes.toml"),
    include_str!("../scenarios/thousand-nodes.toml"),
];

/// All of them.
#[must_use]
pub fn all() -> Vec<Scenario> {
    FILES.iter().filter_map(|text| Scenario::parse(text).ok()).collect()
}

/// The one of this name.
#[must_use]
pub fn by_name(name: &str) -> Option<Scenario> {
    all().into_iter().find(|scenario| scenario.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_is_a_scenario() {
        assert_eq!(all().len(), FILES.len());
    }
}
