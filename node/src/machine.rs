//! The pure node: inputs in, effects out.
