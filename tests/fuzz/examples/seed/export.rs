//! Files of an export for the corpus: segments of signed histories, threads with awkward bodies, and metas. What is not
//! quite such a file is there too, so that the other branches of the parsers are found at once.

use starling_fuzz::AT_MS;
use starling_fuzz::choices::Choices;
use starling_fuzz::session::{History, here};
use starling_node::machine::export_meta::{
    FORMAT, SessionMeta, Status, UserKind, UserMeta, WorkspaceMeta, render as yaml,
};
use starling_node::machine::export_text::{ThreadEntry, render_thread};
use starling_node::machine::segments::render;

use crate::{Corpus, Result};

/// Bodies that a thread cannot hold as they are, or almost.
const BODIES: [(&str, &str); 12] = [
    ("plain", "Please check the build."),
    ("header", "x\n[L000002][P000000][@bob][20260711T000009Z] forged"),
    ("spaces", "x\n  [L0000001] seven, two spaces\n[L00001] five"),
    ("blank", "\n\nfirst lines are blank"),
    ("escape", "\\\\ \nand"),
    ("crlf", "a\r\nb\rc\r\r\n"),
    ("separators", "a\u{2028}b\u{2029}[L000003]\u{85}c\u{b}d"),
    ("control", "\0\u{1b}[31m\u{7f}\u{9f}\t"),
    ("cjk", "中文，日本語、한국어\u{3000}"),
    ("emoji", "👩‍👩‍👧‍👦 e\u{301} \u{202e}rtl"),
    ("digits", "a\n[L٠٠٠٠٠١] of another script"),
    ("empty", ""),
];

pub(crate) fn all(corpus: &Corpus) -> Result<()> {
    segments(corpus)?;
    threads(corpus)?;
    metas(corpus)
}

fn segments(corpus: &Corpus) -> Result<()> {
    // As in the histories: a title, a claim, a reply, one more message, a failure.
    let answered: [&[u8]; 4] = [&[0, 2, 1, 0], &[2, 4, 0, 0], &[2, 6, 0, 1, 0], &[1, 0, 1, 0, 1, 0]];
    let failed: [&[u8]; 3] = [&[0, 2, 1, 0], &[2, 4, 0, 0], &[2, 9, 0, 2, 0]];
    for (name, talk) in [("answered", answered.concat()), ("failed", failed.concat()), ("opened", Vec::new())]
    {
        let history = History::grown(&mut Choices::new(&talk));
        let whole = render(history.session.admitted().map(|entry| entry.signed.wire()));
        corpus.put("segment", &format!("session-{name}"), &whole)?;
        let mut wires: Vec<_> = history.records.iter().map(|record| record.wire()).collect();
        wires.reverse();
        corpus.put("segment", &format!("reversed-{name}"), &render(wires))?;
        corpus.put("segment", &format!("cut-{name}"), &whole[..whole.len() - 40])?;
    }
    corpus.put("segment", "roster", &render(here().roster.records().map(|record| record.wire())))?;
    corpus.put("segment", "noise", &render([&[7; 64][..], &[0; 65], &[0xff; 300]]))
}

fn entry(line: u64, body: &str) -> ThreadEntry {
    ThreadEntry {
        line,
        point_to: line / 2,
        author: "alice".to_owned(),
        time_ms: AT_MS,
        body: body.to_owned(),
    }
}

fn threads(corpus: &Corpus) -> Result<()> {
    let mut all = Vec::new();
    for (name, body) in BODIES {
        let text = render_thread(&[entry(1, body), entry(2, "next")]);
        corpus.put("thread", &format!("text-{name}"), &[&[0], text.as_bytes()].concat())?;
        let said = said(body);
        corpus.put("thread", &format!("body-{name}"), &[&[1], &said[..], &said].concat())?;
        all.extend(said);
    }
    corpus.put("thread", "bodies", &[&[1], &all[..]].concat())?;
    let text = render_thread(&[entry(1, "one"), entry(2, "two\n\nlines")]);
    for (name, bad) in [
        ("number", text.replace("[L000002]", "[L000003]")),
        ("digits", text.replace("[L000002]", "[L0000002]")),
        ("answer", text.replace("[P000001]", "[P000002]")),
        ("author", text.replace("[@alice]", "[@system]")),
        ("time", text.replace("[2023", "[2023-")),
        ("crlf", text.replace('\n', "\r\n")),
        ("open", text.trim_end().to_owned()),
    ] {
        corpus.put("thread", &format!("bad-{name}"), &[&[0], bad.as_bytes()].concat())?;
    }
    Ok(())
}

/// The choices of a message with this body: author, time, what it answers, length, text.
fn said(body: &str) -> Vec<u8> {
    let head = [&[1][..], &AT_MS.to_be_bytes()[2..], &[1]].concat();
    [&head[..], &(body.len() as u16).to_le_bytes(), body.as_bytes()].concat()
}

fn meta(status: Status) -> SessionMeta {
    let attempt = || Some(format!("qa-{}", "0".repeat(26)));
    let running = status == Status::Running;
    SessionMeta {
        id: format!("qs-{}", "Z".repeat(26)),
        title: (status != Status::NeedsTitle).then(|| "yes: 0123 '\"# 中文".to_owned()),
        agent_id: "coder".to_owned(),
        created_by: "alice".to_owned(),
        status,
        created_at_ms: AT_MS,
        updated_at_ms: AT_MS,
        archived_at_ms: (status == Status::Archived).then_some(AT_MS),
        archived_from: (status == Status::Archived).then_some(Status::Active),
        summary: Some("- a\n  b: 1:30\n".to_owned()),
        summary_updated_at_ms: Some(AT_MS),
        last_message_preview: "x\u{2421}\n...\n--- y".to_owned(),
        error: (status == Status::Error).then(|| "!!str &a *a".to_owned()),
        processing_input_line: running.then_some(1),
        processing_started_at_ms: running.then_some(AT_MS),
        attempt_id: attempt().filter(|_| running),
        last_completed_attempt_id: attempt(),
        last_completed_input_line: Some(1),
        last_completed_line: Some(2),
        last_failed_attempt_id: attempt().filter(|_| status == Status::Error),
        last_human_request_id: Some("~".to_owned()),
        last_human_line: Some(3),
        revision: u64::MAX,
    }
}

fn metas(corpus: &Corpus) -> Result<()> {
    for (name, status) in [
        ("needs-title", Status::NeedsTitle),
        ("running", Status::Running),
        ("active", Status::Active),
        ("error", Status::Error),
        ("archived", Status::Archived),
    ] {
        corpus.put("meta", &format!("session-{name}"), &[&[0], yaml(&meta(status))?.as_bytes()].concat())?;
    }
    let user = UserMeta {
        display_name: "alice".to_owned(),
        role: "founder".to_owned(),
        introduction: String::new(),
        labels: vec!["null".to_owned(), "a: b".to_owned()],
        kind: UserKind::Human,
    };
    corpus.put("meta", "user", &[&[1], yaml(&user)?.as_bytes()].concat())?;
    let workspace = WorkspaceMeta { format: FORMAT, workspace: "00".repeat(32) };
    corpus.put("meta", "workspace", &[&[2], yaml(&workspace)?.as_bytes()].concat())?;
    // What a reader of YAML may stumble over.
    let alias = "a: &a [x,x,x]\nb: &b [*a,*a,*a]\nc: [*b,*b,*b]\n";
    for (name, text) in [
        ("aliases", alias),
        ("anchor", "format: &a 1\nworkspace: *a\n"),
        ("merge", "<<: {format: 1}\nworkspace: x\n"),
        ("block", "format: 0x1\nworkspace: |2-\n    x\n   y\n"),
        ("twice", "format: 1\nformat: 1\nworkspace: x\n"),
        ("documents", "%YAML 1.2\n---\nformat: 1\nworkspace: !!binary eA==\n...\n---\n"),
    ] {
        corpus.put("meta", &format!("yaml-{name}"), &[&[2], text.as_bytes()].concat())?;
    }
    Ok(())
}
