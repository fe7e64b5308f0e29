//! How much a home takes on the disk. Blocking, and bounded: an export with very many files is counted in part.

use std::fs;
use std::path::{Path, PathBuf};

use crate::config::Home;
use crate::http::Sizes;

/// Files and folders that are looked at. The export packs its objects, so it has a few hundred.
const ENTRIES_MAX: usize = 20_000;

/// The sizes of a home's parts. What cannot be read counts for nothing.
pub(super) fn sizes(home: &Home) -> Sizes {
    let store = fs::metadata(home.store()).map_or(0, |found| found.len());
    Sizes {
        home: home.dir().display().to_string(),
        store_bytes: store,
        export_bytes: folder_bytes(&home.export(), ENTRIES_MAX),
    }
}

/// Bytes of the files below a folder, of the first `entries_max` that are found. Links are not followed.
fn folder_bytes(folder: &Path, entries_max: usize) -> u64 {
    let (mut bytes, mut left) = (0_u64, entries_max);
    let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if left == 0 {
                return bytes;
            }
            left -= 1;
            match entry.metadata() {
                Ok(found) if found.is_dir() => folders.push(entry.path()),
                Ok(found) if found.is_file() => bytes = bytes.saturating_add(found.len()),
                _ => {}
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_below_a_folder_are_added_up_within_a_bound() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("a/b")).unwrap();
        fs::write(dir.path().join("a/b/one"), [0; 10]).unwrap();
        fs::write(dir.path().join("two"), [0; 5]).unwrap();
        std::os::unix::fs::symlink("/", dir.path().join("all")).unwrap();
        assert_eq!(folder_bytes(dir.path(), 100), 15);
        assert!(folder_bytes(dir.path(), 2) < 15);
        assert_eq!(folder_bytes(&dir.path().join("nothing"), 100), 0);
    }
}
