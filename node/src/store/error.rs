//! What can go wrong with a store, each with what to do about it. redb's own errors are sorted here, once, so
//! that the rest of the node never names them.

use std::io;

use super::batch::Key32;

/// Why a store could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process, or another `Store` of this one, has the file open.
    #[error("another starling is running on this home; stop it, or name another home")]
    InUse,
    /// The file is not ours, or so damaged that its first bytes are gone. It is left as it is.
    #[error(
        "this file is not a starling store ({0}); move it away, then start again and restore from the export or a peer"
    )]
    NotAStore(String),
    /// A newer version wrote the file.
    #[error("the store has format {found}, this version reads up to {supported}; upgrade starling")]
    NewerFormat {
        /// The format in the file.
        found: u64,
        /// The newest that this version reads.
        supported: u64,
    },
    /// The file or its folder may not be read or written.
    #[error("no access to the store: {0}; check owner and permissions of the home")]
    Access(#[source] io::Error),
    /// The disk or the quota is full. What failed is not stored; drop the store, make room, open it again.
    #[error("the disk is full: {0}; make room, the node goes on when it can write again")]
    Full(#[source] io::Error),
    /// The disk failed. The store accepts nothing more: drop it and open it again.
    #[error("the disk failed: {0}; the store must be opened again before it can be used")]
    Io(#[source] io::Error),
    /// An earlier failure closed the store to everything: drop it and open it again.
    #[error("an earlier disk failure closed the store; it must be opened again before it can be used")]
    Poisoned,
    /// Pages do not hold what was written to them.
    #[error(
        "the store is damaged: {0}; move it away, then start again and restore from the export or a peer"
    )]
    Corrupt(String),
    /// The position holds another record: the caller has lost count, and nothing of its batch was written.
    #[error(
        "position {position} of a stream is taken by another record; start the node again: it goes on from what is stored"
    )]
    PositionTaken {
        /// The stream.
        stream: Key32,
        /// The position.
        position: u64,
        /// The record that is there.
        held: Key32,
        /// The record that was to go there.
        offered: Key32,
    },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// Anything else that redb may say; a bug of ours if it is ever seen.
    #[error("the store failed: {0}")]
    Engine(#[source] Box<redb::Error>),
}

impl StoreError {
    /// Whether the store is of no use any more: drop it and open it again. A commit that failed this way may
    /// or may not be on disk; writing the same batch again after reopening is right in both cases.
    pub fn must_reopen(&self) -> bool {
        match self {
            Self::Full(_) | Self::Io(_) | Self::Poisoned | Self::Access(_) | Self::Closed => true,
            Self::Corrupt(_) | Self::Engine(_) => true,
            Self::InUse | Self::NotAStore(_) | Self::NewerFormat { .. } => true,
            Self::PositionTaken { .. } => false,
        }
    }
}

/// Sorts any error of redb.
pub(super) fn classify(error: impl Into<redb::Error>) -> StoreError {
    use redb::Error as E;
    match error.into() {
        E::Io(error) => classify_io(error),
        E::Corrupted(what) => StoreError::Corrupt(what),
        E::UpgradeRequired(format) => StoreError::NotAStore(format!("redb file format {format}")),
        E::DatabaseAlreadyOpen | E::LockProtocolMismatch => StoreError::InUse,
        E::PreviousIo | E::LockPoisoned(_) => StoreError::Poisoned,
        E::DatabaseClosed => StoreError::Closed,
        error @ (E::TableTypeMismatch { .. }
        | E::TableIsMultimap(_)
        | E::TableIsNotMultimap(_)
        | E::TypeDefinitionChanged { .. }
        | E::TableDoesNotExist(_)) => StoreError::Corrupt(error.to_string()),
        error => StoreError::Engine(Box::new(error)),
    }
}

/// Sorts an error of the operating system.
pub(super) fn classify_io(error: io::Error) -> StoreError {
    use io::ErrorKind as K;
    match error.kind() {
        K::StorageFull | K::QuotaExceeded | K::FileTooLarge => StoreError::Full(error),
        K::PermissionDenied | K::ReadOnlyFilesystem | K::NotFound | K::IsADirectory => {
            StoreError::Access(error)
        }
        K::InvalidData => StoreError::NotAStore(error.to_string()),
        K::UnexpectedEof => StoreError::Corrupt("the file is shorter than its header says".to_owned()),
        _ => StoreError::Io(error),
    }
}

/// Lets `?` sort each of redb's error types.
macro_rules! sorted {
    ($($error:ty),*) => {
        $(impl From<$error> for StoreError {
            fn from(error: $error) -> Self {
                classify(error)
            }
        })*
    };
}

sorted!(redb::StorageError, redb::TableError, redb::TransactionError, redb::CommitError, redb::DatabaseError);
