//! Turns of the demo agent, from the claim's point of view: what is called, what is seen, how it ends.

use std::time::Duration;

use serde_json::json;
use starling_node::agent::prompt::title_follow_up;
use starling_node::agent::{FailReason, Phase, StopReason, TurnEnd, TurnEvent};

use super::harness::{
    Bench, SECRET, failure_of, processes_in, processes_with, prompt, text_of, until, within,
};

#[tokio::test]
async fn by_default_a_turn_sets_a_title_and_replies_once() {
    let bench = Bench::demo();
    let (end, events) = bench.turn().await;
    assert_eq!(end, TurnEnd::Finished { text: String::new(), stop: StopReason::EndTurn });
    let answer = "I am the demo agent. You wrote: Plan the trip\nto Rome";
    let expected = vec![
        ("title".to_owned(), json!({ "title": "Plan the trip" })),
        ("reply".to_owned(), json!({ "body": answer })),
    ];
    assert_eq!(bench.daemon.calls(), expected);
    let done =
        |name: &str| TurnEvent::ToolCall { id: name.to_owned(), title: String::new(), status: "completed" };
    assert!(events.contains(&done("set_title")) && events.contains(&done("reply")), "{events:?}");
    bench.finish().await;
}

#[tokio::test]
async fn a_title_that_is_there_is_left_alone_and_one_process_serves_many_turns() {
    let bench = Bench::demo();
    bench.turn().await;
    let before = bench.processes();
    assert_eq!(before.len(), 2, "guard and agent: {before:?}");
    let (mut turn, _events) = bench.open().await.unwrap();
    within(turn.prompt(prompt(Some("Rome")))).await;
    within(turn.close()).await;
    let calls: Vec<_> = bench.daemon.calls().into_iter().map(|(call, _)| call).collect();
    assert_eq!(calls, ["title", "reply", "reply"]);
    assert_eq!(bench.processes(), before);
    bench.finish().await;
}

#[tokio::test]
async fn a_reply_without_a_title_is_refused_in_plain_words_and_works_after_it() {
    let bench = Bench::script("reply too early\nset_title Second try\nreply now\nsummarize all said\n");
    let (end, events) = bench.turn().await;
    let refusal = "quick_session_title_required: call set_title first, then reply again";
    assert_eq!(text_of(&end), refusal);
    let failed = TurnEvent::ToolCall { id: "reply".to_owned(), title: String::new(), status: "failed" };
    assert!(events.contains(&failed), "{events:?}");
    let expected = vec![
        ("title".to_owned(), json!({ "title": "Second try" })),
        ("reply".to_owned(), json!({ "body": "now" })),
        ("summary".to_owned(), json!({ "summary": "all said" })),
    ];
    assert_eq!(bench.daemon.calls(), expected);
    bench.finish().await;
}

#[tokio::test]
async fn skipping_the_title_ends_the_turn_with_text_and_a_follow_up_reaches_the_same_session() {
    let bench = Bench::script("skip_title\nset_title never reached\n");
    let (mut turn, _events) = bench.open().await.unwrap();
    for text in [prompt(None), title_follow_up().to_owned().into()] {
        let end = within(turn.prompt(text)).await;
        assert!(text_of(&end).starts_with("quick_session_title_required: "), "{end:?}");
    }
    within(turn.close()).await;
    assert!(bench.daemon.calls().is_empty());
    bench.finish().await;
}

#[tokio::test]
async fn activity_is_seen_and_foreign_permissions_are_refused() {
    let bench = Bench::script("# a show\nsay looking\n\ntool grep\nask_permission rm -rf /\nsay found it\n");
    let (end, events) = bench.turn().await;
    assert_eq!(text_of(&end), "permission refused\nfound it");
    assert!(events.contains(&TurnEvent::Text("looking\n".to_owned())), "{events:?}");
    assert!(
        events.contains(&TurnEvent::Permission { title: "rm -rf /".to_owned(), allowed: false }),
        "{events:?}"
    );
    let grep = |event: &TurnEvent| matches!(event, TurnEvent::ToolCall { title, .. } if title == "grep");
    assert!(events.iter().any(grep), "{events:?}");
    bench.finish().await;
}

#[tokio::test]
async fn a_turn_can_be_stopped_and_the_process_goes_on() {
    let bench = Bench::script("say wait\nsleep 600000\n");
    let (mut turn, mut events) = bench.open().await.unwrap();
    let stop = async {
        assert_eq!(within(events.recv()).await, Some(TurnEvent::Text("wait\n".to_owned())));
        bench.cancel.cancel();
    };
    let (end, ()) = within(async { tokio::join!(turn.prompt(prompt(None)), stop) }).await;
    assert_eq!(end, TurnEnd::Cancelled);
    let again = within(turn.prompt(prompt(None))).await;
    assert_eq!(failure_of(again).detail, "this turn is over");
    within(turn.close()).await;
    let dir = bench.dir.path().display().to_string();
    assert!(!processes_with(&dir).is_empty(), "the process serves the next turn");
    bench.finish().await;
}

#[tokio::test]
async fn a_crash_fails_the_turn_and_the_next_one_gets_a_new_process() {
    let bench = Bench::script("say about to fall\ncrash\n");
    for _ in 0..2 {
        let (end, _events) = bench.turn().await;
        let TurnEnd::Failed { failure, text } = end else { panic!("{end:?}") };
        assert_eq!(failure.reason, FailReason::Crashed);
        assert_eq!(failure.detail, "the agent's process exited with code 101");
        assert_eq!(text, "about to fall");
    }
    bench.finish().await;
}

#[tokio::test]
async fn silence_ends_a_turn_that_hangs_and_its_process() {
    let mut bench = Bench::script("say thinking\nhang\n");
    bench.limits.silence = Duration::from_millis(500);
    let (end, _events) = bench.turn().await;
    let TurnEnd::Failed { failure, text } = end else { panic!("{end:?}") };
    assert_eq!(failure.reason, FailReason::TimedOut(Phase::Silence));
    assert_eq!((failure.detail.as_str(), text.as_str()), ("nothing was heard for 0.5 s", "thinking"));
    assert!(bench.processes().is_empty(), "{:?}", bench.processes());
    bench.finish().await;
}

#[tokio::test]
async fn the_wall_limit_holds_for_an_agent_that_keeps_talking() {
    let mut bench = Bench::script(&"say still here\nsleep 100\n".repeat(300));
    bench.limits.wall = Duration::from_secs(2);
    let (end, _events) = bench.turn().await;
    assert_eq!(failure_of(end).reason, FailReason::TimedOut(Phase::Wall));
    bench.finish().await;
}

#[tokio::test]
async fn a_bad_script_is_named_with_its_line() {
    let bench = Bench::script("say hi\n\nshout\n");
    let failure = bench.open().await.err().unwrap();
    assert_eq!(failure.reason, FailReason::Crashed);
    assert!(failure.detail.contains("line 3: unknown step `shout`"), "{failure}");
    assert!(bench.driver.stderr_tail().contains("line 3"));
    bench.finish().await;
}

#[tokio::test]
async fn a_command_that_does_not_exist_is_said_plainly() {
    let bench = Bench::command(&["/nowhere/agent"]);
    let failure = bench.open().await.err().unwrap();
    assert_eq!(failure.reason, FailReason::SpawnFailed);
    assert!(failure.detail.contains("cannot start the agent `/nowhere/agent`"), "{failure}");
    bench.finish().await;
}

#[tokio::test]
async fn an_agent_that_never_shakes_hands_is_given_up() {
    let mut bench = Bench::command(&["sh", "-c", "echo no protocol >&2; exec sleep 600"]);
    bench.limits.initialize = Duration::from_millis(300);
    let failure = bench.open().await.err().unwrap();
    assert_eq!(failure.reason, FailReason::TimedOut(Phase::Initialize));
    assert!(failure.detail.contains("no protocol"), "{failure}");
    bench.finish().await;
}

#[tokio::test]
async fn an_agent_sees_an_allow_list_of_the_environment() {
    let bench = Bench::command(&["sh", "-c", "env >&2; exit 3"]);
    let failure = bench.open().await.err().unwrap();
    assert!(failure.detail.starts_with("the agent's process exited with code 3"), "{failure}");
    let seen = bench.driver.stderr_tail();
    assert!(seen.contains("PATH="), "{seen}");
    assert!(!seen.contains("CARGO"), "{seen}");
    bench.finish().await;
}

#[tokio::test]
async fn the_secret_is_in_no_argument_list_and_not_in_the_agents_environment() {
    let bench = Bench::script("set_title T\nsay ready\nsleep 600000\n");
    let (mut turn, mut events) = bench.open().await.unwrap();
    let look = async {
        while within(events.recv()).await != Some(TurnEvent::Text("ready\n".to_owned())) {}
        assert!(processes_with(SECRET).is_empty());
        let (shims, agents): (Vec<_>, Vec<_>) =
            bench.processes().into_iter().partition(|(_, arguments)| arguments.trim_end().ends_with(" mcp"));
        assert_eq!((shims.len(), agents.len()), (1, 2), "shim, guard and agent: {shims:?} {agents:?}");
        for (pid, _) in agents {
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap();
            assert!(!String::from_utf8_lossy(&environment).contains(SECRET));
        }
        bench.cancel.cancel();
    };
    let (end, ()) = within(async { tokio::join!(turn.prompt(prompt(None)), look) }).await;
    assert_eq!(end, TurnEnd::Cancelled);
    drop(turn);
    bench.finish().await;
}

#[tokio::test]
async fn a_daemon_that_is_gone_is_a_tool_error_and_not_a_crash() {
    let bench = Bench::script("set_title T\n");
    let (mut request, _events) = bench.request();
    request.door.socket = bench.dir.path().join("gone.sock");
    let mut turn = within(bench.driver.open(request)).await.unwrap();
    let end = within(turn.prompt(prompt(None))).await;
    assert!(text_of(&end).starts_with("daemon_unreachable: "), "{end:?}");
    within(turn.close()).await;
    bench.finish().await;
}

#[tokio::test]
async fn shutting_down_fails_the_running_turn_and_every_later_one() {
    let bench = Bench::script("say on it\nsleep 600000\n");
    let (mut turn, mut events) = bench.open().await.unwrap();
    let stop = async {
        within(events.recv()).await;
        bench.driver.shutdown().await;
    };
    let (end, ()) = within(async { tokio::join!(turn.prompt(prompt(None)), stop) }).await;
    assert_eq!(failure_of(end).reason, FailReason::Crashed);
    drop(turn);
    assert_eq!(bench.open().await.err().unwrap().reason, FailReason::ShuttingDown);
    bench.finish().await;
}

#[tokio::test]
async fn a_driver_that_is_dropped_takes_its_process_along() {
    let bench = Bench::demo();
    bench.turn().await;
    let Bench { dir, driver, .. } = bench;
    assert_eq!(processes_in(dir.path()).len(), 2);
    drop(driver);
    until("the process ends", || processes_in(dir.path()).is_empty()).await;
}
