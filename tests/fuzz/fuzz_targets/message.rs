//! Whatever a peer says, the sync machine keeps its bounds, and what it says itself can be read.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use starling_fuzz::sync::{Start, is_frame, meeting, play};

/// What a member says until it is let in: hello and acceptance.
static OPENING: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let [said, _] = meeting(Start::Member);
    said.into_iter().take(2).collect()
});

fuzz_target!(
    init: {
        let opened = play(&[2], &OPENING);
        assert!(opened.dropped.is_none(), "{opened:?}");
        assert!(opened.is_open(), "{opened:?}");
        assert!(!is_frame(&[0xff]) && !is_frame(&[0x81, 0x18, 5]) && is_frame(&[0x81, 5]));
    },
    |input: &[u8]| {
        let mut node = play(input, &OPENING);
        node.wait(60_000);
        for frame in &node.sent {
            assert!(is_frame(frame), "sent {frame:02x?}");
        }
    }
);
