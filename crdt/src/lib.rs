//! Signed records, causal rules, the replicated quick session.
