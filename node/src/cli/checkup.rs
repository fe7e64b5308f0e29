//! `starling doctor`: the node's own checks while it runs; without one, what can be seen from the files, with the store
//! opened for a moment. A check that failed makes the exit status 1, so that scripts can ask.

use serde_json::{Value, json};

use super::Context;
use super::client::{Call, paths};
use super::failure::{Exit, Failure};
use super::model::{Check, Checks};
use super::render::{self, count};
use crate::doctor;

/// Checks the node and its home.
pub(super) async fn run(cx: &mut Context) -> Result<(), Failure> {
    let document = match cx.client.ask(Call::get(paths::DOCTOR)).await {
        Ok(answer) => answer.parse::<Value>()?,
        Err(failure) if failure.exit == Exit::NotRunning => without_node(cx),
        Err(failure) => return Err(failure),
    };
    if cx.out.json {
        cx.out.document(document.to_string().as_bytes())?;
    }
    let checks = serde_json::from_value::<Checks>(document).unwrap_or_default().checks;
    if !cx.out.json {
        let text = render::node::checks(&checks);
        cx.out.data(&text)?;
    }
    conclude(cx, &checks)
}

fn conclude(cx: &mut Context, checks: &[Check]) -> Result<(), Failure> {
    let number = |state: &str| checks.iter().filter(|check| check.state == state).count();
    let (failed, warned) = (number("fail"), number("warn"));
    if failed == 0 {
        cx.out.note(&match warned {
            0 => "all is well".to_owned(),
            _ => format!("it works; {} to look at", count(warned, "thing")),
        });
        return Ok(());
    }
    let detail = format!("{} of {} checks failed", failed, checks.len());
    let hint = checks.iter().find(|check| check.state == "fail").and_then(|check| check.hint.clone());
    let failure = Failure::new(Exit::Failed, "not_well", detail);
    Err(hint.into_iter().fold(failure, Failure::hint))
}

/// The same document, from the files alone.
fn without_node(cx: &Context) -> Value {
    let home = &cx.home;
    let mut checks =
        vec![doctor::Check::warn("node", "Node", "no node runs in this home", "`starling up` starts it")];
    checks.extend(doctor::of_home(home, cx.now_ms()));
    if home.store().exists() {
        let path = std::env::var_os("PATH").unwrap_or_default();
        match (cx.ambient.hosted)(home) {
            Ok(agents) => {
                checks.push(doctor::Check::ok("store", "Store", "it opens, and names its workspace"));
                let agents = agents.iter().map(|(handle, profile)| (handle, profile));
                checks.extend(doctor::of_agents(agents, &path));
            }
            Err(failure) => {
                let hint = failure.hint.unwrap_or_else(|| "`starling verify` says more".to_owned());
                checks.push(doctor::Check::fail("store", "Store", failure.detail, hint));
            }
        }
    }
    checks.extend(doctor::of_ports(home));
    let check = |it: doctor::Check| json!({ "id": it.id, "title": it.title, "state": it.state.as_str(), "detail": it.detail, "hint": it.hint });
    json!({ "checks": checks.into_iter().map(check).collect::<Vec<_>>() })
}
