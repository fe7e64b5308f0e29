//! Agents that are not ours: a few lines of shell that speak just enough of the protocol, well or badly.

use std::time::Duration;

use starling_node::agent::{FailReason, LiveTurn, Phase, TurnFailure};

use super::harness::{Bench, failure_of, prompt, text_of, within};

/// Answers by method; `$id` is the request's id. Every request's method and session go to stderr.
fn agent(answers: &str) -> String {
    format!(
        r#"while read -r line; do
             id=$(printf %s "$line" | sed -n 's/.*"id":\("[^"]*"\|[0-9]*\).*/\1/p')
             method=$(printf %s "$line" | sed -n 's/.*"method":"\([^"]*\)".*/\1/p')
             session=$(printf %s "$line" | sed -n 's/.*"sessionId":"\([^"]*\)".*/\1/p')
             echo "$method $session" >&2
             ok() {{ echo '{{"jsonrpc":"2.0","id":'"$id"',"result":'"$1"'}}'; }}
             no() {{ echo '{{"jsonrpc":"2.0","id":'"$id"',"error":'"$1"'}}'; }}
             case "$method" in {answers}
             esac
           done"#
    )
}

const HELLO: &str =
    r#"initialize) ok '{"protocolVersion":1,"agentCapabilities":{"sessionCapabilities":{"resume":{}}}}' ;;"#;
const LOADS: &str = r#"initialize) ok '{"protocolVersion":1,"agentCapabilities":{"loadSession":true}}' ;;"#;
const NEW: &str = r#"session/new) ok '{"sessionId":"fresh"}' ;;"#;
const DONE: &str = r#"session/prompt) ok '{"stopReason":"end_turn"}' ;;"#;

fn bench(answers: &[&str]) -> Bench {
    Bench::command(&["sh", "-c", &agent(&answers.join("\n"))])
}

async fn open_with(bench: &Bench, token: &str) -> Result<Box<dyn LiveTurn>, TurnFailure> {
    let (mut request, _events) = bench.request();
    request.resume = Some(token.to_owned());
    within(bench.driver.open(request)).await
}

#[tokio::test]
async fn a_session_is_resumed_by_its_token() {
    let bench = bench(&[HELLO, NEW, DONE, "session/resume) ok '{}' ;;"]);
    let mut turn = open_with(&bench, "old").await.unwrap();
    assert_eq!(turn.resume_token().as_deref(), Some("old"));
    assert_eq!(text_of(&within(turn.prompt(prompt(None))).await), "");
    within(turn.close()).await;
    assert_eq!(bench.driver.stderr_tail(), "initialize \nsession/resume old\nsession/prompt old\n");
    bench.finish().await;
}

#[tokio::test]
async fn a_session_is_loaded_where_it_cannot_be_resumed_and_the_replay_is_dropped() {
    let replay = r#"echo '{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"old","update":
        {"sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"long ago"}}}}' | tr -d '\n'; echo"#;
    let load = format!("session/load) {replay}; ok '{{}}' ;;");
    let bench = bench(&[LOADS, NEW, DONE, &load]);
    let mut turn = open_with(&bench, "old").await.unwrap();
    assert_eq!(text_of(&within(turn.prompt(prompt(None))).await), "");
    within(turn.close()).await;
    assert!(bench.driver.stderr_tail().contains("session/load old\nsession/prompt old\n"));
    bench.finish().await;
}

#[tokio::test]
async fn a_token_that_is_refused_is_lost_and_the_turn_goes_on() {
    let refuse = r#"session/resume) no '{"code":-32002,"message":"gone"}' ;;"#;
    let bench = bench(&[HELLO, NEW, DONE, refuse]);
    let mut turn = open_with(&bench, "old").await.unwrap();
    assert_eq!(turn.resume_token().as_deref(), Some("fresh"));
    assert_eq!(text_of(&within(turn.prompt(prompt(None))).await), "");
    within(turn.close()).await;
    bench.finish().await;
}

#[tokio::test]
async fn an_agent_that_wants_a_login_is_told_from_one_that_is_broken() {
    let refuse = r#"session/new) no '{"code":-32000,"message":"Authentication required"}' ;;"#;
    let bench = bench(&[HELLO, refuse]);
    let failure = bench.open().await.err().unwrap();
    assert_eq!(
        (failure.reason, failure.detail.as_str()),
        (FailReason::LoginRequired, "Authentication required")
    );
    bench.finish().await;
}

#[tokio::test]
async fn another_protocol_version_is_refused() {
    let bench = bench(&[r#"initialize) ok '{"protocolVersion":0}' ;;"#]);
    let failure = bench.open().await.err().unwrap();
    assert_eq!(failure.reason, FailReason::Protocol, "{failure}");
    bench.finish().await;
}

#[tokio::test]
async fn a_session_that_never_opens_is_given_up() {
    let mut bench = bench(&[HELLO, "session/new) ;;"]);
    bench.limits.open_session = Duration::from_millis(300);
    let failure = bench.open().await.err().unwrap();
    assert_eq!(failure.reason, FailReason::TimedOut(Phase::OpenSession));
    bench.finish().await;
}

#[tokio::test]
async fn noise_on_stdout_is_survived() {
    let noisy = r#"session/prompt) echo 'npm warn deprecated'; ok '{"stopReason":"end_turn"}' ;;"#;
    let bench = bench(&[HELLO, NEW, noisy]);
    let (end, _events) = bench.turn().await;
    assert_eq!(text_of(&end), "");
    bench.finish().await;
}

#[tokio::test]
async fn a_line_without_end_does_not_fill_the_memory() {
    let bench = bench(&[HELLO, NEW, "session/prompt) yes | tr -d '\\n' ;;"]);
    let (end, _events) = bench.turn().await;
    assert_eq!(failure_of(end).reason, FailReason::Crashed);
    bench.finish().await;
}
