//! Reports and runs as SVG: what was measured as distributions on one page, cost against the number of nodes, and one run
//! as a timeline. Text stays text, in the reader's own sans-serif font, so that no font is needed to draw. The colours are
//! those of Okabe and Ito, which stay apart for colour-blind eyes.

mod axis;
mod distributions;
mod nodes;
mod page;
mod timeline;

pub use distributions::distributions;
pub use nodes::against_nodes;
pub use timeline::timeline;

/// A plot that could not be drawn, and why.
#[derive(Debug, thiserror::Error)]
#[error("the plot could not be drawn: {0}")]
pub struct PlotError(String);
