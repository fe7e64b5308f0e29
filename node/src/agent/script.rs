//! Scripts of the demo agent: one step a line.
