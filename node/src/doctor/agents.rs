//! Hosted agents: whether their programs are there. A program is looked for as the node would start it, on the PATH of
//! whoever runs this.

use std::ffi::OsStr;
use std::path::Path;

use starling_crdt::id::Handle;

use super::Check;
use crate::machine::input::{AgentKind, AgentProfile};
use crate::programs::{self, Lack};

/// One check for each agent.
pub(crate) fn of_agents<'a>(
    agents: impl IntoIterator<Item = (&'a Handle, &'a AgentProfile)>,
    path: &OsStr,
) -> Vec<Check> {
    agents.into_iter().map(|(handle, profile)| of_agent(handle, profile, path)).collect()
}

fn of_agent(handle: &Handle, profile: &AgentProfile, path: &OsStr) -> Check {
    let (id, title) = (format!("agent:{handle}"), format!("Agent @{handle}"));
    let cwd = profile.cwd.as_deref().map(Path::new);
    if let Some(cwd) = cwd.filter(|cwd| !cwd.is_dir()) {
        let detail = format!("its directory {} is not there", cwd.display());
        let hint = format!("make it, or name another one: `starling agent add {handle} --cwd DIR ...`");
        return Check::fail(&id, &title, detail, hint);
    }
    match &profile.kind {
        AgentKind::Demo { script: None } => Check::ok(&id, &title, "it is built in"),
        AgentKind::Demo { script: Some(script) } if Path::new(script).is_file() => {
            Check::ok(&id, &title, format!("it is built in, and plays {script}"))
        }
        AgentKind::Demo { script: Some(script) } => {
            let hint = format!("name another script: `starling agent add {handle} --demo --script FILE`");
            Check::fail(&id, &title, format!("its script {script} is not there"), hint)
        }
        AgentKind::Acp { command } | AgentKind::Exec { command, .. } => {
            match programs::find(command, cwd, path) {
                Ok(program) => Check::ok(&id, &title, format!("its program is {}", program.display())),
                Err(lack) => Check::fail(&id, &title, lack.to_string(), what_to_do(handle, &lack)),
            }
        }
    }
}

fn what_to_do(handle: &Handle, lack: &Lack) -> String {
    match lack {
        Lack::NotExecutable(path) => format!("`chmod +x {}`", path.display()),
        Lack::NotOnPath(_) => format!(
            "install it, or start the node where it is on the PATH, or name its path: `starling agent add {handle} ...`"
        ),
        Lack::Empty | Lack::NoFile(_) => {
            format!("name the program that is to run: `starling agent add {handle} ...`")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::State;
    use crate::machine::policy::AgentPolicy;

    fn profile(kind: AgentKind, cwd: Option<&str>) -> AgentProfile {
        let cwd = cwd.map(str::to_owned);
        AgentProfile {
            kind,
            cwd,
            env: Vec::new(),
            allow: Vec::new(),
            policy: AgentPolicy::DEFAULT,
            mode: None,
        }
    }

    fn check(kind: AgentKind, cwd: Option<&str>) -> Check {
        let handle = "bot".parse().unwrap();
        of_agents([(&handle, &profile(kind, cwd))], OsStr::new("/bin:/usr/bin")).remove(0)
    }

    #[test]
    fn a_program_that_is_missing_fails_with_the_command_that_mends_it() {
        let acp = |name: &str| AgentKind::Acp { command: vec![name.to_owned()] };
        let there = check(acp("sh"), None);
        assert_eq!((there.state, there.id.as_str()), (State::Ok, "agent:bot"), "{there:?}");
        let missing = check(acp("no-such-program"), None);
        assert_eq!(missing.state, State::Fail);
        assert!(missing.detail.contains("`no-such-program`"), "{missing:?}");
        assert!(missing.hint.unwrap().contains("starling agent add bot"));
        assert_eq!(check(acp("sh"), Some("/no/such/directory")).state, State::Fail);
        assert_eq!(check(AgentKind::Demo { script: None }, None).state, State::Ok);
        let script = Some("/no/such/script".to_owned());
        assert_eq!(check(AgentKind::Demo { script }, None).state, State::Fail);
    }
}
