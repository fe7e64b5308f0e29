//! A thread of an export is read strictly, so that what is read is written with the same bytes; and bodies of whatever text
//! come back as they were normalised. The first byte says what the rest is: a thread, or choices of messages.

#![no_main]

use libfuzzer_sys::fuzz_target;
use starling_crdt::limits::BODY_BYTES_MAX;
use starling_fuzz::choices::Choices;
use starling_node::machine::export_text::{
    ENTRIES_MAX, ENTRY_BYTES_MAX, ThreadEntry, export_time, is_handler, normalise, parse_export_time,
    parse_thread, render_thread,
};

/// Messages that an input makes at most.
const MESSAGES_MAX: usize = 64;

fn read(text: &str) {
    let Ok(entries) = parse_thread(text) else {
        return;
    };
    assert_eq!(render_thread(&entries), text, "a second spelling");
    assert!(entries.len() <= ENTRIES_MAX);
    for (entry, number) in entries.iter().zip(1..) {
        assert_eq!(entry.line, number);
        assert!(entry.point_to < entry.line && is_handler(&entry.author));
        assert!(entry.body.len() <= ENTRY_BYTES_MAX);
        assert_eq!(normalise(&entry.body), entry.body, "a body that is not normal");
        assert_eq!(parse_export_time(&export_time(entry.time_ms)), Some(entry.time_ms));
    }
}

fn message(choices: &mut Choices<'_>, line: u64) -> ThreadEntry {
    let author = ["a", "alice", "x-1", "0123456789-0123456789-0123456789-012345"][choices.below(4)];
    let time =
        [choices.byte(), choices.byte(), choices.byte(), choices.byte(), choices.byte(), choices.byte()];
    let time_ms = time.into_iter().fold(0, |ms, byte| ms << 8 | u64::from(byte));
    let point_to = u64::from(choices.byte()) % line;
    let body = String::from_utf8_lossy(choices.bytes()).into_owned();
    assert!(body.len() <= 3 * BODY_BYTES_MAX);
    ThreadEntry { line, point_to, author: author.to_owned(), time_ms, body }
}

fn write(choices: &mut Choices<'_>) {
    let mut entries: Vec<ThreadEntry> = Vec::new();
    while !choices.is_empty() && entries.len() < MESSAGES_MAX {
        let line = entries.len() as u64 + 1;
        entries.push(message(choices, line));
    }
    // A session takes no longer body.
    entries.retain(|entry| entry.body.len() <= BODY_BYTES_MAX);
    for (entry, line) in entries.iter_mut().zip(1..) {
        (entry.line, entry.point_to) = (line, entry.point_to.min(line - 1));
    }
    let text = render_thread(&entries);
    let read = parse_thread(&text).unwrap_or_else(|error| panic!("{error}:\n{text}"));
    let kept = entries.iter().map(|entry| ThreadEntry {
        time_ms: parse_export_time(&export_time(entry.time_ms)).expect("it was written"),
        body: normalise(&entry.body),
        ..entry.clone()
    });
    assert_eq!(read, kept.collect::<Vec<_>>(), "{text}");
    assert_eq!(render_thread(&read), text);
    // Readers that split lines in other ways find no other messages.
    let heads = text.lines().filter(|line| line.starts_with("[L0") || line.starts_with("[L1")).count();
    assert!(heads >= entries.len(), "{text}");
    assert!(!text.contains(['\r', '\0', '\u{b}', '\u{c}', '\u{1b}', '\u{85}', '\u{2028}', '\u{2029}']));
}

fuzz_target!(|input: &[u8]| {
    match input.split_first() {
        Some((kind, rest)) if kind % 2 == 0 => read(&String::from_utf8_lossy(rest)),
        Some((_, rest)) => write(&mut Choices::new(rest)),
        None => {}
    }
});
