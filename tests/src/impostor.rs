//! x
pub struct Impostor;
