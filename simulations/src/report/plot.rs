//! stub
use crate::{Scenario, report::Report, run::Outcome};
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct PlotError(String);
pub fn distributions(_: &Report) -> Result<String, PlotError> { Ok(String::new()) }
pub fn against_nodes(_: &[Report]) -> Result<String, PlotError> { Ok(String::new()) }
pub fn timeline(_: &Scenario, _: &Outcome) -> Result<String, PlotError> { Ok(String::new()) }
