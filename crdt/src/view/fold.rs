//! To be written.
use super::View;
/// To be written.
pub fn fold() -> Option<View> {
    None
}
