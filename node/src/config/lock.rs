//! One process at a time works in a home. The lock is the kernel's, on `run/lock`: it ends with the process
//! however that ends, so a crash leaves nothing to clear away. The store has a lock of its own, but it guards
//! one file only, and a home is changed before its store is open: keys, settings, a store that is replaced.
//! The file stays when the lock is given back; if it were removed, two processes could hold one lock each.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;

use rustix::fs::OFlags;

use super::{ConfigError, Home, files};

/// Keeps every other process out of a home for as long as it lives.
#[derive(Debug)]
#[must_use = "the home is free again as soon as this is dropped"]
pub struct HomeLock(File);

impl Drop for HomeLock {
    fn drop(&mut self) {
        // Closing alone would leave it locked while a child between fork and exec still has a copy of the file.
        let _closing_does_it_else = self.0.unlock();
    }
}

impl Home {
    /// Takes the home for this process; makes its run directory where there is none. Does not wait.
    ///
    /// # Errors
    /// [`ConfigError::InUse`] while another process, or another lock of this one, holds it;
    /// [`ConfigError::NotAFile`] when something else stands in the lock's place; the file system's.
    pub fn lock(&self) -> Result<HomeLock, ConfigError> {
        self.create()?;
        let path = self.run_dir().join("lock");
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(files::SECRET_MODE)
            .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed())
            .open(&path)
            .map_err(|error| files::refused_open(&path, error))?;
        if !file.metadata().is_ok_and(|found| found.is_file()) {
            return Err(ConfigError::NotAFile(path));
        }
        match file.try_lock() {
            Ok(()) => Ok(HomeLock(file)),
            Err(TryLockError::WouldBlock) => Err(ConfigError::InUse(self.clone())),
            Err(TryLockError::Error(error)) => Err(ConfigError::io("lock", &path)(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read};
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::process::{Command, Stdio};

    use super::*;

    /// Tells the child test which home to hold.
    const HELD: &str = "STARLING_TEST_HELD_HOME";
    const READY: &str = "the home is held";

    fn home() -> (tempfile::TempDir, Home) {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path()).unwrap();
        (dir, home)
    }

    #[test]
    fn a_home_is_held_once_and_free_again_afterwards() {
        let (_dir, home) = home();
        let held = home.lock().unwrap();
        let error = home.lock().unwrap_err();
        assert!(matches!(&error, ConfigError::InUse(there) if *there == home), "{error}");
        drop(held);
        let _again = home.lock().unwrap();
        let mode = std::fs::metadata(home.run_dir().join("lock")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_killed_process_leaves_no_lock_behind() {
        let (_dir, home) = home();
        let mut other = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "config::lock::tests::the_other_process", "--ignored", "--nocapture"])
            .env(HELD, home.dir())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(other.stdout.take().unwrap());
        let ready = said.lines().any(|line| line.is_ok_and(|line| line.contains(READY)));
        let while_it_runs = home.lock();
        other.kill().unwrap();
        other.wait().unwrap();
        assert!(ready);
        assert!(matches!(while_it_runs, Err(ConfigError::InUse(_))), "{while_it_runs:?}");
        let _free = home.lock().unwrap();
    }

    /// Not a test of its own: what the other process of the test above does, until its input ends.
    #[test]
    #[ignore = "run by a_killed_process_leaves_no_lock_behind"]
    fn the_other_process() {
        let Some(dir) = std::env::var_os(HELD) else { return };
        let _held = Home::at(dir.as_ref()).unwrap().lock().unwrap();
        println!("\n{READY}");
        let _end = std::io::stdin().read_to_end(&mut Vec::new());
    }

    #[test]
    fn nothing_else_is_taken_for_a_lock() {
        let (dir, home) = home();
        home.create().unwrap();
        let elsewhere = dir.path().join("elsewhere");
        symlink(&elsewhere, home.run_dir().join("lock")).unwrap();
        assert!(matches!(home.lock(), Err(ConfigError::NotAFile(_))));
        assert!(!elsewhere.exists());
    }
}
