//! Each bug that can be planted is noticed by some checker or oracle within a few histories. A bug that is not is a hole
//! in the checkers, and fails here.
