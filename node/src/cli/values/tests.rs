//! Words that are taken, and words that are refused with the node's own codes.

use super::*;

const ID: &str = "qs-01JZZZZZZZZZZZZZZZZZZZZZZZ";

#[test]
fn a_session_has_three_spellings() {
    let id: SessionId = ID.parse().unwrap();
    assert_eq!(target(ID), Ok(Target::Id(id)));
    assert_eq!(target(&format!("session:{ID}:L000002")), Ok(Target::Id(id)));
    for prefix in ["qs-01JZ", "01JZ", "01jz"] {
        assert_eq!(target(prefix), Ok(Target::Prefix("qs-01JZ".to_owned())));
    }
    for (bad, code) in [
        ("", "invalid_quick_session_id"),
        ("qs-", "invalid_quick_session_id"),
        ("hello", "invalid_quick_session_id"),
        ("../x", "invalid_quick_session_id"),
        ("qs-01JZZZZZZZZZZZZZZZZZZZZZZZZ", "invalid_quick_session_id"),
        ("session:x", "invalid_reference"),
    ] {
        assert_eq!(target(bad).unwrap_err().code.parts().1, code, "{bad}");
    }
}

#[test]
fn a_line_may_be_given_in_short() {
    for word in [format!("{ID}:3"), format!("{ID}:L000003"), format!("session:{ID}:L000003")] {
        let LineTarget { target, line } = line_target(&word).unwrap();
        assert_eq!((target, line), (Target::Id(ID.parse().unwrap()), Some(3)), "{word}");
    }
    assert_eq!(line_target(ID).unwrap().line, None);
    for bad in [format!("{ID}:0"), format!("{ID}:x"), format!("session:{ID}:3")] {
        assert_eq!(line_target(&bad).unwrap_err().code, Code::InvalidReference, "{bad}");
    }
}

#[test]
fn standard_input_loses_one_newline_and_is_bounded() {
    let read = |text: &[u8]| Text::<Body>::Stdin.take(&mut &text[..]);
    assert_eq!(read(b"a\n\n").unwrap().as_str(), "a\n");
    assert_eq!(read(b"a").unwrap().as_str(), "a");
    let most = "x".repeat(BODY_BYTES_MAX);
    assert_eq!(read(format!("{most}\n").as_bytes()).unwrap().as_str(), most);
    for bad in
        [&b""[..], b"\n", b" \n", b"\xff", format!("{most}x").as_bytes(), format!("{most}\n\n").as_bytes()]
    {
        let failure = read(bad).unwrap_err();
        assert_eq!((failure.exit, failure.code.as_str()), (Exit::Usage, "invalid_message"));
    }
    let mut endless = std::io::repeat(b'x');
    assert_eq!(Text::<Body>::Stdin.take(&mut endless).unwrap_err().exit, Exit::Usage);
}

#[test]
fn times_have_units() {
    for (word, ms) in [
        ("500ms", 500),
        ("30", 30_000),
        ("30s", 30_000),
        ("2m", 120_000),
        ("24h", 86_400_000),
        ("7d", 604_800_000),
    ] {
        assert_eq!(duration(word).unwrap().as_millis(), ms, "{word}");
    }
    for bad in ["", "s", "0s", "-1s", "1y", "1.5h", "99999999999999999999s", "9999999d"] {
        assert!(duration(bad).is_err(), "{bad}");
    }
}

#[test]
fn handles_may_have_an_at_sign() {
    assert_eq!(handle("@scribe").unwrap().as_str(), "scribe");
    assert_eq!(handle("@@a").unwrap_err().code, Code::InvalidHandle);
}

#[test]
fn tickets_are_one_word() {
    assert_eq!(ticket("abc", &mut &b""[..]).unwrap(), "abc");
    assert_eq!(ticket("-", &mut &b" abc\n"[..]).unwrap(), "abc");
    for bad in ["", "a b", "\u{e9}", &"x".repeat(9_000)] {
        assert_eq!(ticket(bad, &mut &b""[..]).unwrap_err().exit, Exit::Usage, "{bad}");
    }
}

#[test]
fn listening_needs_an_address_that_the_transport_knows() {
    for good in ["/ip4/0.0.0.0/udp/0/quic-v1", "/ip6/::1/tcp/4001"] {
        assert_eq!(listen_address(good).as_deref(), Ok(good));
    }
    let peer = "/ip4/127.0.0.1/tcp/1/p2p/12D3KooWPjceQrSwdWXPyLLeABRXmuqt69Rg3sBYbU1Nft9HyQ6X";
    assert!(multiaddr(peer).is_ok());
    for bad in ["/foo/bar", "/ip4/127.0.0.1", "/ip4/300.0.0.1/tcp/1", "/ip4/127.0.0.1/tcp/x", "/", peer] {
        assert_eq!(listen_address(bad).unwrap_err().code, Code::InvalidField, "{bad}");
    }
}
