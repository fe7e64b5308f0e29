//! An agent's process: how it is started, which environment it sees, how it ends.
use std::collections::BTreeSet;
use std::ffi::OsString;

/// Environment variables that every agent may see: what a program needs to find its files, its tools and its user.
pub const ENV_NAMES: [&str; 7] = ["HOME", "LANG", "PATH", "SHELL", "TERM", "TMPDIR", "USER"];
/// Likewise, by prefix.
pub const ENV_PREFIXES: [&str; 2] = ["LC_", "XDG_"];

/// Our own environment reduced to what an agent may see: [`ENV_NAMES`], [`ENV_PREFIXES`] and its own `names`.
pub fn allowed_env(names: &BTreeSet<String>) -> Vec<(OsString, OsString)> {
    let allowed = |name: &str| {
        ENV_NAMES.contains(&name) || ENV_PREFIXES.iter().any(|p| name.starts_with(p)) || names.contains(name)
    };
    std::env::vars_os()
        .filter(|(name, _)| name.to_str().is_some_and(allowed))
        .collect()
}
