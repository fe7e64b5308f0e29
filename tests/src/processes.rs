//! The process table, as far as a home is concerned.

use std::fs;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};

/// The processes that belong to a home: that name it in their arguments or their environment, or work
/// inside it. Each as `PID: arguments`.
///
/// # Panics
/// Where there is no process table to read.
#[must_use]
pub fn processes_of(home: &Path) -> Vec<String> {
    let found = find(home).into_iter();
    found.map(|(pid, arguments)| format!("{pid}: {arguments}")).collect()
}

/// Ends what a failed test may have left behind.
pub(crate) fn end_all_of(home: &Path) {
    for (pid, _) in find(home) {
        if let Some(pid) = Pid::from_raw(pid) {
            let _already_gone = kill_process(pid, Signal::KILL);
        }
    }
}

/// The test itself is none of them.
fn find(home: &Path) -> Vec<(i32, String)> {
    let Ok(all) = fs::read_dir("/proc") else {
        panic!("these tests need /proc");
    };
    let own = rustix::process::getpid().as_raw_nonzero().get();
    let named = all.flatten().filter_map(|entry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let arguments = fs::read(entry.path().join("cmdline")).ok()?;
        let arguments = String::from_utf8_lossy(&arguments).replace('\0', " ");
        // A process that has ended, and waits to be reaped, has no arguments.
        let inside = fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(home));
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
        let environment = String::from_utf8_lossy(&environment);
        let named = home.to_str().is_some_and(|home| arguments.contains(home) || environment.contains(home));
        (pid != own && !arguments.is_empty() && (inside || named)).then_some((pid, arguments))
    });
    named.collect()
}
