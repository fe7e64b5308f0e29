//! The command line as its users see it: every documented verb is understood, wrong words are refused with
//! the documented codes before anything is asked, and verbs are played against a node that answers over a
//! real Unix socket.

mod play;
mod verbs;

use std::collections::BTreeSet;

use super::*;

/// The verb list of the interface, as far as it is built: one line a form.
const DOCUMENTED: &[&str] = &[
    "up",
    "up --handle alice --http 127.0.0.1:0 --listen /ip4/127.0.0.1/udp/0/quic-v1 --listen /ip4/127.0.0.1/tcp/0 --no-mdns --no-demo-agent --open",
    "down",
    "status",
    "status --watch",
    "id",
    "open",
    "open --print",
    "invite create",
    "invite create --as bob --expires 24h",
    "invite list",
    "invite revoke abc",
    "join TICKET",
    "recovery show",
    "member list",
    "member revoke 0A1b2c3d --keep-none",
    "member remove @bob",
    "session new --agent scribe -m hello --continues qs-01JZ",
    "peer list",
    "peer add /ip4/127.0.0.1/udp/4001/quic-v1",
    "sync status",
    "sync status qs-01JZZZZZZZZZZZZZZZZZZZZZZZ",
    "sync wait",
    "sync wait --timeout 30s",
    "sync pause",
    "sync resume",
    "session new --agent @scribe -m Hello",
    "session new --agent scribe -m - --id qs-01JZZZZZZZZZZZZZZZZZZZZZZZ --request-id r1 --follow",
    "session list",
    "session list --archived --agent scribe",
    "session show session:qs-01JZZZZZZZZZZZZZZZZZZZZZZZ:L000001",
    "session send qs-01JZ Hello --request-id r1",
    "session send 01jz -",
    "session follow qs-01JZ",
    "session allow qs-01JZ 3",
    "session deny qs-01JZ 3",
    "session stop qs-01JZ",
    "session retry qs-01JZ",
    "session title qs-01JZ Title",
    "session reply qs-01JZ Text",
    "session reply qs-01JZ -",
    "session summarize qs-01JZ Text",
    "session summarize qs-01JZ -",
    "session archive qs-01JZ",
    "session unarchive qs-01JZ",
    "session ref qs-01JZ:3",
    "agent add scribe --demo",
    "agent add scribe --demo --script steps.txt",
    "agent add claude --cwd /tmp --env KEY --env OTHER --allow alice --allow bob --acp npx -y acp --json",
    "agent add codex --exec codex",
    "agent add codex --exec codex npx codex -c model=x --json",
    "agent list",
    "agent detect",
    "agent test claude",
    "agent test @claude --timeout 2m",
    "agent logs claude",
    "agent remove scribe",
    "agent add scribe --demo --force --permissions creator --on-interrupt retry --turn-timeout 2m --silence-timeout 30s --turns-per-hour 5",
    "agent handover scribe 0a1b",
    "agent demo",
    "agent demo --script steps.txt",
    "mcp",
    "export",
    "restore export.git",
    "restore /backup/clone --recovery recovery.key",
    "verify",
    "events",
    "events --since 12",
    "doctor",
    "logs",
    "logs -f --since 3",
    "agent logs claude -f",
    "peer ping bob",
    "peer ping 3f9a21c0 --count 10",
    "config get",
    "config get listen.http",
    "config set label x",
    "config set peers /ip4/192.0.2.1/tcp/1 /ip4/192.0.2.2/tcp/1",
    "config set export.remote --unset",
    "config path",
    "config check",
    "service install",
    "service install --print",
    "service uninstall",
    "service status",
    "man pages",
    "completion bash",
    "completion zsh",
    "completion fish",
    "agent-guard -- sh -c true --json",
];

fn words(line: &str) -> Vec<OsString> {
    std::iter::once("starling").chain(line.split_whitespace()).map(OsString::from).collect()
}

fn parse_line(line: &str) -> Result<Invocation, Failure> {
    parse(words(line), &mut io::empty())
}

fn args(line: &str) -> Args {
    Args::try_parse_from(words(line)).unwrap_or_else(|error| panic!("{line}: {error}"))
}

#[test]
fn every_documented_verb_is_understood() {
    for line in DOCUMENTED {
        parse_line(line).unwrap_or_else(|failure| panic!("{line}: {failure}"));
    }
}

#[test]
fn every_verb_is_documented_and_has_an_example() {
    fn leaves(command: &clap::Command, path: &str, found: &mut BTreeSet<String>) {
        for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
            let path = format!("{path} {}", sub.get_name()).trim().to_owned();
            let example = sub.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(example.contains("starling "), "`{path}` has no example");
            if sub.has_subcommands() {
                leaves(sub, &path, found);
            } else {
                found.insert(path);
            }
        }
    }
    let mut found = BTreeSet::new();
    leaves(&Args::command(), "", &mut found);
    for verb in &found {
        let has = |line: &&str| *line == verb || line.starts_with(&format!("{verb} "));
        assert!(DOCUMENTED.iter().any(has), "`{verb}` is not in the list");
    }
    Args::command().debug_assert();
}

#[test]
fn global_options_stand_before_or_after_the_verb() {
    for line in [
        "--home /h --json --quiet --timeout 5s --socket /s session list",
        "session list --home /h --json --quiet --timeout 5s --socket /s",
        "session --json --quiet list --home /h --timeout 5s --socket /s",
        "--json session -q list --timeout=5s --home=/h --socket=/s",
    ] {
        let global = args(line).global;
        assert_eq!(global.home.as_deref(), Some("/h".as_ref()), "{line}");
        assert_eq!(global.socket.as_deref(), Some("/s".as_ref()), "{line}");
        assert_eq!(global.timeout, Some(Duration::from_secs(5)), "{line}");
        assert!(global.json && global.quiet, "{line}");
    }
}

#[test]
fn a_text_may_begin_with_a_hyphen_and_options_may_follow() {
    let mut line = words("session send qs-01JZ");
    line.extend(["- one".into(), "--json".into()]);
    let read = Args::try_parse_from(line).unwrap();
    assert!(read.global.json);
    let Verb::Session(args::SessionVerb::Send { text, .. }) = read.verb else {
        panic!("not a send");
    };
    assert_eq!(text.take(&mut io::empty()).unwrap().as_str(), "- one");
}

#[test]
fn an_agents_command_keeps_its_own_options() {
    let Verb::Agent(AgentVerb::Add { acp, .. }) = args("agent add a --acp npx -y pkg --json --home x").verb
    else {
        panic!("not an add");
    };
    assert_eq!(acp, ["npx", "-y", "pkg", "--json", "--home", "x"]);
    let Ok(Invocation::AgentGuard { command, bounds: Bounds { input_bytes: None, memory_mb: None } }) =
        parse_line("agent-guard -- sh -c true --json")
    else {
        panic!("not a guard");
    };
    assert_eq!(command, ["sh", "-c", "true", "--json"]);
}

#[test]
fn wrong_words_have_the_codes_of_the_node() {
    let long = "x".repeat(65_537);
    let title = "好".repeat(81);
    for (line, code) in [
        ("session show nonsense!", "invalid_quick_session_id"),
        ("session show session:qs-1", "invalid_reference"),
        ("session ref qs-01JZZZZZZZZZZZZZZZZZZZZZZZ:x", "invalid_reference"),
        ("session new --agent A -m x", "invalid_handle"),
        ("session new --agent a -m x --id qs-1", "invalid_quick_session_id"),
        (&format!("session send qs-01JZ {long}"), "invalid_message"),
        (&format!("session title qs-01JZ {title}"), "invalid_title"),
        ("session send qs-01JZ x --reply-to y", "invalid_field"),
        ("peer add nowhere", "invalid_field"),
        ("up --http 0.0.0.0:80", "invalid_field"),
        ("up --listen /foo/bar", "invalid_field"),
        ("up --listen /ip4/127.0.0.1", "invalid_field"),
        ("up --handle a--b", "invalid_handle"),
        ("agent add a --env K=V --demo", "invalid_field"),
        ("sync wait --timeout soon", "invalid_field"),
        ("invite revoke ../x", "invalid_field"),
        ("session new --agent a", "usage"),
        ("session new --agent a -m x --unknown", "usage"),
        ("agent add a", "usage"),
        ("agent add a --demo --acp x", "usage"),
        ("agent add a --script f --acp x", "usage"),
        ("session", "usage"),
        ("", "usage"),
        ("fly", "usage"),
        ("completion klingon", "usage"),
        ("events --since x", "usage"),
    ] {
        let failure = parse_line(line).expect_err(line);
        assert_eq!((failure.exit, failure.code.as_str()), (Exit::Usage, code), "{line}: {failure}");
        assert!(!failure.detail.contains('\n'), "{failure}");
        assert!(failure.hint.is_some(), "{line}");
    }
}

#[test]
fn a_refusal_before_the_call_is_told_as_the_nodes_own() {
    let mut line = words("session new --agent a --json -m");
    line.push("  ".into());
    let failure = parse(line, &mut io::empty()).unwrap_err();
    assert_eq!(failure.exit, Exit::Usage);
    let document = failure.to_document();
    assert_eq!(document["status"], 422, "{document}");
    assert_eq!(document["type"], "urn:starling:problem:invalid_message");
}

#[test]
fn help_and_version_are_no_failures() {
    for line in ["--help", "--version", "session --help", "session new --help", "agent add -h"] {
        let Ok(Invocation::Text(text)) = parse_line(line) else {
            panic!("{line}");
        };
        assert!(text.contains("starling"), "{line}");
    }
}

#[test]
fn up_and_join_come_as_plain_options() {
    let Ok(Invocation::Up(up)) = parse_line("--home /h up --handle @alice --no-mdns --http 127.0.0.1:0")
    else {
        panic!("not up");
    };
    assert_eq!(up.home.dir(), std::path::Path::new("/h"));
    assert_eq!(up.handle.unwrap().as_str(), "alice");
    assert!(!up.mdns && up.demo_agent && !up.open);
    let mut ticket = &b"tick-et\n"[..];
    let joined = parse(words("join - --label desk --timeout 3s --home /h"), &mut ticket);
    let Ok(Invocation::Join(join)) = joined else {
        panic!("not join");
    };
    assert_eq!((join.ticket.as_str(), join.label.as_deref()), ("tick-et", Some("desk")));
    assert_eq!(join.timeout, Some(Duration::from_secs(3)));
}

#[test]
fn json_is_wanted_only_before_the_end_of_options() {
    assert!(wants_json(&words("session list --json")));
    assert!(!wants_json(&words("agent-guard -- x --json")));
}

#[test]
fn a_home_that_is_in_use_is_explained() {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::at(dir.path()).unwrap();
    home.create().unwrap();
    home.write_endpoint(&crate::config::Endpoint {
        http: "http://127.0.0.1:1".to_owned(),
        socket: home.socket(),
        pid: 4_711,
    })
    .unwrap();
    let _held = home.lock().unwrap();
    let failure = Failure::from(home.lock().unwrap_err());
    assert_eq!((failure.exit, failure.code.as_str()), (Exit::Conflict, "already_running"));
    assert_eq!(failure, Failure::already_running(&home));
    assert!(failure.hint.as_deref().unwrap().contains("starling down"));
    assert!(failure.detail.contains("4711"), "{failure}");
}
