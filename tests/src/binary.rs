//! Which `starling` is tested: the one that `STARLING_BIN` names, else the one of these sources, built here once with the
//! profile and the target folder of the running tests. Cargo itself decides what is out of date, so a stale binary cannot
//! pass; and the tests hold a link of their own to the file, so a build that runs beside them cannot exchange it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use crate::run::finish;

/// A first build of everything takes minutes.
const BUILD_TIME: Duration = Duration::from_secs(1_800);

/// The path of the binary under test.
///
/// # Panics
/// When it cannot be built.
pub fn starling() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let named = std::env::var_os("STARLING_BIN").map(PathBuf::from);
        keep(&named.unwrap_or_else(build))
    })
}

/// Runs cargo. The cargo that runs the tests holds no lock any more.
fn build() -> PathBuf {
    let profile_dir = profile_dir();
    let target = profile_dir.parent().expect("a target folder");
    let profile = match profile_dir.file_name().and_then(OsStr::to_str) {
        Some("debug") => "dev",
        Some(profile) => profile,
        None => panic!("{profile_dir:?} names no profile"),
    };
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // With everything else of the workspace, dependencies get the features that `cargo test --workspace` gave them: then
    // there is nothing to build again. A measurement wants the program alone.
    let what: &[&str] = match profile {
        "dev" => &["--workspace", "--all-targets"],
        _ => &["--package", "starling-node", "--bin", "starling"],
    };
    cargo
        .args(["build", "--message-format", "json"])
        .args(what)
        .args(["--profile", profile, "--manifest-path"])
        .arg(manifest)
        .arg("--target-dir")
        .arg(target)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    // What cargo told these tests about their own package would make other packages look changed.
    for (name, _) in std::env::vars_os() {
        let told = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_", "CARGO_PRIMARY_", "CARGO_BIN_"];
        if name.to_str().is_some_and(|name| told.iter().any(|prefix| name.starts_with(prefix))) {
            cargo.env_remove(name);
        }
    }
    let built = finish(cargo.spawn().expect("cargo starts"), BUILD_TIME);
    assert!(built.code == 0, "the binary cannot be built:\n{}", built.stderr);
    let artifacts =
        built.stdout.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let ours =
        artifacts.filter(|line| line["target"]["name"] == "starling" && line["profile"]["test"] == false);
    let executables = ours.filter_map(|line| line["executable"].as_str().map(PathBuf::from));
    executables.fold(None, |_, newer| Some(newer)).expect("cargo names the binary")
}

/// `target/PROFILE`: the tests run in `target/PROFILE/deps`, examples in `target/PROFILE/examples`.
fn profile_dir() -> PathBuf {
    let exe = std::env::current_exe().expect("we are somewhere");
    exe.ancestors().nth(2).expect("in a target folder").to_owned()
}

/// A link that is ours alone; those of tests that have ended are removed.
fn keep(built: &Path) -> PathBuf {
    let dir = profile_dir().parent().expect("a target folder").join("tmp/starling");
    fs::create_dir_all(&dir).expect("the target folder is ours");
    for old in fs::read_dir(&dir).expect("it is there").flatten() {
        if !Path::new("/proc").join(old.file_name()).exists() {
            let _another_was_faster = fs::remove_dir_all(old.path());
        }
    }
    let own = dir.join(std::process::id().to_string());
    fs::create_dir_all(&own).expect("the target folder is ours");
    let link = own.join("starling");
    let _none_yet = fs::remove_file(&link);
    if fs::hard_link(built, &link).is_err() {
        fs::copy(built, &link).unwrap_or_else(|error| panic!("{}: {error}", built.display()));
    }
    link
}
