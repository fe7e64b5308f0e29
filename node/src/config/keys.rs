//! Key files: one line of 64 hexadecimal digits, the ed25519 seed. Made from a seed that the caller draws,
//! wiped from memory when dropped, never printed by `Debug`, never overwritten.

use std::fmt;
use std::path::Path;

use data_encoding::HEXLOWER;
use ed25519_dalek::SigningKey;
use starling_crdt::id::DeviceKey;
use starling_crdt::signed::device_key;
use zeroize::Zeroizing;

use super::{ConfigError, files};

/// Bytes of a seed.
const SEED_BYTES: usize = 32;
/// Bytes of a key file: the digits and a line end, which an editor may have made CR LF.
const FILE_BYTES_MAX: usize = 2 * SEED_BYTES + 2;

/// A device's or the recovery key.
pub struct NodeKey(Zeroizing<[u8; SEED_BYTES]>);

impl NodeKey {
    /// Wraps a seed: 32 bytes from the operating system's random source.
    #[must_use]
    pub fn from_seed(seed: [u8; SEED_BYTES]) -> Self {
        Self(Zeroizing::new(seed))
    }

    /// Writes the key to a new file, mode 0600.
    ///
    /// # Errors
    /// [`ConfigError::Exists`] when there is a file already: a key is never replaced.
    pub fn create(&self, path: &Path) -> Result<(), ConfigError> {
        let mut line = self.hex();
        line.push('\n');
        files::create_secret(path, line.as_bytes())
    }

    /// Reads a key file, after making sure that nobody else could.
    ///
    /// # Errors
    /// [`ConfigError`]: missing, a link, another user's, readable by others, too large, no key.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let bytes = files::read_secret(path, FILE_BYTES_MAX)?;
        let wrong = || ConfigError::KeyFormat(path.to_owned());
        let mut seed = Zeroizing::new([0; SEED_BYTES]);
        let digits = bytes.trim_ascii_end();
        if digits.len() != 2 * SEED_BYTES {
            return Err(wrong());
        }
        HEXLOWER.decode_mut(digits, seed.as_mut_slice()).map_err(|_| wrong())?;
        Ok(Self(seed))
    }

    /// The signing key. It wipes itself too.
    #[must_use]
    pub fn signing_key(&self) -> SigningKey {
        SigningKey::from_bytes(&self.0)
    }

    /// The public half: the device's name in the workspace and on the network.
    #[must_use]
    pub fn device(&self) -> DeviceKey {
        device_key(&self.signing_key())
    }

    /// The seed, for a transport that makes its own key type from it.
    #[must_use]
    pub fn seed(&self) -> &[u8; SEED_BYTES] {
        &self.0
    }

    /// The seed as 64 hexadecimal digits: what the file holds, and what a person writes down.
    #[must_use]
    pub fn hex(&self) -> Zeroizing<String> {
        // Room for the line end too, so that no copy is left behind by growing.
        let mut text = Zeroizing::new(String::with_capacity(FILE_BYTES_MAX));
        HEXLOWER.encode_append(self.0.as_slice(), &mut text);
        text
    }
}

impl fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeKey(of {:?})", self.device())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_key_comes_back_as_it_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("node.key");
        let key = NodeKey::from_seed([7; 32]);
        key.create(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let again = NodeKey::load(&path).unwrap();
        assert_eq!(again.seed(), key.seed());
        assert_eq!(again.device(), key.device());
        assert!(!format!("{key:?}").contains("0707"));
    }

    #[test]
    fn a_key_is_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("node.key");
        NodeKey::from_seed([1; 32]).create(&path).unwrap();
        let second = NodeKey::from_seed([2; 32]).create(&path);
        assert!(matches!(second, Err(ConfigError::Exists(_))));
        assert_eq!(NodeKey::load(&path).unwrap().seed(), &[1; 32]);
    }

    #[test]
    fn a_key_that_others_may_read_is_refused_with_the_fix() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("node.key");
        NodeKey::from_seed([1; 32]).create(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = NodeKey::load(&path).unwrap_err();
        assert!(matches!(error, ConfigError::Readable { mode: 0o640, .. }), "{error}");
        assert!(error.hint().contains("chmod 600"));
    }

    #[test]
    fn what_is_no_key_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("node.key");
        assert!(matches!(NodeKey::load(&path), Err(ConfigError::Missing(_))));
        for bad in ["", "abc\n", &"g".repeat(64), &"A".repeat(64), &"0".repeat(63)] {
            let _absent = fs::remove_file(&path);
            files::create_secret(&path, bad.as_bytes()).unwrap();
            assert!(matches!(NodeKey::load(&path), Err(ConfigError::KeyFormat(_))), "{bad}");
        }
        fs::remove_file(&path).unwrap();
        files::create_secret(&path, &[b'0'; 80]).unwrap();
        assert!(matches!(NodeKey::load(&path), Err(ConfigError::TooLarge { .. })));
        let link = dir.path().join("link.key");
        symlink(&path, &link).unwrap();
        assert!(matches!(NodeKey::load(&link), Err(ConfigError::NotAFile(_))));
        assert!(matches!(NodeKey::load(dir.path()), Err(ConfigError::NotAFile(_))));
    }
}
