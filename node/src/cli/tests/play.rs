//! A node to talk to: an axum router on a Unix socket in a directory of its own, and a verb played against
//! it.

use std::ffi::OsString;
use std::path::PathBuf;

use axum::Router;
use tokio::net::UnixListener;

use crate::cli::out::testing::captured;
use crate::cli::{Ambient, Args, Client, Context, Failure, dispatch};
use crate::config::Home;
use clap::Parser;

/// 2026-07-13T00:00:00Z
const NOW_MS: u64 = 1_783_900_800_000;

/// What a verb did.
pub(super) struct Played {
    pub(super) ended: Result<(), Failure>,
    pub(super) data: String,
    pub(super) notes: String,
}

/// A home with a socket in it.
pub(super) struct Stage {
    dir: tempfile::TempDir,
}

impl Stage {
    pub(super) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub(super) fn home(&self) -> Home {
        Home::at(self.dir.path()).unwrap()
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.dir.path().join("s.sock")
    }

    /// Plays a verb while `node` answers. Everything ends with the verb.
    pub(super) async fn play(&self, node: Router, words: &[&str]) -> Played {
        let _stale = std::fs::remove_file(self.socket());
        let listener = UnixListener::bind(self.socket()).unwrap();
        let serving = axum::serve(listener, node);
        tokio::select! {
            biased;
            played = self.play_alone(words) => played,
            ended = async { serving.await } => panic!("the node ended: {ended:?}"),
        }
    }

    /// Plays a verb against whatever is there.
    pub(super) async fn play_alone(&self, words: &[&str]) -> Played {
        let words = std::iter::once("starling").chain(words.iter().copied());
        let args = Args::try_parse_from(words.map(OsString::from)).unwrap();
        let (out, data, notes) = captured(args.global.json, args.global.quiet);
        let context = Context {
            home: self.home(),
            client: Client::new(&self.socket()),
            out,
            ambient: Ambient {
                hosted: |_| Ok(Vec::new()),
                now_ms: || NOW_MS,
                random: |bytes| {
                    bytes.fill(7);
                    Ok(())
                },
            },
            timeout: args.global.timeout,
        };
        let limit = std::time::Duration::from_secs(20);
        let ended = tokio::time::timeout(limit, dispatch(context, args.verb)).await;
        Played { ended: ended.expect("the verb did not end"), data: data.text(), notes: notes.text() }
    }
}
