//! `starling-sim`: runs scenarios over seeds, replays and shrinks those that fail, compares reports. All of it is in the
//! library; here are only the words of the command line and what people read.

mod cli;

use std::process::ExitCode;

/// A run allocates and frees small objects all the time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
