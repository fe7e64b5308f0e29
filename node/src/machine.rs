//! The pure node: inputs in, effects out.

pub mod export_meta;
pub mod export_text;
