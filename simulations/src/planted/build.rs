//! A program that was built without the bugs cannot hunt them, and must not be able to. Started inside a checkout of the
//! project, it has itself built with them, in a folder of its own, so that nothing of that build is ever taken for a
//! normal one.

use std::io::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// The folder for builds with the bugs in them, below the checkout.
const TARGET: &str = "target/planted";

/// Has the program `starling-sim` built with the bugs inside, and run with these arguments (its own, without its name).
/// Says on standard error what it does.
///
/// # Errors
/// Not inside a checkout of the project; or cargo cannot be started.
pub fn without_feature(args: &[String]) -> Result<ExitCode> {
    let checkout = checkout(&std::env::current_dir()?).ok_or_else(|| {
        let why = "this program was built without planted bugs: start it inside a checkout of the project, where it can \
            have itself built with them, or build it with `--features planted`";
        Error::new(ErrorKind::NotFound, why)
    })?;
    eprintln!("Building starling-sim with planted bugs in {}", checkout.join(TARGET).display());
    let status = command(&checkout, args).status().map_err(|error| {
        Error::new(
            error.kind(),
            format!("cargo cannot be started: {error}; install Rust (https://rustup.rs)"),
        )
    })?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// The nearest folder, from here upwards, that is a checkout.
fn checkout(from: &Path) -> Option<PathBuf> {
    let is_checkout = |folder: &&Path| {
        ["Cargo.toml", "simulations/src/planted.rs"].iter().all(|file| folder.join(file).is_file())
    };
    from.ancestors().find(is_checkout).map(Path::to_owned)
}

/// Paths among the arguments stay those of the caller.
fn command(checkout: &Path, args: &[String]) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["run", "--release", "--quiet", "-p", "starling-simulations", "--bin", "starling-sim"]);
    cargo.args(["--features", "planted", "--manifest-path"]).arg(checkout.join("Cargo.toml"));
    cargo.arg("--target-dir").arg(checkout.join(TARGET)).arg("--").args(args);
    cargo
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkout_is_found_from_any_folder_in_it() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = here.parent().unwrap();
        assert_eq!(checkout(&here.join("src/planted")).as_deref(), Some(root));
        assert_eq!(checkout(Path::new("/")), None);
    }

    #[test]
    fn the_build_has_a_folder_of_its_own() {
        let command = command(Path::new("/somewhere"), &["run".to_owned(), "planted".to_owned()]);
        let args: Vec<_> = command.get_args().map(|arg| arg.to_str().unwrap()).collect();
        assert!(args.windows(2).any(|pair| pair == ["--target-dir", "/somewhere/target/planted"]));
        assert!(args.windows(2).any(|pair| pair == ["--features", "planted"]));
        assert!(args.ends_with(&["--", "run", "planted"]));
    }
}
