//! A ticket that can be read is printed as one that reads the same. The first byte says what the rest is: the text
//! itself, or the content of a text that is made here.

#![no_main]

use libfuzzer_sys::fuzz_target;
use starling_fuzz::tickets::{open, seal, ticket};
use starling_node::machine::ticket::Ticket;

fn check(text: &str) {
    let Ok(ticket) = text.parse::<Ticket>() else {
        return;
    };
    let printed = ticket.to_string();
    assert_eq!(printed.parse::<Ticket>().as_ref(), Ok(&ticket), "{printed}");
    assert!(printed.is_ascii() && !printed.contains(char::is_whitespace), "{printed}");
    assert!(!format!("{ticket:?}").contains(&printed));
}

fuzz_target!(
    init: {
        // Else the second half of the target would test nothing.
        let text = ticket(&["/ip4/127.0.0.1/udp/1/quic-v1"], "alice", 1).to_string();
        assert_eq!(open(&text).map(|content| seal(&content)), Some(text));
    },
    |input: &[u8]| {
        match input.split_first() {
            Some((kind, rest)) if kind % 2 == 0 => check(&String::from_utf8_lossy(rest)),
            Some((_, rest)) => check(&seal(rest)),
            None => {}
        }
    }
);
