//! The endpoints of the workspace: agents and members. How an agent is run is checked for shape and size only;
//! whether its program exists shows when it is started.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::ask::Ask;
use super::dto;
use super::extract::{Input, NoInput, PathText};
use super::parse;
use super::policy::Policy;
use super::problem::Problem;
use crate::machine::exec::ExecProfile;
use crate::machine::input::{AgentKind, AgentProfile};
use crate::machine::request::{Answer, Request};

/// Program and arguments of an agent: a command line, not a script.
const COMMAND_PARTS_MAX: usize = 64;
/// Bytes of one argument or path, as much as Linux allows a path.
const PART_BYTES_MAX: usize = 4_096;
/// Names of variables, and handles, in an agent's profile.
const PROFILE_NAMES_MAX: usize = 64;
/// Bytes of an environment variable's name.
const VARIABLE_BYTES_MAX: usize = 128;
/// Bytes of a mode's name.
const MODE_BYTES_MAX: usize = 256;

/// Lists the workspace's agents.
#[utoipa::path(get, path = "/im/agents", tag = "workspace", responses((status = 200, body = dto::Agents), Problem))]
pub(super) async fn agents(State(ask): State<Ask>) -> Result<Json<dto::Agents>, Problem> {
    agents_of(ask.ask(Request::Agents).await?)
}

fn agents_of(answer: Answer) -> Result<Json<dto::Agents>, Problem> {
    match answer {
        Answer::Agents(agents) => Ok(Json(agents.into())),
        other => Err(Problem::unexpected(&other)),
    }
}

/// What kind of program an agent is.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Kind {
    /// The embedded demo agent.
    Demo,
    /// Any program that speaks ACP over stdio.
    Acp,
    /// A command line agent that is started anew for each prompt.
    Exec,
}

/// The command line agents that are known.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Profile {
    /// Claude Code: `claude -p --output-format stream-json`.
    Claude,
    /// Codex: `codex exec --json`.
    Codex,
    /// Gemini CLI: `gemini --output-format stream-json`.
    Gemini,
    /// OpenCode: `opencode run --format json`.
    Opencode,
}

impl From<Profile> for ExecProfile {
    fn from(profile: Profile) -> Self {
        match profile {
            Profile::Claude => Self::Claude,
            Profile::Codex => Self::Codex,
            Profile::Gemini => Self::Gemini,
            Profile::Opencode => Self::Opencode,
        }
    }
}

/// An agent to host on this device.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAgent {
    handle: String,
    kind: Kind,
    /// Path of the demo agent's script.
    script: Option<String>,
    /// Which program, for `exec`.
    profile: Option<Profile>,
    /// Program and arguments; needed for `acp`, for `exec` by default the profile's own program.
    #[serde(default)]
    #[schema(required = false)]
    command: Vec<String>,
    /// Absolute path of its working directory; default: a scratch directory of the node's.
    cwd: Option<String>,
    /// Names of environment variables that it may see beyond the usual ones.
    #[serde(default)]
    #[schema(required = false)]
    env: Vec<String>,
    /// Handles whose messages start turns; default: every member.
    #[serde(default)]
    #[schema(required = false)]
    allow: Vec<String>,
    /// The mode that its sessions are put into, by the agent's own name for it (ACP only).
    mode: Option<String>,
    /// What it may do on this device.
    #[serde(default)]
    #[schema(required = false)]
    policy: Policy,
    /// Take it from another device that hosts it and is gone.
    #[serde(default)]
    #[schema(required = false)]
    force: bool,
}

/// Hosts an agent on this device.
#[utoipa::path(
    post, path = "/im/agents", tag = "workspace", request_body = NewAgent,
    responses((status = 201, body = dto::Agents), Problem),
)]
pub(super) async fn add_agent(
    State(ask): State<Ask>,
    Input(new): Input<NewAgent>,
) -> Result<(StatusCode, Json<dto::Agents>), Problem> {
    let handle = parse::handle("handle", &new.handle)?;
    let force = new.force;
    let profile = profile(new)?;
    let answer = ask.ask(Request::AddAgent { handle, profile, force }).await?;
    Ok((StatusCode::CREATED, agents_of(answer)?))
}

fn profile(new: NewAgent) -> Result<AgentProfile, Problem> {
    let cwd = new.cwd.map(|path| absolute_path("cwd", path)).transpose()?;
    let env = bounded("env", new.env, PROFILE_NAMES_MAX)?;
    let allow = bounded("allow", new.allow, PROFILE_NAMES_MAX)?;
    Ok(AgentProfile {
        kind: kind(new.kind, new.script, new.profile, new.command)?,
        cwd,
        env: env.into_iter().map(variable).collect::<Result<_, _>>()?,
        allow: allow.iter().map(|text| parse::handle("allow", text)).collect::<Result<_, _>>()?,
        policy: new.policy.parse()?,
        mode: new.mode.map(|mode| parse::short_text("mode", mode, MODE_BYTES_MAX)).transpose()?,
    })
}

fn kind(
    kind: Kind,
    script: Option<String>,
    profile: Option<Profile>,
    command: Vec<String>,
) -> Result<AgentKind, Problem> {
    if script.is_some() && !matches!(kind, Kind::Demo) {
        return Err(parse::field("script", "only the demo agent takes one"));
    }
    if profile.is_some() && !matches!(kind, Kind::Exec) {
        return Err(parse::field("profile", "only `exec` takes one"));
    }
    match kind {
        Kind::Demo if command.is_empty() => {
            Ok(AgentKind::Demo { script: script.map(|path| absolute_path("script", path)).transpose()? })
        }
        Kind::Demo => Err(parse::field("command", "the demo agent takes none")),
        Kind::Acp if command.is_empty() => Err(parse::field("command", "name the program to run")),
        Kind::Acp => Ok(AgentKind::Acp { command: checked(command)? }),
        Kind::Exec => {
            let none = || parse::field("profile", "name one of claude, codex, gemini, opencode");
            let profile = ExecProfile::from(profile.ok_or_else(none)?);
            let own = vec![profile.name().to_owned()];
            let command = if command.is_empty() { own } else { checked(command)? };
            Ok(AgentKind::Exec { profile, command })
        }
    }
}

fn checked(command: Vec<String>) -> Result<Vec<String>, Problem> {
    let command = bounded("command", command, COMMAND_PARTS_MAX)?;
    command.iter().try_for_each(|part| check_part(part))?;
    Ok(command)
}

fn bounded(name: &str, list: Vec<String>, max: usize) -> Result<Vec<String>, Problem> {
    if list.len() > max {
        return Err(parse::field(name, format!("it has {} parts; {max} are allowed", list.len())));
    }
    Ok(list)
}

/// An argument may be empty and may hold line ends, but not what no argument can hold.
fn check_part(part: &str) -> Result<(), Problem> {
    if part.len() > PART_BYTES_MAX || part.contains('\0') {
        let reason = format!("each part has at most {PART_BYTES_MAX} bytes, none of them zero");
        return Err(parse::field("command", reason));
    }
    Ok(())
}

fn absolute_path(name: &str, path: String) -> Result<String, Problem> {
    let path = parse::short_text(name, path, PART_BYTES_MAX)?;
    if !std::path::Path::new(&path).is_absolute() {
        return Err(parse::field(name, "give an absolute path"));
    }
    Ok(path)
}

fn variable(name: String) -> Result<String, Problem> {
    let first_ok = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let rest_ok = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !first_ok || !rest_ok || name.len() > VARIABLE_BYTES_MAX {
        return Err(parse::field("env", "names of variables are letters, digits and `_`"));
    }
    Ok(name)
}

/// Retires an agent.
#[utoipa::path(
    delete, path = "/im/agents/{handle}", tag = "workspace", params(("handle" = String, Path)),
    responses((status = 200, body = dto::Agents), Problem),
)]
pub(super) async fn remove_agent(
    State(ask): State<Ask>,
    PathText(text): PathText,
    _: NoInput,
) -> Result<Json<dto::Agents>, Problem> {
    let handle = parse::handle("handle", &text)?;
    agents_of(ask.ask(Request::RemoveAgent { handle }).await?)
}

/// Where an agent is to go.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Destination {
    /// The device's key.
    device: String,
}

/// Lets an agent that is hosted here go to another device, which accepts by adding it. Until then nothing new is begun.
#[utoipa::path(
    post, path = "/im/agents/{handle}/handover", tag = "workspace", params(("handle" = String, Path)),
    request_body = Destination, responses((status = 200, body = dto::Agents), Problem),
)]
pub(super) async fn hand_over(
    State(ask): State<Ask>,
    PathText(text): PathText,
    Input(destination): Input<Destination>,
) -> Result<Json<dto::Agents>, Problem> {
    let handle = parse::handle("handle", &text)?;
    let to = parse::device("device", &destination.device)?;
    agents_of(ask.ask(Request::HandOver { handle, to }).await?)
}

/// Lists the workspace's members and their devices.
#[utoipa::path(get, path = "/im/members", tag = "workspace", responses((status = 200, body = dto::Members), Problem))]
pub(super) async fn members(State(ask): State<Ask>) -> Result<Json<dto::Members>, Problem> {
    match ask.ask(Request::Members).await? {
        Answer::Members(members) => Ok(Json(members.into())),
        other => Err(Problem::unexpected(&other)),
    }
}

/// What becomes of what was written.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Removal {
    /// Keep nothing of it, but what somebody in good standing built upon. Default: all that this node has stays.
    #[serde(default)]
    #[schema(required = false)]
    keep_none: bool,
}

/// Takes a device's standing away: it writes nothing more, and is let in nowhere. Its key never comes back.
#[utoipa::path(
    post, path = "/im/devices/{device}/revoke", tag = "workspace", params(("device" = String, Path)),
    request_body = Removal, responses((status = 200, body = dto::Revoked), Problem),
)]
pub(super) async fn revoke_device(
    State(ask): State<Ask>,
    PathText(text): PathText,
    Input(removal): Input<Removal>,
) -> Result<Json<dto::Revoked>, Problem> {
    let device = parse::device("device", &text)?;
    revoked(ask.ask(Request::Revoke { device, keep: !removal.keep_none }).await?)
}

/// Removes a member and takes the standing of all its devices away.
#[utoipa::path(
    post, path = "/im/members/{handle}/remove", tag = "workspace", params(("handle" = String, Path)),
    request_body = Removal, responses((status = 200, body = dto::Revoked), Problem),
)]
pub(super) async fn remove_member(
    State(ask): State<Ask>,
    PathText(text): PathText,
    Input(removal): Input<Removal>,
) -> Result<Json<dto::Revoked>, Problem> {
    let handle = parse::handle("handle", &text)?;
    revoked(ask.ask(Request::RemoveMember { handle, keep: !removal.keep_none }).await?)
}

fn revoked(answer: Answer) -> Result<Json<dto::Revoked>, Problem> {
    match answer {
        Answer::Revoked(info) => Ok(Json(info.into())),
        other => Err(Problem::unexpected(&other)),
    }
}
