//! The local HTTP interface.
