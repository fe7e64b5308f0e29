//! `starling service`: the node as a service of the user, by systemd on Linux and by launchd on macOS. It writes one file and
//! has the user's own service manager do the rest; nothing needs root. What the file says is in `units`.

mod units;

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::json;
use tokio::process::Command;

use super::Context;
use super::args::ServiceVerb;
use super::client::{Call, paths};
use super::failure::{Exit, Failure};
use super::render::one_line;
use crate::config::Home;
use units::Plan;

/// Columns of a service manager's own words.
const WORDS_COLUMNS: usize = 200;

/// Who runs services for a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manager {
    Systemd,
    Launchd,
}

const MANAGER: Manager = if cfg!(target_os = "macos") { Manager::Launchd } else { Manager::Systemd };

impl Manager {
    const fn name(self) -> &'static str {
        match self {
            Self::Systemd => "systemd",
            Self::Launchd => "launchd",
        }
    }

    /// Where the file belongs.
    fn path(self, user: &Path) -> PathBuf {
        match self {
            Self::Systemd => {
                let named = env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|dir| dir.is_absolute());
                named.unwrap_or_else(|| user.join(".config")).join("systemd/user").join(units::SYSTEMD_UNIT)
            }
            Self::Launchd => {
                user.join("Library/LaunchAgents").join(format!("{}.plist", units::LAUNCHD_LABEL))
            }
        }
    }

    fn text(self, plan: &Plan) -> String {
        match self {
            Self::Systemd => units::systemd(plan),
            Self::Launchd => units::launchd(plan),
        }
    }

    /// Asks the service manager; its words when it refuses.
    async fn ask(self, words: &[&str]) -> Result<String, Failure> {
        let program = match self {
            Self::Systemd => "systemctl",
            Self::Launchd => "launchctl",
        };
        let mut command = Command::new(program);
        if self == Self::Systemd {
            command.arg("--user");
        }
        let ended = command.args(words).stdin(std::process::Stdio::null()).kill_on_drop(true).output().await;
        let ended = ended.map_err(|error| self.missing(&format!("cannot run `{program}`: {error}")))?;
        let said = String::from_utf8_lossy(&ended.stdout).trim().to_owned();
        if ended.status.success() {
            return Ok(said);
        }
        let why = String::from_utf8_lossy(&ended.stderr).trim().to_owned();
        let why = one_line(if why.is_empty() { &said } else { &why }, WORDS_COLUMNS);
        Err(Failure::new(Exit::Failed, "service_manager", format!("`{program} {}`: {why}", words.join(" "))))
    }

    fn missing(self, detail: &str) -> Failure {
        let hint = "run `starling up` under what starts programs on this machine; `starling service install --print` \
            shows the file for where there is a service manager";
        Failure::new(
            Exit::Failed,
            "no_service_manager",
            format!("no {} for this user: {detail}", self.name()),
        )
        .hint(hint)
    }

    /// Whether there is one for this user: in a container, or after `su`, there is none.
    async fn check(self) -> Result<(), Failure> {
        let asked = match self {
            Self::Systemd => self.ask(&["show-environment"]).await,
            Self::Launchd => self.ask(&["print", &domain()]).await,
        };
        asked.map(drop).map_err(|failure| {
            if failure.code == "no_service_manager" { failure } else { self.missing(&failure.detail) }
        })
    }

    async fn start(self, path: &Path) -> Result<(), Failure> {
        match self {
            Self::Systemd => {
                self.ask(&["daemon-reload"]).await?;
                self.ask(&["enable", "--now", units::SYSTEMD_UNIT]).await.map(drop)
            }
            Self::Launchd => self.ask(&["bootstrap", &domain(), &path.to_string_lossy()]).await.map(drop),
        }
    }

    async fn stop(self) -> Result<(), Failure> {
        match self {
            Self::Systemd => self.ask(&["disable", "--now", units::SYSTEMD_UNIT]).await.map(drop),
            Self::Launchd => {
                self.ask(&["bootout", &format!("{}/{}", domain(), units::LAUNCHD_LABEL)]).await.map(drop)
            }
        }
    }

    /// In its own words: `active`, `inactive`, `failed`, or `running`.
    async fn state(self) -> Result<String, Failure> {
        match self {
            Self::Systemd => {
                let shown =
                    self.ask(&["show", "--property=ActiveState", "--value", units::SYSTEMD_UNIT]).await?;
                Ok(if shown.is_empty() { "unknown".to_owned() } else { shown })
            }
            Self::Launchd => {
                let shown = self.ask(&["print", &format!("{}/{}", domain(), units::LAUNCHD_LABEL)]).await?;
                let state = shown.lines().find_map(|line| line.trim().strip_prefix("state = "));
                Ok(state.unwrap_or("unknown").to_owned())
            }
        }
    }
}

/// The graphical session of this user, as launchd calls it.
fn domain() -> String {
    format!("gui/{}", rustix::process::getuid().as_raw())
}

pub(super) async fn run(cx: &mut Context, verb: ServiceVerb) -> Result<(), Failure> {
    let user = env::var_os("HOME").map(PathBuf::from).filter(|dir| dir.is_absolute());
    let user = user.ok_or_else(|| {
        Failure::new(Exit::Usage, "invalid_home", "the home directory of this user is unknown")
    })?;
    let path = MANAGER.path(&user);
    match verb {
        ServiceVerb::Install { print: true } => {
            let text = MANAGER.text(&plan(cx)?);
            cx.out.note(&format!("for {}:", path.display()));
            cx.out.data(&text)
        }
        ServiceVerb::Install { print: false } => install(cx, &path).await,
        ServiceVerb::Uninstall => uninstall(cx, &path).await,
        ServiceVerb::Status => status(cx, &path).await,
    }
}

/// What is to run: this very program, for this home.
fn plan(cx: &Context) -> Result<Plan, Failure> {
    let program = env::current_exe()
        .map_err(|error| Failure::new(Exit::Failed, "io", format!("where is our binary? {error}")))?;
    let usual = Home::resolve(None).is_ok_and(|usual| usual == cx.home);
    let home = (!usual).then(|| cx.home.dir().to_owned());
    Ok(Plan {
        program,
        home,
        path: env::var("PATH").unwrap_or_default(),
        log: cx.home.dir().join("node.log"),
    })
}

async fn install(cx: &mut Context, path: &Path) -> Result<(), Failure> {
    let text = MANAGER.text(&plan(cx)?);
    MANAGER.check().await?;
    let ours =
        path.exists() && MANAGER.state().await.is_ok_and(|state| state == "active" || state == "running");
    if !ours && cx.client.ask(Call::get(paths::HEALTH)).await.is_ok() {
        return Err(Failure::new(
            Exit::Conflict,
            "already_running",
            "a node runs in this home, and not as a service",
        )
        .hint("`starling down`, then `starling service install`"));
    }
    write(path, &text)?;
    if ours {
        MANAGER.stop().await?;
    }
    MANAGER.start(path).await?;
    cx.out.data(&format!("{}\n", path.display()))?;
    cx.out.note("installed and started; `starling service status` and `starling status` show it");
    if MANAGER == Manager::Systemd {
        cx.out.note("it ends when you log out; `loginctl enable-linger` lets it run from boot to shutdown");
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error: io::Error| {
        Failure::new(Exit::Failed, "io", format!("cannot write {}: {error}", path.display()))
    };
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir).map_err(failed)?;
    }
    fs::write(path, text).map_err(failed)
}

async fn uninstall(cx: &mut Context, path: &Path) -> Result<(), Failure> {
    if !path.exists() {
        return Err(not_installed(path));
    }
    let stopped = MANAGER.stop().await;
    fs::remove_file(path).map_err(|error| {
        Failure::new(Exit::Failed, "io", format!("cannot remove {}: {error}", path.display()))
    })?;
    if MANAGER == Manager::Systemd && stopped.is_ok() {
        MANAGER.ask(&["daemon-reload"]).await?;
    }
    cx.out.data(&format!("removed {}\n", path.display()))?;
    if let Err(failure) = stopped {
        cx.out.warn(&format!("it was not stopped: {}", failure.detail));
    }
    Ok(())
}

fn not_installed(path: &Path) -> Failure {
    Failure::new(Exit::NotFound, "not_installed", format!("there is no {}", path.display()))
        .hint("`starling service install` makes it")
}

async fn status(cx: &mut Context, path: &Path) -> Result<(), Failure> {
    let installed = path.exists();
    let state = if installed { MANAGER.state().await } else { Ok("not installed".to_owned()) };
    let words = state.as_ref().map_or_else(|failure| failure.detail.clone(), Clone::clone);
    if cx.out.json {
        let document =
            json!({ "manager": MANAGER.name(), "path": path, "installed": installed, "state": words });
        return cx.out.data(&format!("{document}\n"));
    }
    if !installed {
        return Err(not_installed(path));
    }
    cx.out.data(&format!("{} of {}: {words}\n", path.display(), MANAGER.name()))?;
    if MANAGER == Manager::Systemd && state.is_ok() {
        cx.out.note("`journalctl --user -u starling` has what it said");
    }
    Ok(())
}
