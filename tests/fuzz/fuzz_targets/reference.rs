//! A reference has one spelling; in running text it is found where it stands and nowhere else.

#![no_main]

use libfuzzer_sys::fuzz_target;
use starling_crdt::reference::{Reference, find};

fuzz_target!(|input: &[u8]| {
    let text = String::from_utf8_lossy(input);
    if let Ok(reference) = text.parse::<Reference>() {
        assert_eq!(reference.to_string(), text, "a second spelling");
        assert!(reference.line != Some(0));
        let found = find(&text);
        assert_eq!(found, [(0..text.len(), reference)]);
    }
    let found = find(&text);
    let mut from = 0;
    for (range, reference) in &found {
        assert!(range.start >= from, "in order, and never twice");
        from = range.end;
        assert_eq!(text[range.clone()].parse(), Ok(*reference));
    }
    // Between blanks a reference stands free, whatever comes before and after.
    if let Some((_, reference)) = found.first() {
        let framed = find(&format!("{text} {reference} {text}"));
        assert_eq!(framed.len(), 2 * found.len() + 1);
    }
});
