//! Completions: the scripts for shells, and what they ask of this program at each Tab. Words that name something (sessions,
//! agents, devices, peers) are asked of the running node; one that does not answer at once completes nothing, and nothing
//! is ever said on standard error, where it would stand in the middle of what is being typed.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::CommandFactory;
use clap::builder::StyledStr;
use clap_complete::Shell;
use clap_complete::engine::CompletionCandidate;
use clap_complete::env::{CompleteEnv, Shells};
use serde::de::DeserializeOwned;

use super::Context;
use super::args::Args;
use super::client::paths::Wanted;
use super::client::{Call, Client, paths};
use super::failure::{Exit, Failure};
use super::model::{Agents, Members, Page, Peers};
use super::render::one_line;
use crate::config::{Home, Setting};

/// Set by the scripts: this program is to complete a line, not to run it.
const VARIABLE: &str = "COMPLETE";
/// For the node to answer. Whoever presses Tab waits for it.
const ASK_TIME: Duration = Duration::from_millis(300);
/// Sessions that are proposed: the newest ones.
const SESSIONS_MAX: usize = 200;
/// Columns of what stands beside a candidate.
const ABOUT_COLUMNS: usize = 48;

/// Prints the script for a shell.
pub(super) fn script(cx: &mut Context, shell: Shell) -> Result<(), Failure> {
    let name = shell.to_string();
    let shells = Shells::builtins();
    let completer = shells.completer(&name);
    let completer =
        completer.ok_or_else(|| Failure::new(Exit::Usage, "usage", format!("{name} cannot be completed")))?;
    let mut script = Vec::new();
    let written = completer.write_registration(VARIABLE, "starling", "starling", "starling", &mut script);
    written.map_err(|error| Failure::new(Exit::Failed, "io", error.to_string()))?;
    cx.out.document(&script)
}

/// Completes a line when a completion script asks for that. Returns whether it did: then there is nothing else to do.
#[must_use]
pub fn complete(arguments: &[OsString]) -> bool {
    if env::var_os(VARIABLE).is_none_or(|shell| shell.is_empty()) {
        return false;
    }
    let here = env::current_dir().ok();
    let asked = CompleteEnv::with_factory(Args::command).var(VARIABLE).bin("starling").completer("starling");
    // What cannot be completed is left as it is typed.
    asked.try_complete(arguments.iter().cloned(), here.as_deref()).unwrap_or(true)
}

/// Sessions that are open: newest first, with their titles.
pub(super) fn sessions(current: &OsStr) -> Vec<CompletionCandidate> {
    listed(current, false)
}

/// Sessions that are closed.
pub(super) fn archived(current: &OsStr) -> Vec<CompletionCandidate> {
    listed(current, true)
}

fn listed(current: &OsStr, archived: bool) -> Vec<CompletionCandidate> {
    let page: Page = ask(paths::page(&Wanted { archived, ..Wanted::default() }, SESSIONS_MAX, None));
    let about = |title: Option<String>| title.unwrap_or_else(|| "(no title yet)".to_owned());
    let all = page.sessions.into_iter().map(|it| {
        let about = format!("@{} {}", it.agent_id, about(it.title));
        (it.id, about)
    });
    candidates(current, all)
}

/// Agents of the workspace.
pub(super) fn agents(current: &OsStr) -> Vec<CompletionCandidate> {
    agents_if(current, false)
}

/// Agents of this device.
pub(super) fn hosted_agents(current: &OsStr) -> Vec<CompletionCandidate> {
    agents_if(current, true)
}

fn agents_if(current: &OsStr, here: bool) -> Vec<CompletionCandidate> {
    let agents: Agents = ask(paths::AGENTS.to_owned());
    let wanted = agents.agents.into_iter().filter(|agent| agent.here || !here);
    candidates(current, wanted.map(|agent| (agent.handle, format!("on {}", agent.host_label))))
}

/// Handles of members.
pub(super) fn members(current: &OsStr) -> Vec<CompletionCandidate> {
    let members: Members = ask(paths::MEMBERS.to_owned());
    candidates(current, members.members.into_iter().map(|member| (member.handle, member.role)))
}

/// Keys of devices, in full.
pub(super) fn devices(current: &OsStr) -> Vec<CompletionCandidate> {
    let members: Members = ask(paths::MEMBERS.to_owned());
    let all = members.members.into_iter().flat_map(|member| {
        let handle = member.handle;
        member.devices.into_iter().map(move |device| (device.device, format!("@{handle} {}", device.label)))
    });
    candidates(current, all)
}

/// Peers, by their members' handles and by the beginnings of their keys.
pub(super) fn peers(current: &OsStr) -> Vec<CompletionCandidate> {
    let peers: Peers = ask(paths::PEERS.to_owned());
    let all = peers.peers.into_iter().flat_map(|peer| {
        let short: String = peer.device.chars().take(12).collect();
        let handle = peer.handle.unwrap_or_default();
        let about = format!("@{handle} {}", peer.label);
        [(handle, peer.label), (short, about)]
    });
    candidates(current, all)
}

/// Names of settings.
pub(super) fn settings() -> Vec<CompletionCandidate> {
    candidates(OsStr::new(""), Setting::ALL.iter().map(|it| (it.name().to_owned(), it.usual().to_owned())))
}

fn candidates(current: &OsStr, all: impl Iterator<Item = (String, String)>) -> Vec<CompletionCandidate> {
    let begun = current.to_string_lossy();
    let plain = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_graphic());
    let mut found: Vec<CompletionCandidate> = Vec::new();
    for (order, (word, about)) in all.filter(|(word, _)| plain(word) && word.starts_with(&*begun)).enumerate()
    {
        if found.iter().any(|other| other.get_value() == word.as_str()) {
            continue;
        }
        let about = StyledStr::from(one_line(&about, ABOUT_COLUMNS));
        found.push(CompletionCandidate::new(word).help(Some(about)).display_order(Some(order)));
    }
    found
}

/// The node's answer; an empty one when there is none in time.
fn ask<T: DeserializeOwned + Default>(path: String) -> T {
    let words: Vec<OsString> = env::args_os().collect();
    let Some(client) = client(&words) else { return T::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let Ok(runtime) = runtime else { return T::default() };
    let answer =
        runtime.block_on(async { tokio::time::timeout(ASK_TIME, client.ask(Call::get(path))).await });
    answer.ok().and_then(Result::ok).and_then(|answer| answer.parse().ok()).unwrap_or_default()
}

/// The client of the node that the line which is being typed is about.
fn client(words: &[OsString]) -> Option<Client> {
    let named = |option: &str, variable: &str| {
        value_of(words, option)
            .or_else(|| env::var_os(variable))
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    if let Some(socket) = named("--socket", "STARLING_SOCKET") {
        return Some(Client::new(&socket));
    }
    let home = Home::resolve(named("--home", "STARLING_HOME").as_deref().map(Path::new)).ok()?;
    let socket = home.read_endpoint().map_or_else(|| home.socket(), |there| there.socket);
    Some(Client::new(&socket))
}

/// What was typed for an option so far: `--home D` or `--home=D`. A `~` is the shell's, and nobody has replaced it yet.
fn value_of(words: &[OsString], option: &str) -> Option<OsString> {
    let mut words = words.iter().map(|word| word.to_string_lossy());
    while let Some(word) = words.next() {
        let value = match word.strip_prefix(option) {
            Some("") => words.next().map(|value| value.into_owned()),
            Some(rest) => rest.strip_prefix('=').map(str::to_owned),
            None => None,
        };
        if let Some(value) = value {
            let home = env::var("HOME").unwrap_or_default();
            return Some(match value.strip_prefix("~/") {
                Some(rest) => Path::new(&home).join(rest).into_os_string(),
                None => value.into(),
            });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_home_is_taken_from_the_line() {
        let words = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        assert_eq!(value_of(&words("starling -- starling --home /h session"), "--home"), Some("/h".into()));
        assert_eq!(value_of(&words("starling -- starling --home=/h x"), "--home"), Some("/h".into()));
        assert_eq!(value_of(&words("starling -- starling --homely x"), "--home"), None);
        assert_eq!(value_of(&words("starling -- starling --home"), "--home"), None);
    }

    #[test]
    fn only_what_can_be_typed_is_proposed_and_each_once() {
        let all = [("qs-1", "a"), ("qs-2", "b"), ("", "c"), ("qs-1", "d"), ("qs 3", "e"), ("x", "f")];
        let all = all.map(|(word, about)| (word.to_owned(), about.to_owned()));
        let found = candidates(OsStr::new("qs"), all.into_iter());
        let words: Vec<_> = found.iter().map(|it| it.get_value().to_str().unwrap()).collect();
        assert_eq!(words, ["qs-1", "qs-2"]);
    }
}
