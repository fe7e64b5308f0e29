//! The process table, as far as a home is concerned.

use std::fs;
use std::path::Path;

/// The processes that belong to a home: that name it in their arguments, or work inside it. Each as `PID: arguments`.
/// The caller itself is none of them.
#[must_use]
pub fn processes_of(home: &Path) -> Vec<String> {
    let Ok(all) = fs::read_dir("/proc") else {
        panic!("these tests need /proc");
    };
    let own = std::process::id().to_string();
    let named = all.flatten().filter_map(|entry| {
        let pid = entry.file_name().into_string().ok()?;
        pid.parse::<u32>().ok()?;
        let arguments = fs::read(entry.path().join("cmdline")).ok()?;
        let arguments = String::from_utf8_lossy(&arguments).replace('\0', " ");
        // A process that has ended, and waits to be reaped, has no arguments.
        let inside = fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(home));
        let named = home.to_str().is_some_and(|home| arguments.contains(home));
        (pid != own && !arguments.is_empty() && (inside || named)).then(|| format!("{pid}: {arguments}"))
    });
    named.collect()
}
