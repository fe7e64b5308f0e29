//! The verbs of `starling config` and `starling service`.

use clap::Subcommand;
use clap_complete::engine::ArgValueCandidates;

use crate::cli::complete;

#[derive(Debug, Clone, Subcommand)]
pub(in crate::cli) enum ConfigVerb {
    /// Print the settings, or one of them; lists have a line for each
    #[command(after_help = "Examples:\n  starling config get\n  starling config get listen.http")]
    Get {
        /// Which one, as `listen.http`
        #[arg(add = ArgValueCandidates::new(complete::settings))]
        key: Option<String>,
    },
    /// Change a setting; comments of the file stay
    #[command(
        after_help = "Examples:\n  starling config set label 'desk upstairs'\n  starling config set peers /dns4/desk.example/tcp/4001 /ip4/192.0.2.1/udp/4001/quic-v1\n  starling config set export.remote --unset"
    )]
    Set {
        /// Which one, as `listen.http`
        #[arg(add = ArgValueCandidates::new(complete::settings))]
        key: String,
        /// What it is from now on; several for a list
        #[arg(
            value_name = "VALUE",
            required_unless_present = "unset",
            conflicts_with = "unset",
            allow_hyphen_values = true
        )]
        values: Vec<String>,
        /// Take it out of the file: it is as usual again
        #[arg(long)]
        unset: bool,
    },
    /// Print where the file is
    #[command(after_help = "Example:\n  $EDITOR \"$(starling config path)\"")]
    Path,
    /// Say whether the file is sound, and what is wrong with it
    #[command(after_help = "Example:\n  starling config check && starling down && starling up")]
    Check,
}

#[derive(Debug, Clone, Copy, Subcommand)]
pub(in crate::cli) enum ServiceVerb {
    /// Install and start it: a systemd user unit on Linux, a launch agent on macOS
    #[command(after_help = "Examples:\n  starling service install\n  starling service install --print")]
    Install {
        /// Print what would be written and change nothing
        #[arg(long)]
        print: bool,
    },
    /// Stop it and take it away; the home stays
    #[command(after_help = "Example:\n  starling service uninstall")]
    Uninstall,
    /// Whether it is installed, and whether it runs
    #[command(after_help = "Example:\n  starling service status")]
    Status,
}
