//! Agents that are not ours: a few lines of shell that speak just enough of the protocol, well or badly.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use starling_node::agent::{FailReason, LiveTurn, PermissionDesk, Phase, TurnEnd, TurnFailure};
use tokio_util::sync::CancellationToken;

use super::harness::{Bench, exe, failure_of, prompt, text_of, within};

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
    assert_eq!(failure.reason, FailReason::LoginRequired);
    assert!(failure.detail.starts_with("Authentication required; log in with"), "{failure}");
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

/// Waits for the end of the turn, as a person does who is not there.
struct Nobody(CancellationToken);

impl PermissionDesk for Nobody {
    fn ask(&self, _title: String) -> BoxFuture<'static, bool> {
        let turn = self.0.clone();
        Box::pin(async move {
            turn.cancelled().await;
            false
        })
    }
}

/// An agent that is refused may go on with something else; one whose prompt is cancelled must not.
#[tokio::test]
async fn what_a_stopped_agent_asked_is_cancelled_and_not_refused() {
    let asks = r#"session/prompt) prompt=$id; echo '{"jsonrpc":"2.0","id":"ask","method":"session/request_permission",
        "params":{"sessionId":"fresh","toolCall":{"toolCallId":"c","title":"rm"},"options":[
        {"optionId":"no","name":"No","kind":"reject_once"},{"optionId":"yes","name":"Yes","kind":"allow_once"}]}}' \
        | tr -d '\n'; echo ;;
        session/cancel) cancelled=1; [ -n "$answered" ] && id=$prompt && ok '{"stopReason":"cancelled"}' ;;
        "") echo "$line" >&2; answered=1; [ -n "$cancelled" ] && id=$prompt && ok '{"stopReason":"cancelled"}' ;;"#;
    for by_person in [true, false] {
        let mut bench = bench(&[HELLO, NEW, asks]);
        if !by_person {
            bench.limits.wall = Duration::from_secs(2);
        }
        let (mut request, _events) = bench.request();
        request.desk = Some(Arc::new(Nobody(bench.cancel.clone())));
        let mut turn = within(bench.driver.open(request)).await.unwrap();
        let stop = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            if by_person {
                bench.cancel.cancel();
            }
        };
        let (end, ()) = within(async { tokio::join!(turn.prompt(prompt(None)), stop) }).await;
        if by_person {
            assert_eq!(end, TurnEnd::Cancelled);
        } else {
            assert_eq!(failure_of(end).reason, FailReason::TimedOut(Phase::Wall));
        }
        within(turn.close()).await;
        let heard = bench.driver.stderr_tail();
        assert!(heard.contains(r#""outcome":{"outcome":"cancelled"}"#), "{heard}");
        assert_eq!(bench.processes().len(), 2, "guard and agent: it did not have to be ended");
        bench.finish().await;
    }
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

const NAMED: &str = r#"initialize) ok '{"protocolVersion":1,"agentInfo":{"name":"helper","title":"The Helper","version":"2.1"},
    "agentCapabilities":{"loadSession":true}}' ;;"#;
const MODES: &str = r#"session/new) ok '{"sessionId":"fresh","modes":{"currentModeId":"build",
    "availableModes":[{"id":"build","name":"Build"},{"id":"plan","name":"Plan only"}]}}' ;;"#;
/// The way in which the protocol wants modes to be offered from now on; the old way says something else here.
const OPTIONS: &str = r#"session/new) ok '{"sessionId":"fresh","modes":{"currentModeId":"x","availableModes":[]},
    "configOptions":[{"id":"m","name":"Mode","category":"mode","type":"select","currentValue":"build",
    "options":[{"value":"build","name":"Build"},{"value":"plan","name":"Plan only"}]}]}' ;;"#;

fn in_mode(mode: &str, answers: &[&str]) -> Bench {
    let answers: Vec<String> = answers.iter().map(|answer| answer.replace("\n    ", " ")).collect();
    Bench::in_mode(mode, &["sh", "-c", &agent(&answers.join("\n"))])
}

#[tokio::test]
async fn an_agent_says_what_it_is_and_can_do() {
    for modes in [MODES, OPTIONS] {
        let bench = in_mode(
            "plan",
            &[NAMED, modes, "session/set_mode|session/set_config_option) ok '{\"configOptions\":[]}' ;;"],
        );
        let (turn, _events) = bench.open().await.unwrap();
        let able = turn.capabilities().unwrap();
        assert_eq!((able.program.as_deref(), able.resumes), (Some("The Helper 2.1"), true));
        let modes: Vec<_> = able.modes.iter().map(|mode| (mode.id.as_str(), mode.name.as_str())).collect();
        assert_eq!(modes, [("build", "Build"), ("plan", "Plan only")]);
        within(turn.close()).await;
        bench.finish().await;
    }
}

#[tokio::test]
async fn a_session_is_put_into_the_mode_of_its_agent() {
    for (modes, set) in [(MODES, "session/set_mode"), (OPTIONS, "session/set_config_option")] {
        let answer = format!("{set}) ok '{{\"configOptions\":[]}}' ;;");
        let bench = in_mode("plan", &[NAMED, modes, DONE, &answer]);
        let (mut turn, _events) = bench.open().await.unwrap();
        assert_eq!(text_of(&within(turn.prompt(prompt(None))).await), "");
        within(turn.close()).await;
        let said = bench.driver.stderr_tail();
        assert!(said.ends_with(&format!("{set} fresh\nsession/prompt fresh\n")), "{said}");
        bench.finish().await;
    }
}

#[tokio::test]
async fn a_mode_that_is_not_there_fails_with_those_that_are() {
    let bench = in_mode("nope", &[NAMED, MODES, DONE]);
    let failure = bench.open().await.err().unwrap();
    assert_eq!(failure.reason, FailReason::Refused);
    assert_eq!(failure.detail, "it has no mode \"nope\"; it has build, plan");
    bench.finish().await;

    let refuse = r#"session/set_mode) no '{"code":-32602,"message":"not now"}' ;;"#;
    let bench = in_mode("plan", &[NAMED, MODES, DONE, refuse]);
    let failure = bench.open().await.err().unwrap();
    assert_eq!(failure.detail, "it does not go into the mode \"plan\": not now");
    bench.finish().await;

    // Ours has none at all.
    let bench = Bench::in_mode("plan", &[exe().to_str().unwrap(), "agent", "demo"]);
    let failure = bench.open().await.err().unwrap();
    assert_eq!(failure.detail, "it has no modes, and is to be in \"plan\": add it without `--mode`");
    bench.finish().await;
}
