//! What the store is asked to write, as data.

/// One transaction.
#[derive(Debug, Clone, Default)]
pub struct StoreBatch {}
