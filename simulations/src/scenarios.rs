//! The scenarios that come with the harness, as files of `scenarios/` that are built in: what each is meant to break is
//! said at its top. Your own are read with [`Scenario::parse`].

use crate::scenario::Scenario;

/// Name and text of each, in the order in which they are listed.
const FILES: [(&str, &str); 15] = [
    ("smoke", include_str!("../scenarios/smoke.toml")),
    ("two-devices-offline", include_str!("../scenarios/two-devices-offline.toml")),
    ("partition-heal", include_str!("../scenarios/partition-heal.toml")),
    ("churn", include_str!("../scenarios/churn.toml")),
    ("slow-link", include_str!("../scenarios/slow-link.toml")),
    ("lossy-wifi", include_str!("../scenarios/lossy-wifi.toml")),
    ("crash-storm", include_str!("../scenarios/crash-storm.toml")),
    ("byzantine", include_str!("../scenarios/byzantine.toml")),
    ("byzantine-ten", include_str!("../scenarios/byzantine-ten.toml")),
    ("revocation", include_str!("../scenarios/revocation.toml")),
    ("agent-moves", include_str!("../scenarios/agent-moves.toml")),
    ("clocks", include_str!("../scenarios/clocks.toml")),
    ("growth", include_str!("../scenarios/growth.toml")),
    ("hundred-nodes", include_str!("../scenarios/hundred-nodes.toml")),
    ("thousand-nodes", include_str!("../scenarios/thousand-nodes.toml")),
];

/// The names, in the order in which they are listed.
pub fn names() -> impl Iterator<Item = &'static str> {
    FILES.into_iter().map(|(name, _)| name)
}

/// All scenarios that come with the harness.
#[must_use]
pub fn all() -> Vec<Scenario> {
    // A test sees to it that none is left out.
    FILES.into_iter().filter_map(|(_, text)| Scenario::parse(text).ok()).collect()
}

/// The scenario of this name; `None` if there is none.
#[must_use]
pub fn by_name(name: &str) -> Option<Scenario> {
    let (_, text) = FILES.into_iter().find(|(known, _)| *known == name)?;
    Scenario::parse(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Step, draw};

    #[test]
    fn each_can_be_run_and_is_called_like_its_file() {
        let all = all();
        assert!(all.iter().map(|scenario| scenario.name.as_str()).eq(names()));
        for name in names() {
            assert_eq!(by_name(name).unwrap().name, name);
        }
        assert!(by_name("no-such-scenario").is_none());
    }

    #[test]
    fn in_each_something_happens_and_most_goes_wrong_meanwhile() {
        for scenario in all() {
            let plan = draw(&scenario, 1);
            let end = scenario.work.seconds * 1_000;
            assert!(plan.iter().all(|planned| planned.at_ms <= end), "{}", scenario.name);
            let deeds = plan.iter().filter(|planned| matches!(planned.step, Step::Deed(_))).count();
            assert!(deeds >= 8, "{}: {deeds} deeds", scenario.name);
        }
    }

    #[test]
    fn the_files_are_those_that_are_built_in() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
        let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap());
        let files = files.filter(|file| file.file_type().unwrap().is_file());
        let mut files: Vec<String> = files.map(|file| file.file_name().into_string().unwrap()).collect();
        files.sort();
        let mut built_in: Vec<String> = names().map(|name| format!("{name}.toml")).collect();
        built_in.sort();
        assert_eq!(files, built_in);
    }
}
