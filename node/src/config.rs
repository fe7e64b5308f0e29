//! The home directory: where it is, who may read it, and what is in its files.
//!
//! [`Home`] knows every path, [`HomeLock`] keeps it to one process, [`Settings`] is `config.toml`, [`NodeKey`]
//! is a key file, [`Endpoint`] is what a running node tells its own clients. Nothing here draws randomness (a seed comes in as bytes), opens the
//! store or listens. All writes are atomic, all secrets are 0600 and refused when somebody else could have
//! read them.

mod edits;
mod files;
mod home;
mod keys;
mod lock;
mod remote;
mod settings;

pub use edits::Setting;
pub use home::{Endpoint, Home, SOCKET_PATH_BYTES_MAX};
pub use keys::NodeKey;
pub use lock::HomeLock;
pub use remote::Remote;
pub(crate) use settings::is_multiaddr;
pub use settings::{ExportSettings, Listen, PEERS_MAX, Settings};

use std::io;
use std::path::{Path, PathBuf};

/// What is wrong with the home directory. [`ConfigError::hint`] says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The platform names no directory for this user.
    #[error("the home directory of this user is unknown")]
    NoHome,
    /// A file or directory cannot be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A secret file is not there.
    #[error("there is no {}", .0.display())]
    Missing(PathBuf),
    /// A secret file is there already and is never overwritten.
    #[error("{} exists already", .0.display())]
    Exists(PathBuf),
    /// A secret that others may read is no secret.
    #[error("{} may be read by others (mode {mode:04o})", path.display())]
    Readable {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A symbolic link, a directory, a device.
    #[error("{} is not a plain file", .0.display())]
    NotAFile(PathBuf),
    /// A file or directory of another user.
    #[error("{} belongs to another user", .0.display())]
    NotOurs(PathBuf),
    /// Another process holds the home.
    #[error("another node is running in {}", .0.dir().display())]
    InUse(Home),
    /// Not what a key file holds.
    #[error("{} is not a key: expected one line of 64 hexadecimal digits", .0.display())]
    KeyFormat(PathBuf),
    /// Larger than such a file can be.
    #[error("{} is larger than {max} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Bytes allowed.
        max: usize,
    },
    /// Not valid settings.
    #[error("{}: {problem}", path.display())]
    Settings {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and key.
        problem: String,
    },
}

impl ConfigError {
    fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }

    /// What a person can do about it, in one line.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::NoHome => "say where with `--home DIR` or STARLING_HOME".to_owned(),
            Self::Io { .. } => "check that the directory exists, is yours and has room".to_owned(),
            Self::Missing(_) => "`starling up` makes a home; `--home DIR` names another one".to_owned(),
            Self::Exists(path) => format!("move {} away if you mean to replace it", path.display()),
            Self::Readable { path, .. } => {
                format!("`chmod 600 {0}`, and if others use this machine, make a new key", path.display())
            }
            Self::NotAFile(path) => format!("put a plain file at {}", path.display()),
            Self::NotOurs(path) => format!("use a home of your own, or `chown` {}", path.display()),
            Self::InUse(_) => {
                "`starling status` shows it, `starling down` stops it; `--home DIR` starts a second \
                 one elsewhere"
                    .to_owned()
            }
            Self::KeyFormat(_) => "put the file back from a backup".to_owned(),
            Self::TooLarge { .. } | Self::Settings { .. } => "correct the file, or move it away".to_owned(),
        }
    }
}
