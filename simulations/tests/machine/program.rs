//! `starling-sim` as people run it: what it prints, what it writes, and its exit status.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn sim(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_starling-sim")).args(words).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Standard output, which has to be one JSON document and nothing else.
fn json(words: &[&str]) -> Value {
    let output = sim(words);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A scenario in which the first minute goes wrong: nobody can become equal in a second when nobody is heard.
fn hopeless(dir: &Path) -> String {
    let text = r#"
        name = "hopeless"
        about = "What cannot be done in the time."
        nodes = { count = 3, given = true }
        network = { latency = { uniform = [3000, 4000] }, gossip = false }
        work = { seconds = 20, deeds = 4 }
        end = { bound_s = 1 }
    "#;
    let path = dir.join("hopeless.toml");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_run_reports_and_ends_with_0_when_everything_held() {
    let output = sim(&["run", "smoke", "--seeds", "0..2"]);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    let text = said(&output);
    for word in
        ["smoke: 2 seeds (0 to 1), 5 nodes: everything held", "faults", "convergence", "p99", "trace hash"]
    {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert!(!text.contains('\u{1b}'), "colours go to terminals alone");
}

#[test]
fn a_report_is_one_document_and_the_same_with_any_number_of_threads() {
    let report = |jobs: &str| json(&["run", "smoke", "--seeds", "3..6", "--json", "--jobs", jobs]);
    let (mut one, mut three) = (report("1"), report("3"));
    assert_eq!((&one["scenario"], &one["seeds"], &one["nodes"]), (&"smoke".into(), &3.into(), &5.into()));
    assert_eq!(one["failures"], Value::Array(Vec::new()));
    assert!(one["faults"].as_object().unwrap().values().all(Value::is_u64));
    assert!(one["simulated_seconds"].as_f64().unwrap() > 60.0 && one["wall_seconds"].as_f64().unwrap() > 0.0);
    assert!(one["convergence_ms"]["count"] == 3 && one["cost"]["bytes_per_delivery"].as_f64().unwrap() > 0.0);
    let times = ["wall_seconds", "jobs", "seeds_per_second", "seeds_per_core_second", "simulated_per_wall"];
    for field in times {
        one.as_object_mut().unwrap().remove(field).unwrap();
        three.as_object_mut().unwrap().remove(field).unwrap();
    }
    assert_eq!(one, three);
}

#[test]
fn a_seed_has_one_hash_in_every_process() {
    let hash = |seed: &str| {
        let replayed = json(&["replay", seed, "smoke", "--json"]);
        replayed["trace_hash"].as_str().unwrap().to_owned()
    };
    let first = hash("4");
    assert_eq!(first, hash("4"));
    assert_ne!(first, hash("5"));
    let text = said(&sim(&["replay", "4", "smoke"]));
    assert!(text.contains(&first) && text.contains("everything held"), "{text}");
    let line = text.lines().find(|line| line.contains(" records ")).unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    assert!(words[0].parse::<f64>().is_ok() && words[1].starts_with('#'), "time, node, what: {line}");
}

#[test]
fn a_trace_is_one_object_a_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out.jsonl");
    let output = sim(&["run", "smoke", "--seed", "2", "--trace", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    let text = std::fs::read_to_string(&path).unwrap();
    let mut last = 0;
    for line in text.lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        let ms = entry["ms"].as_u64().unwrap();
        assert!(ms >= last && entry["what"].is_string() && entry["detail"].is_string(), "{line}");
        assert!(entry["node"].is_null() || entry["node"].as_u64().unwrap() < 5, "{line}");
        last = ms;
    }
    assert!(text.lines().count() > 100);
}

#[test]
fn plots_are_drawn() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out.svg");
    let file = path.to_str().unwrap();
    let drawn: [(&[&str], &[&str]); 3] = [
        (
            &["run", "smoke", "--seeds", "0..2", "--plot", file],
            &["Convergence", "Cost of a delivery", "time, s"],
        ),
        (
            &["run", "smoke", "--seed", "0", "--nodes", "4,6", "--plot", file],
            &["against the number of nodes", "kB"],
        ),
        (&["replay", "0", "smoke", "--plot", file], &["smoke, seed 0", "#4", "faults end", "record stored"]),
    ];
    for (words, texts) in drawn {
        let output = sim(words);
        assert_eq!(output.status.code(), Some(0), "{}", told(&output));
        let svg = std::fs::read_to_string(&path).unwrap();
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
        for text in texts {
            assert!(svg.contains(text), "{words:?}: {text}");
        }
        std::fs::remove_file(&path).unwrap();
    }
}

#[test]
fn a_failure_is_told_with_the_commands_that_replay_and_shrink_it() {
    let dir = tempfile::tempdir().unwrap();
    let file = hopeless(dir.path());
    let output = sim(&["run", &file, "--seed", "1"]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}{}", told(&output));
    assert!(text.contains("seed 1: ") && text.contains(&format!("starling-sim replay 1 {file}")), "{text}");
    assert!(text.contains(&format!("starling-sim shrink 1 {file}")), "{text}");
    let report: Value =
        serde_json::from_slice(&sim(&["run", &file, "--seed", "1", "--json"]).stdout).unwrap();
    let failure = &report["failures"][0];
    assert!(failure["seed"] == 1 && failure["invariant"].is_string() && failure["message"].is_string());
    assert_eq!(sim(&["replay", "1", &file, "--json"]).status.code(), Some(1));
}

#[test]
fn what_was_shrunk_fails_again() {
    let dir = tempfile::tempdir().unwrap();
    let (file, shortest) = (hopeless(dir.path()), dir.path().join("shortest.toml"));
    let shortest = shortest.to_str().unwrap();
    let output = sim(&["shrink", "1", &file, "-o", shortest]);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    assert_eq!(sim(&["run", shortest, "--seed", "1"]).status.code(), Some(1));
    let holds = sim(&["shrink", "1", "smoke"]);
    assert_eq!(holds.status.code(), Some(2));
    assert!(told(&holds).contains("does not fail"), "{}", told(&holds));
}

#[test]
fn the_list_names_what_can_be_run() {
    let list = json(&["list", "--json"]);
    let smoke = list.as_array().unwrap().iter().find(|one| one["name"] == "smoke").unwrap();
    assert!(smoke["nodes"] == 5 && smoke["about"].is_string());
    assert!(said(&sim(&["list"])).contains("hundred-nodes"));
}

#[test]
fn reports_are_compared_and_failures_in_the_second_count() {
    let dir = tempfile::tempdir().unwrap();
    let save = |name: &str, words: &[&str]| {
        let path = dir.path().join(name);
        std::fs::write(&path, sim(words).stdout).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let good = save("a.json", &["run", "smoke", "--seed", "0", "--json"]);
    let bad = save("b.json", &["run", &hopeless(dir.path()), "--seed", "1", "--json"]);
    let same = sim(&["compare", &good, &good]);
    assert_eq!(same.status.code(), Some(0), "{}", told(&same));
    assert!(said(&same).contains("delivery_ms p99"), "{}", said(&same));
    assert_eq!(sim(&["compare", &good, &bad]).status.code(), Some(1));
    let compared = json(&["compare", &bad, &good, "--json"]);
    let of = |what: &str| {
        let changes = compared[0]["changes"].as_array().unwrap();
        changes.iter().find(|change| change["what"] == what).unwrap().clone()
    };
    assert_eq!((&of("seeds")["percent"], &of("failures")["after"]), (&0.0.into(), &0.0.into()));
}

#[test]
fn what_cannot_be_done_is_told_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let wrong = dir.path().join("wrong.toml");
    std::fs::write(&wrong, "name = \"wrong\"\nabout = \"x\"\n[nodes]\ncount = \"many\"\n").unwrap();
    let wrong = wrong.to_str().unwrap();
    let refused: [(&[&str], &[&str]); 8] = [
        (&["run", "smok"], &["no scenario \"smok\"", "did you mean smoke?", "hundred-nodes"]),
        (&["run", "nowhere/none.toml"], &["cannot read nowhere/none.toml"]),
        (&["run", wrong], &["line 4", "count"]),
        (&["run", "smoke", "--seeds", "5..5"], &["no seed is in it", "5..6"]),
        (&["run", "smoke", "--seeds", "5"], &["0..20"]),
        (&["run", "smoke", "--seed", "1", "--seeds", "0..2"], &["cannot be used with"]),
        (&["run", "smoke", "--nodes", "1"], &["nodes.people"]),
        (&["compare", wrong, wrong], &["is not a report", "--json"]),
    ];
    for (words, texts) in refused {
        let output = sim(words);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(output.stdout.is_empty());
        for text in texts {
            assert!(told(&output).contains(text), "{words:?}: {text}: {}", told(&output));
        }
    }
}
