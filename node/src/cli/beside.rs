//! `starling join` beside a running node: that node gives up its unused workspace and joins, in its own process and at its
//! own address; here is only waited until it is back. A node in use refuses, as it does to its page.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::client::{Call, Client, paths};
use super::failure::{Exit, Failure};
use super::model::Status;
use super::{JoinOptions, note};

/// Why a join came to nothing that may come to something later.
pub const INVITER_UNREACHABLE: &str = "the inviting device cannot be reached";

/// How long it is waited: as long as the node waits for the inviter, and a little for its stop and its start.
const TIMEOUT: Duration = Duration::from_secs(75);
/// Between two looks at the node.
const PAUSE: Duration = Duration::from_millis(100);

/// Has the node that runs in the home join `workspace`. Returns what was done, in a word or two.
///
/// # Errors
/// [`Failure`]: the home is locked by something else than a node, the node refuses, or the join came to nothing and it goes
/// on as it was.
pub async fn join_beside(options: &JoinOptions, workspace: &str) -> Result<&'static str, Failure> {
    let client = Client::new(&options.home.socket());
    let before = status(&client).await.map_err(|failure| match failure.exit {
        Exit::NotRunning => Failure::already_running(&options.home),
        _ => failure,
    })?;
    // A home that was restored has the workspace and no place in it, and one that was removed has lost it.
    if before.workspace == workspace && !before.revoked {
        return Ok("this device is a member already");
    }
    if options.label.is_some() {
        let detail = "a node that runs keeps its label";
        return Err(Failure::new(Exit::Usage, "invalid_field", detail)
            .hint("join without `--label`, or stop it first: `starling down`"));
    }
    client.ask(Call::post(paths::JOIN, json!({ "ticket": options.ticket }))).await?;
    if !options.quiet && !options.json {
        note("the running node calls the inviting device");
    }
    let deadline = Instant::now() + options.timeout.unwrap_or(TIMEOUT);
    while Instant::now() < deadline {
        match status(&client).await {
            Ok(now) if now.started_at == before.started_at => {}
            Ok(now) if now.workspace == workspace && !now.revoked => return Ok("joined"),
            Ok(Status { join_error: Some(why), .. }) => return Err(not_joined(why)),
            Ok(_) | Err(_) => {}
        }
        tokio::time::sleep(PAUSE).await;
    }
    let detail = "the running node still waits for the inviting device";
    Err(Failure::new(Exit::TimedOut, "inviter_unreachable", detail)
        .hint("start the inviting device; `starling status` shows what comes of it"))
}

fn not_joined(why: String) -> Failure {
    if why == INVITER_UNREACHABLE {
        return Failure::new(Exit::TimedOut, "inviter_unreachable", why)
            .hint("the node goes on as it was; start the inviting device, then join again");
    }
    Failure::new(Exit::NotAllowed, "not_joined", why)
        .hint("the node goes on as it was; ask for a new ticket if this one is used or withdrawn")
}

async fn status(client: &Client) -> Result<Status, Failure> {
    client.ask(Call::get(paths::STATUS)).await?.parse()
}
