//! The YAML files of an export: what can be read of them is written so that it reads the same, and is written in one way
//! only. The first byte says which file the rest is.

#![no_main]

use std::fmt::Debug;

use libfuzzer_sys::fuzz_target;
use serde::{Serialize, de::DeserializeOwned};
use starling_node::machine::export_meta::{
    FILE_BYTES_MAX, SessionMeta, UserMeta, WorkspaceMeta, check, parse, render,
};

/// Reads, writes and reads again; returns what was read.
fn round<Meta: Serialize + DeserializeOwned + PartialEq + Debug>(text: &str) -> Option<Meta> {
    let meta: Meta = parse(text).ok()?;
    let written = render(&meta).expect("what was read can be written");
    assert!(written.ends_with('\n') && !written.contains('\r'), "{written:?}");
    if written.len() <= FILE_BYTES_MAX {
        let again: Meta = parse(&written).unwrap_or_else(|error| panic!("{error}:\n{written}"));
        assert_eq!(again, meta, "{written}");
        assert_eq!(render(&again).ok(), Some(written));
    }
    Some(meta)
}

fuzz_target!(|input: &[u8]| {
    let Some((kind, rest)) = input.split_first() else {
        return;
    };
    let text = String::from_utf8_lossy(rest);
    match kind % 3 {
        0 => drop(round::<SessionMeta>(&text).map(|meta| check(&meta))),
        1 => drop(round::<UserMeta>(&text)),
        _ => drop(round::<WorkspaceMeta>(&text)),
    }
});
