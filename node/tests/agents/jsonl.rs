//! Command line agents: shell scripts that print what the real programs print, and behave as badly as they do.

use std::time::Duration;

use serde_json::json;
use starling_node::agent::jsonl::{CLAUDE, CODEX, GEMINI, OPENCODE, Profile};
use starling_node::agent::prompt::title_follow_up;
use starling_node::agent::{FailReason, Phase, Prompt, StopReason, TurnEnd, TurnEvent};

use super::harness::{
    Bench, SECRET, failure_of, processes_in, processes_with, prompt, text_of, until, within,
};

const INIT: &str = r#"echo '{"type":"system","subtype":"init","session_id":"s-1"}'"#;
const DONE: &str = r#"echo '{"type":"result","subtype":"success","is_error":false,"session_id":"s-1"}'"#;

fn say(text: &str) -> String {
    format!(r#"echo '{{"type":"assistant","message":{{"content":[{{"type":"text","text":"{text}"}}]}}}}'"#)
}

/// A script in the language of Claude.
fn claude(steps: &[&str]) -> Bench {
    Bench::jsonl(&CLAUDE, &steps.join("\n"))
}

/// What a script wrote into a file of its directory.
fn written(bench: &Bench, name: &str) -> String {
    std::fs::read_to_string(bench.dir.path().join(name)).unwrap_or_default()
}

#[tokio::test]
async fn a_command_reads_the_prompt_on_stdin_and_answers_through_the_door() {
    // Its third door: our own command line, with what is in its environment.
    let door = format!(
        "'{exe}' session title qs-01JZZZZZZZZZZZZZZZZZZZZZZZ 'Trip' >&2; \
         '{exe}' session reply qs-01JZZZZZZZZZZZZZZZZZZZZZZZ Rome >&2",
        exe = super::harness::exe().display()
    );
    let bench = claude(&["cat > heard", INIT, &door, &say("I answered."), DONE]);
    let (end, events) = bench.turn().await;
    assert_eq!(end, TurnEnd::Finished { text: "I answered.".to_owned(), stop: StopReason::EndTurn });
    assert_eq!(written(&bench, "heard"), prompt(None).afresh);
    let expected = vec![
        ("title".to_owned(), json!({ "title": "Trip" })),
        ("reply".to_owned(), json!({ "body": "Rome" })),
    ];
    assert_eq!(bench.daemon.calls(), expected, "{}", bench.driver.stderr_tail());
    assert_eq!(events, [], "a whole message was shown in pieces before");
    assert!(bench.processes().is_empty());
    bench.finish().await;
}

#[tokio::test]
async fn the_secret_is_in_the_environment_and_in_no_argument() {
    for profile in [&CLAUDE, &CODEX, &GEMINI, &OPENCODE] {
        let script = "printf '%s\\n' \"$@\" > words; env > environment; exec sleep 600";
        let bench = Bench::jsonl(profile, script);
        let (mut turn, _events) = bench.open().await.unwrap();
        let look = async {
            until("it runs", || written(&bench, "environment").contains("STARLING_SOCKET=")).await;
            assert!(processes_with(SECRET).is_empty());
            assert!(processes_with("Plan the trip").is_empty(), "nor is the prompt");
            bench.cancel.cancel();
        };
        let (end, ()) = within(async { tokio::join!(turn.prompt(prompt(None)), look) }).await;
        assert_eq!(end, TurnEnd::Cancelled);
        let environment = written(&bench, "environment");
        assert!(environment.contains(&format!("STARLING_TURN_SECRET={SECRET}")), "{environment}");
        assert!(!environment.contains("CARGO"), "{environment}");
        assert!(!written(&bench, "words").contains(SECRET));
        drop(turn);
        bench.finish().await;
    }
}

#[tokio::test]
async fn a_follow_up_starts_the_command_again_in_the_same_session() {
    let steps = ["echo \"$*\" >> words", "cat > heard", INIT, &say("no title"), DONE];
    let bench = claude(&steps);
    let (mut turn, _events) = bench.open().await.unwrap();
    assert_eq!(text_of(&within(turn.prompt(prompt(None))).await), "no title");
    assert_eq!(turn.resume_token().as_deref(), Some("s-1"));
    assert_eq!(text_of(&within(turn.prompt(title_follow_up().to_owned().into())).await), "no title");
    assert_eq!(written(&bench, "heard"), title_follow_up());
    let words: Vec<bool> =
        written(&bench, "words").lines().map(|line| line.contains("--resume s-1")).collect();
    assert_eq!(words, [false, true]);
    within(turn.close()).await;
    bench.finish().await;
}

fn all_or_new() -> Prompt {
    Prompt { afresh: "all".to_owned(), resumed: "new".to_owned() }
}

#[tokio::test]
async fn a_session_that_goes_on_hears_only_what_is_new() {
    let bench = claude(&["cat > heard", INIT, DONE]);
    for (token, heard) in [(None, "all"), (Some("s-1"), "new")] {
        let (mut request, _events) = bench.request();
        request.resume = token.map(str::to_owned);
        let mut turn = within(bench.driver.open(request)).await.unwrap();
        text_of(&within(turn.prompt(all_or_new())).await);
        assert_eq!(written(&bench, "heard"), heard);
        within(turn.close()).await;
    }
    bench.finish().await;
}

/// Refuses to resume as `profile` does, and answers otherwise.
async fn loses_its_token(profile: &'static Profile, refusal: &str, answer: &str) {
    let script =
        format!("echo run >> runs\ncase \"$*\" in *old-token*) {refusal};; *) cat > heard; {answer};; esac");
    let bench = Bench::jsonl(profile, &script);
    let (mut request, _events) = bench.request();
    request.resume = Some("old-token".to_owned());
    let mut turn = within(bench.driver.open(request)).await.unwrap();
    let end = within(turn.prompt(all_or_new())).await;
    assert!(matches!(end, TurnEnd::Finished { .. }), "{}: {end:?}", profile.name);
    assert_eq!(written(&bench, "runs"), "run\nrun\n");
    assert_eq!(written(&bench, "heard"), "all", "it knows nothing now");
    assert_ne!(turn.resume_token().as_deref(), Some("old-token"));
    within(turn.close()).await;
    bench.finish().await;
}

#[tokio::test]
async fn a_token_that_is_refused_is_lost_and_the_turn_goes_on() {
    let refusal = r#"echo '{"type":"result","subtype":"error_during_execution","is_error":true,"errors":["No conversation found"]}'; exit 1"#;
    loses_its_token(&CLAUDE, refusal, DONE).await;
    let refusal = "echo 'no rollout found for thread id' >&2; exit 1";
    loses_its_token(&CODEX, refusal, r#"echo '{"type":"turn.completed","usage":{}}'"#).await;
    let refusal = "echo 'Invalid session identifier' >&2; exit 42";
    loses_its_token(&GEMINI, refusal, r#"echo '{"type":"result","status":"success"}'"#).await;
    let refusal = "echo 'Error: Session not found' >&2; exit 1";
    loses_its_token(&OPENCODE, refusal, r#"echo '{"type":"step_finish","part":{"reason":"stop"}}'"#).await;
}

#[tokio::test]
async fn a_session_lost_between_two_prompts_hears_both_of_them() {
    let lost = "case \"$*\" in *--resume*) echo gone >&2; exit 1;; esac; cat > heard";
    let bench = claude(&[lost, INIT, DONE]);
    let (mut turn, _events) = bench.open().await.unwrap();
    within(turn.prompt(prompt(None))).await;
    let end = within(turn.prompt(title_follow_up().to_owned().into())).await;
    assert_eq!(text_of(&end), "");
    assert_eq!(written(&bench, "heard"), format!("{}\n\n{}", prompt(None).afresh, title_follow_up()));
    within(turn.close()).await;
    bench.finish().await;
}

#[tokio::test]
async fn an_agent_that_failed_after_it_had_worked_is_not_run_again() {
    let bench = claude(&["echo run >> runs", INIT, &say("half"), "echo broken >&2; exit 3"]);
    let (mut request, _events) = bench.request();
    request.resume = Some("old-token".to_owned());
    let mut turn = within(bench.driver.open(request)).await.unwrap();
    let failure = failure_of(within(turn.prompt(prompt(None))).await);
    assert_eq!(failure.reason, FailReason::Crashed);
    assert_eq!(written(&bench, "runs"), "run\n");
    drop(turn);
    bench.finish().await;
}

#[tokio::test]
async fn exit_code_0_without_an_end_is_a_crash() {
    let bench = claude(&[INIT, &say("half a sen"), "printf '\\033[31minterrupted\\033[0m\\n' >&2", "exit 0"]);
    let (end, _events) = bench.turn().await;
    let TurnEnd::Failed { failure, text } = end else { panic!("{end:?}") };
    assert_eq!((failure.reason, text.as_str()), (FailReason::Crashed, "half a sen"));
    let detail =
        "the agent's process exited with code 0 without saying that it was done; stderr: interrupted";
    assert_eq!(failure.detail, detail);
    bench.finish().await;
}

#[tokio::test]
async fn a_failure_exit_after_the_end_is_no_failure() {
    let bench = claude(&[INIT, &say("fine"), DONE, "exit 9"]);
    assert_eq!(text_of(&bench.turn().await.0), "fine");
    bench.finish().await;
}

#[tokio::test]
async fn a_program_that_does_not_leave_after_its_end_is_ended() {
    let bench = claude(&[INIT, &say("fine"), DONE, "trap '' TERM", "while :; do sleep 600; done"]);
    assert_eq!(text_of(&bench.turn().await.0), "fine");
    assert!(bench.processes().is_empty());
    bench.finish().await;
}

#[tokio::test]
async fn the_programs_own_words_tell_why_it_failed() {
    let failed = r#"echo '{"type":"result","is_error":true,"result":"API Error: the model is down"}'"#;
    let failure = failure_of(claude(&[INIT, failed]).turn().await.0);
    assert_eq!(
        (failure.reason, failure.detail.as_str()),
        (FailReason::Refused, "API Error: the model is down")
    );
    let login =
        r#"echo '{"type":"result","is_error":true,"result":"Not logged in · Please run /login"}'; exit 1"#;
    let failure = failure_of(claude(&[login]).turn().await.0);
    assert_eq!(failure.reason, FailReason::LoginRequired);
    let key = "echo 'you must specify the GEMINI_API_KEY environment variable.' >&2; exit 41";
    let failure = failure_of(Bench::jsonl(&GEMINI, key).turn().await.0);
    assert_eq!(failure.reason, FailReason::LoginRequired);
    assert!(failure.detail.contains("GEMINI_API_KEY"), "{failure}");
}

#[tokio::test]
async fn a_command_that_does_not_exist_is_said_plainly() {
    let bench = Bench::jsonl(&CLAUDE, "exec /nowhere/claude");
    assert_eq!(failure_of(bench.turn().await.0).reason, FailReason::SpawnFailed);
    bench.finish().await;
}

#[tokio::test]
async fn a_provider_that_is_tried_again_for_ever_is_silence() {
    let again = r#"while :; do echo '{"type":"error","message":"Reconnecting... 1/5"}'; sleep 0.05; done"#;
    let mut bench = Bench::jsonl(&CODEX, again);
    bench.limits.silence = Duration::from_millis(600);
    let failure = failure_of(bench.turn().await.0);
    assert_eq!(failure.reason, FailReason::TimedOut(Phase::Silence));
    assert!(failure.detail.ends_with("it said: Reconnecting... 1/5"), "{failure}");
    assert!(bench.processes().is_empty());
    bench.finish().await;
}

#[tokio::test]
async fn the_wall_limit_holds_for_a_command_that_keeps_talking() {
    let mut bench = claude(&[INIT, &format!("while :; do {}; sleep 0.05; done", say("still here"))]);
    bench.limits.wall = Duration::from_secs(1);
    assert_eq!(failure_of(bench.turn().await.0).reason, FailReason::TimedOut(Phase::Wall));
    bench.finish().await;
}

#[tokio::test]
async fn a_stopped_turn_ends_the_command_whatever_it_says_last() {
    let steps = ["trap 'exit 0' TERM INT", INIT, "while :; do sleep 0.05; done"];
    let bench = claude(&steps);
    let (mut turn, _events) = bench.open().await.unwrap();
    let stop = async {
        until("it runs", || bench.processes().len() >= 2).await;
        bench.cancel.cancel();
    };
    let (end, ()) = within(async { tokio::join!(turn.prompt(prompt(None)), stop) }).await;
    assert_eq!(end, TurnEnd::Cancelled);
    assert!(bench.processes().is_empty());
    assert_eq!(failure_of(within(turn.prompt(prompt(None))).await).detail, "this turn is over");
    bench.finish().await;
}

#[tokio::test]
async fn a_turn_that_is_dropped_takes_its_command_along() {
    let bench = claude(&[INIT, "exec sleep 600"]);
    let (mut turn, _events) = bench.open().await.unwrap();
    let runs = async { until("it runs", || bench.processes().len() >= 2).await };
    tokio::select! {
        _ = turn.prompt(prompt(None)) => panic!("it ended"),
        () = runs => {}
    }
    drop(turn);
    let dir = bench.dir.path().to_owned();
    until("the command ends", || processes_in(&dir).is_empty()).await;
    bench.finish().await;
}

#[tokio::test]
async fn shutting_down_ends_the_command_and_every_later_turn() {
    let bench = claude(&[INIT, "exec sleep 600"]);
    let (mut turn, _events) = bench.open().await.unwrap();
    let stop = async {
        until("it runs", || bench.processes().len() >= 2).await;
        bench.driver.shutdown().await;
        assert!(bench.processes().is_empty());
    };
    let (end, ()) = within(async { tokio::join!(turn.prompt(prompt(None)), stop) }).await;
    assert_eq!(failure_of(end).reason, FailReason::ShuttingDown);
    drop(turn);
    assert_eq!(bench.open().await.err().unwrap().reason, FailReason::ShuttingDown);
    bench.finish().await;
}

#[tokio::test]
async fn a_line_without_end_does_not_fill_the_memory() {
    let bench = claude(&["yes | tr -d '\\n'"]);
    assert_eq!(failure_of(bench.turn().await.0).reason, FailReason::Protocol);
    bench.finish().await;
}

#[tokio::test]
async fn a_long_prompt_to_a_command_that_does_not_read_it_blocks_nobody() {
    let bench = claude(&[INIT, &say("I do not listen."), DONE]);
    let (mut turn, mut events) = bench.open().await.unwrap();
    let end = within(turn.prompt("x".repeat(500_000).into())).await;
    assert_eq!(text_of(&end), "I do not listen.");
    assert!(!matches!(events.try_recv(), Ok(TurnEvent::Text(_))));
    within(turn.close()).await;
    bench.finish().await;
}
