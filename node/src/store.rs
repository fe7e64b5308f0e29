//! Records on disk: redb, one transaction a batch.
