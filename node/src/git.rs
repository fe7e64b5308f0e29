//! The git export: performs an export plan.
