//! Writes the corpus: `cargo run --example seed -- corpus` in this directory. Real encodings of every kind, and short
//! descriptions of histories; the same every time. What fuzzing found is in the corpus under names that begin with
//! `found-`, and is left alone.

#[path = "seed/export.rs"]
mod export;

use std::fs;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use starling_fuzz::sync::{FRAMES_MAX, Start, meeting};
use starling_fuzz::tickets::{open, ticket};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// One of each kind of record, with its signature.
const GOLDEN: &str = include_str!("../../../crdt/src/golden/records.txt");
const SIGNATURE_BYTES: usize = 64;
const SESSION: &str = "session:qs-01JZZZZZZZZZZZZZZZZZZZZZZZ";

fn main() -> Result<()> {
    let place = std::env::args().nth(1).ok_or("usage: seed DIRECTORY")?;
    let corpus = Corpus(PathBuf::from(place));
    records(&corpus)?;
    tickets(&corpus)?;
    references(&corpus)?;
    messages(&corpus)?;
    histories(&corpus)?;
    export::all(&corpus)
}

struct Corpus(PathBuf);

impl Corpus {
    fn put(&self, target: &str, name: &str, bytes: &[u8]) -> Result<()> {
        let dir: &Path = &self.0.join(target);
        fs::create_dir_all(dir)?;
        Ok(fs::write(dir.join(name), bytes)?)
    }
}

/// The golden vectors; of a kind that occurs often the first two.
fn records(corpus: &Corpus) -> Result<()> {
    let mut seen: Vec<&str> = Vec::new();
    for line in GOLDEN.lines() {
        let mut fields = line.split(' ');
        let (Some(kind), Some(_), Some(wire)) = (fields.next(), fields.next(), fields.next()) else {
            return Err("a golden vector has a name, an id and bytes".into());
        };
        let nth = seen.iter().filter(|other| **other == kind).count();
        seen.push(kind);
        if nth > 1 {
            continue;
        }
        let wire = HEXLOWER.decode(wire.as_bytes())?;
        let name = format!("{}-{nth}", kind.to_lowercase());
        corpus.put("record", &name, &wire[..wire.len() - SIGNATURE_BYTES])?;
        corpus.put("signed", &name, &wire)?;
    }
    // A kind and a version that are not known yet.
    let first = HEXLOWER.decode(GOLDEN.split(' ').nth(2).ok_or("no vector")?.as_bytes())?;
    let Some((head @ [0x8a, 1, 0x18, 32], tail)) = first.split_first_chunk::<4>() else {
        return Err("a record begins with version and kind; the first is a founding one".into());
    };
    for (name, head) in [("kind", [0x8a, 1, 0x18, 99]), ("version", [head[0], 2, head[2], head[3]])] {
        let wire = [&head[..], tail].concat();
        corpus.put("record", &format!("later-{name}"), &wire[..wire.len() - SIGNATURE_BYTES])?;
        corpus.put("signed", &format!("later-{name}"), &wire)?;
    }
    Ok(())
}

fn tickets(corpus: &Corpus) -> Result<()> {
    let usual = ["/ip4/127.0.0.1/udp/4001/quic-v1", "/ip4/192.168.1.7/tcp/4001", "/ip6/::1/udp/4001/quic-v1"];
    let long = format!("/dns4/{}/tcp/1", "a".repeat(240));
    let of = [
        ("usual", ticket(&usual, "alice", 1_700_000_000_000)),
        ("nowhere", ticket(&[], "a", 0)),
        ("full", ticket(&["/ip4/10.0.0.1/tcp/1"; 16], "bob-2", u64::MAX)),
        ("long", ticket(&[&long], "ann", 1)),
    ];
    for (name, ticket) in of {
        let text = ticket.to_string();
        corpus.put("ticket", &format!("text-{name}"), &[&[0], text.as_bytes()].concat())?;
        let content = open(&text).ok_or("a ticket opens")?;
        corpus.put("ticket", &format!("content-{name}"), &[&[1], &content[..]].concat())?;
    }
    let text = ticket(&usual, "alice", 1).to_string();
    corpus.put("ticket", "text-upper", format!("\0 starling1{}\n", text[9..].to_uppercase()).as_bytes())?;
    corpus.put("ticket", "text-cut", &[&[0], &text.as_bytes()[..60]].concat())
}

fn references(corpus: &Corpus) -> Result<()> {
    let of = [
        ("session", SESSION.to_owned()),
        ("line", format!("{SESSION}:L000001")),
        ("long-line", format!("{SESSION}:L123456789012")),
        ("text", format!("see {SESSION}:L000002, ({SESSION}).中{SESSION}")),
        ("touched", format!("x{SESSION} /{SESSION} {SESSION}-a {SESSION}_ {SESSION}:L000001:L000002")),
        ("nested", format!("session:session:{SESSION}:L00001 {SESSION}:L0")),
        ("lower", SESSION.to_lowercase()),
    ];
    of.iter().try_for_each(|(name, text)| corpus.put("reference", name, text.as_bytes()))
}

/// Conversations of honest machines, and each kind of frame by itself.
fn messages(corpus: &Corpus) -> Result<()> {
    let framed = |frame: &Vec<u8>| [&(frame.len() as u16).to_le_bytes()[..], frame].concat();
    let mut alone: Vec<u8> = Vec::new();
    for (at, start) in Start::ALL.into_iter().enumerate().filter(|(_, start)| *start != Start::Open) {
        for (side, said) in meeting(start).into_iter().enumerate() {
            for frame in &said {
                let kind = frame.get(1).copied().unwrap_or_default();
                if !alone.contains(&kind) {
                    alone.push(kind);
                    corpus.put("message", &format!("frame-{kind}"), &[&[2], &framed(frame)[..]].concat())?;
                }
            }
            let talk: Vec<u8> = said.iter().take(FRAMES_MAX).flat_map(framed).collect();
            corpus.put("message", &format!("talk-{at}-{side}"), &[&[at as u8], &talk[..]].concat())?;
        }
    }
    // What an honest machine says seldom: a refusal, a wait, a goodbye, and where others are found.
    let refused = [&[0x84, 4, 3, 0x64][..], b"gone", &[0x81, 0x43, 1, 2, 3]].concat();
    let later = [&[0x82, 12, 0x48][..], &[6; 8]].concat();
    let places = [&[0x82, 14, 0x81, 0x82, 0x58, 32][..], &[5; 32], &[0x81, 0x69], b"/memory/7"].concat();
    let said = [(4, refused), (12, later), (11, vec![0x82, 11, 0xf5]), (13, vec![0x81, 13]), (14, places)];
    for (kind, frame) in said {
        corpus.put("message", &format!("frame-{kind}"), &[&[2], &framed(&frame)[..]].concat())?;
    }
    Ok(())
}

/// Choices: the order of the second replica, then a few bytes for each record. See `History::grown`.
fn histories(corpus: &Corpus) -> Result<()> {
    // author, kind, what it names..., deps.
    let bob: [u8; 5] = [0, 0, 1, 1, 0];
    let device: [u8; 5] = [0, 1, 0, 3, 0];
    let agent: [u8; 5] = [0, 2, 3, 0, 0];
    let steps: [(&str, &[u8]); 7] = [
        ("moved", &[0, 6, 0, 0, 2, 0, 0]),
        ("retired", &[0, 8, 0, 0]),
        ("revoked", &[0, 4, 3, 1, 0, 0]),
        ("removed", &[0, 5, 0, 1, 3, 0, 0]),
        ("changed", &[0, 3, 0, 2, 0]),
        ("handed-over", &[0, 7, 0, 0, 0]),
        ("concurrent", &[0, 0, 1, 1, 1, 0, 3, 0, 1, 1, 1, 2]),
    ];
    for (n, (name, step)) in steps.into_iter().enumerate() {
        let order = n as u8;
        let grown = [&[order], &bob[..], &device, &agent, step, &device].concat();
        corpus.put("roster", name, &grown)?;
    }
    // who, kind, what it says..., deps.
    let title: [u8; 4] = [0, 2, 1, 0];
    let claim: [u8; 4] = [2, 4, 0, 0];
    let reply: [u8; 5] = [2, 6, 0, 1, 0];
    let message: [u8; 6] = [1, 0, 1, 0, 1, 0];
    let failure: [u8; 5] = [2, 9, 0, 2, 0];
    let retry: [u8; 5] = [0, 13, 0, 0, 0];
    let talks: [(&str, &[&[u8]]); 7] = [
        ("answered", &[&title, &claim, &reply, &message]),
        ("failed", &[&title, &claim, &failure, &retry, &[2, 4, 1, 0]]),
        ("stopped", &[&claim, &[0, 12, 0, 0], &failure]),
        ("archived", &[&title, &[0, 10, 0], &[0, 11, 0], &message]),
        ("titled-by-agent", &[&claim, &[2, 3, 1, 0, 0], &[2, 8, 0, 1, 0], &reply]),
        ("moved", &[&title, &claim, &reply, &message, &[9, 4, 1, 0], &[9, 6, 1, 1, 0]]),
        ("concurrent", &[&title, &[2, 4, 0, 1, 0], &[2, 4, 0xc1, 1, 1], &reply, &message]),
    ];
    for (n, (name, talk)) in talks.into_iter().enumerate() {
        corpus.put("session", name, &[&[n as u8], &talk.concat()[..]].concat())?;
    }
    Ok(())
}
