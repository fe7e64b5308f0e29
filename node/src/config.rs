//! The home directory and its settings.
