//! How far long work is: a bar on standard error, on terminals only, and not with `--quiet` or `--json`.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Work of a known length. The bar goes when this is dropped.
#[derive(Debug)]
pub struct Progress(ProgressBar);

impl Progress {
    /// Begins `total` steps of what is called `what`.
    #[must_use]
    pub fn new(what: &'static str, total: usize, silent: bool) -> Self {
        let target = if silent { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(total as u64), target).with_message(what);
        Self(match ProgressStyle::with_template("{msg:12} {bar:30} {pos} of {len}  {eta}") {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        })
    }

    /// One step is done.
    pub fn step(&self) {
        self.0.inc(1);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
