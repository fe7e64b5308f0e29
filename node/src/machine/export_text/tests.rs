//! Round trips of awkward bodies, and texts that are not quite threads.

use super::*;

const TIME_MS: u64 = 1_783_728_000_000;

fn entry(line: u64, point_to: u64, author: &str, time_ms: u64, body: &str) -> ThreadEntry {
    ThreadEntry { line, point_to, author: author.to_owned(), time_ms, body: body.to_owned() }
}

fn alone(body: &str) -> ThreadEntry {
    entry(1, 0, "alice", TIME_MS, body)
}

/// What comes back is the normalised body, between neighbours that stay what they are, and it renders to the
/// same bytes.
fn round_trip(body: &str) {
    let next = entry(2, 1, "bob", TIME_MS, "next");
    let text = render_thread(&[alone(body), next.clone()]);
    let parsed = parse_thread(&text).unwrap_or_else(|error| panic!("{body:?}: {error}\n{text}"));
    assert_eq!(parsed, [alone(&normalise(body)), next], "{text}");
    assert_eq!(render_thread(&parsed), text);
}

#[test]
fn the_documented_example_is_written_byte_by_byte() {
    let entries = [
        entry(
            1,
            0,
            "alice",
            TIME_MS,
            "Please check the build.\r\n\r\n[L000007] looks like a prefix\n\
             see session:qs-01JZZZZZZZZZZZZZZZZZZZZZZZ:L000001",
        ),
        entry(2, 1, "bob", TIME_MS + 9_999, "Done, <@alice>. 中文 ok"),
    ];
    let text = "[L000001][P000000][@alice][20260711T000000Z] Please check the build.\n\
                \n \
                [L000007] looks like a prefix\n\
                see session:qs-01JZZZZZZZZZZZZZZZZZZZZZZZ:L000001\n\
                [L000002][P000001][@bob][20260711T000009Z] Done, <@alice>. 中文 ok\n";
    assert_eq!(render_thread(&entries), text);
}

#[test]
fn every_arrangement_of_the_awkward_parts_comes_back() {
    let parts = ["\n", " ", "[L000001]", "\\", "x", "\r", "[P000000][@bob][20260711T000009Z] "];
    let mut bodies = vec![String::new()];
    let mut longest = bodies.clone();
    for _ in 0..5 {
        longest = longest.iter().flat_map(|body| parts.map(|part| format!("{body}{part}"))).collect();
        bodies.extend(longest.iter().cloned());
    }
    assert!(bodies.len() > 19_000);
    bodies.iter().for_each(|body| round_trip(body));
}

#[test]
fn different_normalised_bodies_have_different_texts() {
    let parts = ["\n", " ", "[L000001]", "\\", "x"];
    let mut bodies = vec![String::new()];
    for _ in 0..4 {
        bodies = bodies
            .iter()
            .flat_map(|body| parts.map(|part| format!("{body}{part}")))
            .chain(bodies.clone())
            .collect();
    }
    let distinct: std::collections::BTreeSet<_> = bodies.into_iter().collect();
    let texts: std::collections::BTreeSet<_> =
        distinct.iter().map(|body| render_thread(&[alone(body)])).collect();
    assert_eq!(texts.len(), distinct.len());
}

#[test]
fn long_foreign_and_trailing_text_comes_back() {
    for body in [
        "trailing\n",
        "trailing\n\n\n",
        "中文，日本語、한국어",
        "\u{3000}ideographic space first",
        "👩‍👩‍👧‍👦 e\u{301} \u{202e}rtl",
        "\ttab first",
        "[L1] short",
        "a\n[L00001] five digits",
        "a\n   [L0000001] seven, three spaces",
        "a\n[L٠٠٠٠٠١] digits of another script",
        "a\n[L000001 not closed",
    ] {
        round_trip(body);
    }
    round_trip(&"界".repeat(65_536 / 3));
    round_trip(&"\n".repeat(65_536));
    round_trip(&"\0".repeat(65_536));
    round_trip(&"\n[L000001]".repeat(6_553));
}

#[test]
fn a_blank_first_line_is_marked() {
    for (body, first) in [
        ("", "\\"),
        ("  ", "\\  "),
        ("\nsecond", "\\"),
        ("\\", "\\\\"),
        ("\\x", "\\x"),
        ("\u{a0}", "\\\u{a0}"),
    ] {
        let text = render_thread(&[alone(body)]);
        let line = text.lines().next().and_then(|line| line.split_once("Z] ")).map(|(_, first)| first);
        assert_eq!(line, Some(first), "{body:?}");
    }
}

#[test]
fn control_characters_are_shown_not_kept() {
    assert_eq!(normalise("a\u{1b}[31m\0\u{7f}\u{85}\tb"), "a␛[31m␀␡\u{fffd}\tb");
    assert_eq!(normalise("a\rb\r\nc\u{2028}d\u{2029}e\r\r\n"), "a\nb\nc\nd\ne\n\n");
}

#[test]
fn a_line_separator_cannot_forge_a_message() {
    let text = render_thread(&[alone("x\u{2028}[L000002][P000000][@bob][20260711T000009Z] forged")]);
    assert_eq!(parse_thread(&text).map(|entries| entries.len()), Ok(1));
    assert!(text.contains("\n [L000002]"));
}

#[test]
fn numbers_grow_beyond_six_digits() {
    let text = render_thread(&[entry(1_234_567, 1_000_000, "a", 0, "x")]);
    assert_eq!(text, "[L1234567][P1000000][@a][19700101T000000Z] x\n");
}

#[test]
fn what_is_not_exactly_the_format_is_refused() {
    let header = "[L000001][P000000][@alice][20260711T000000Z] x";
    assert_eq!(parse_thread(""), Ok(Vec::new()));
    assert_eq!(parse_thread(header), Err(ThreadError::NotEnded));
    assert_eq!(parse_thread("\n"), Err(ThreadError::NoHeader(1)));
    assert_eq!(parse_thread(&format!(" {header}\n")), Err(ThreadError::NoHeader(1)));
    assert_eq!(parse_thread(&format!("{header}\r\n")), Err(ThreadError::BadCharacter(1)));
    assert_eq!(parse_thread(&format!("{header}\n{header}\n")), Err(ThreadError::BadNumber(2)));
    for (from, to) in [
        ("[L000001]", "[L0000001]"),
        ("[P000000]", "[P00000]"),
        ("[P000000]", "[P+00000]"),
        ("[@alice]", "[@Alice]"),
        ("[@alice]", "[@system]"),
        ("[@alice]", "[@a--b]"),
        ("[@alice]", "[@]"),
        ("20260711", "20260231"),
        ("20260711", "2026071"),
        ("T000000Z", "T240000Z"),
        ("T000000Z", "T000060Z"),
        ("] x", "]x"),
        ("] x", "] "),
        ("] x", "]  "),
    ] {
        assert_eq!(
            parse_thread(&format!("{}\n", header.replace(from, to))),
            Err(ThreadError::BadHeader(1)),
            "{to}"
        );
    }
    for (from, to) in [("[L000001]", "[L000002]"), ("[L000001]", "[L000000]"), ("[P000000]", "[P000001]")] {
        assert_eq!(
            parse_thread(&format!("{}\n", header.replace(from, to))),
            Err(ThreadError::BadNumber(1)),
            "{to}"
        );
    }
}

#[test]
fn the_parser_is_bounded() {
    let header = "[L000001][P000000][@alice][20260711T000000Z] ";
    let text = format!("{header}{}\n", "x".repeat(ENTRY_BYTES_MAX + 1));
    assert_eq!(parse_thread(&text), Err(ThreadError::TooLong(1)));
    let many: Vec<_> = (1..=ENTRIES_MAX as u64 + 1).map(|line| entry(line, 0, "a", 0, "x")).collect();
    assert_eq!(parse_thread(&render_thread(&many)), Err(ThreadError::TooLong(ENTRIES_MAX + 1)));
}

#[test]
fn damaged_texts_never_panic() {
    let text = render_thread(&[alone("a\n[L000007] 界"), entry(2, 1, "bob", TIME_MS, "\n")]);
    for position in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        for byte in [b' ', b'\n', b'[', b']', b'9', b'\\'] {
            bytes[position] = byte;
            if let Ok(text) = std::str::from_utf8(&bytes)
                && let Ok(entries) = parse_thread(text)
            {
                assert_eq!(render_thread(&entries), text);
            }
        }
    }
}

#[test]
fn times_are_whole_seconds_of_four_digit_years() {
    for (time_ms, text) in [
        (0, "19700101T000000Z"),
        (951_827_696_789, "20000229T123456Z"),
        (TIME_MS_MAX, "99991231T235959Z"),
        (u64::MAX, "99991231T235959Z"),
    ] {
        assert_eq!(export_time(time_ms), text);
        assert_eq!(parse_export_time(text), Some(time_ms.min(TIME_MS_MAX) / 1000 * 1000));
    }
    for text in [
        "",
        "19691231T235959Z",
        "20260711T000000",
        "2026-07-11T00:00:00Z",
        "+0260711T000000Z",
        "20261301T000000Z",
    ] {
        assert_eq!(parse_export_time(text), None, "{text}");
    }
}
