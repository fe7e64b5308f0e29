//! What service managers are told, as text. A node ends its agents itself, so it alone is told to stop; what is left after a
//! minute is killed. It is not started again after a mistake in its settings, nor beside another node of the same home.
//!
//! An agent works with the rights of its user, as in a terminal: the file closes no directory to it and leaves its files'
//! modes alone. What it may not do is to gain rights (`NoNewPrivileges`): no `sudo`, nor anything else that is setuid.

use std::fmt::Write;
use std::path::{Path, PathBuf};

/// The unit's name.
pub(super) const SYSTEMD_UNIT: &str = "starling.service";
/// The launch agent's label.
pub(super) const LAUNCHD_LABEL: &str = "org.starling.node";

/// What is to run.
#[derive(Debug)]
pub(super) struct Plan {
    /// This program, absolute.
    pub(super) program: PathBuf,
    /// The home, where it is not the usual one.
    pub(super) home: Option<PathBuf>,
    /// Where agents' programs are looked for: a service manager's own PATH is shorter than a terminal's.
    pub(super) path: String,
    /// What the node says goes there, where there is no journal.
    pub(super) log: PathBuf,
}

impl Plan {
    fn words(&self) -> Vec<String> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let mut words = vec![text(&self.program)];
        if let Some(home) = &self.home {
            words.extend(["--home".to_owned(), text(home)]);
        }
        words.push("up".to_owned());
        words
    }
}

/// A user unit of systemd.
pub(super) fn systemd(plan: &Plan) -> String {
    let command: Vec<String> = plan.words().iter().map(|word| quoted(&word.replace('$', "$$"))).collect();
    format!(
        "# Written by `starling service install`; `systemctl --user edit starling` changes it and is kept.\n\
         [Unit]\n\
         Description=Starling node\n\
         Documentation=man:starling(1)\n\
         StartLimitIntervalSec=300\n\
         StartLimitBurst=10\n\
         \n\
         [Service]\n\
         Type=exec\n\
         ExecStart={}\n\
         Environment={}\n\
         Restart=on-failure\n\
         RestartSec=5\n\
         # 2: wrong settings; 5: another node runs in this home. Neither goes away by itself.\n\
         RestartPreventExitStatus=2 5\n\
         # The node ends its agents itself.\n\
         KillMode=mixed\n\
         TimeoutStopSec=60\n\
         # An agent that takes too much memory is ended; the node goes on.\n\
         OOMPolicy=continue\n\
         # No sudo for agents. To allow it: `systemctl --user edit starling`, and say NoNewPrivileges=no there.\n\
         NoNewPrivileges=yes\n\
         \n\
         [Install]\n\
         WantedBy=default.target\n",
        command.join(" "),
        quoted(&format!("PATH={}", plan.path)),
    )
}

/// A word of a unit file (systemd.syntax, systemd.service): quoted, with `%` and what quotes would take for their own.
fn quoted(word: &str) -> String {
    let mut out = String::from("\"");
    for c in word.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '%' => out.push_str("%%"),
            c if c.is_control() => {
                let _infallible = write!(out, "\\x{:02x}", u32::from(c) & 0xff);
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A launch agent.
pub(super) fn launchd(plan: &Plan) -> String {
    let words: String =
        plan.words().iter().map(|word| format!("    <string>{}</string>\n", escaped(word))).collect();
    let log = escaped(&plan.log.to_string_lossy());
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n\
         <plist version=\"1.0\">\n\
         <dict>\n\
         \x20 <key>Label</key>\n  <string>{LAUNCHD_LABEL}</string>\n\
         \x20 <key>ProgramArguments</key>\n  <array>\n{words}  </array>\n\
         \x20 <key>EnvironmentVariables</key>\n  <dict>\n    <key>PATH</key>\n    <string>{}</string>\n  </dict>\n\
         \x20 <key>RunAtLoad</key>\n  <true/>\n\
         \x20 <key>KeepAlive</key>\n  <dict>\n    <key>SuccessfulExit</key>\n    <false/>\n  </dict>\n\
         \x20 <key>ThrottleInterval</key>\n  <integer>10</integer>\n\
         \x20 <key>ExitTimeOut</key>\n  <integer>60</integer>\n\
         \x20 <key>StandardOutPath</key>\n  <string>{log}</string>\n\
         \x20 <key>StandardErrorPath</key>\n  <string>{log}</string>\n\
         </dict>\n\
         </plist>\n",
        escaped(&plan.path),
    )
}

/// Text of an XML element.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(home: Option<&str>) -> Plan {
        Plan {
            program: "/opt/a b/starling".into(),
            home: home.map(PathBuf::from),
            path: "/opt/me/bin:/usr/bin".to_owned(),
            log: "/h/node.log".into(),
        }
    }

    #[test]
    fn a_unit_names_program_and_home_as_they_are() {
        let text = systemd(&plan(Some("/srv/50%/$x\"")));
        assert!(
            text.contains("ExecStart=\"/opt/a b/starling\" \"--home\" \"/srv/50%%/$$x\\\"\" \"up\"\n"),
            "{text}"
        );
        assert!(text.contains("Environment=\"PATH=/opt/me/bin:/usr/bin\"\n"), "{text}");
        for line in ["Restart=on-failure", "KillMode=mixed", "NoNewPrivileges=yes", "WantedBy=default.target"]
        {
            assert!(text.lines().any(|it| it == line), "{line} is missing in {text}");
        }
        assert!(systemd(&plan(None)).contains("ExecStart=\"/opt/a b/starling\" \"up\"\n"));
    }

    /// By systemd's own reader, where it is installed.
    #[test]
    fn systemd_understands_the_unit() {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("starling 50%");
        std::fs::write(&program, "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let home = Some(dir.path().join("$home \"x\""));
        let text = systemd(&Plan { program, home, ..plan(None) });
        let unit = dir.path().join(SYSTEMD_UNIT);
        std::fs::write(&unit, text).unwrap();
        let mut verify = std::process::Command::new("systemd-analyze");
        verify.args(["--user", "--man=no", "verify"]).arg(&unit).env("XDG_RUNTIME_DIR", dir.path());
        let Ok(ended) = verify.output() else { return };
        let said = String::from_utf8_lossy(&ended.stderr);
        let about_us: Vec<&str> = said.lines().filter(|line| line.contains("starling")).collect();
        assert!(about_us.is_empty(), "{said}");
    }

    #[test]
    fn a_launch_agent_is_well_formed() {
        let text = launchd(&plan(Some("/opt/me/R&D <1>")));
        assert!(text.contains("<string>/opt/me/R&amp;D &lt;1&gt;</string>"), "{text}");
        let mut open: Vec<&str> = Vec::new();
        for tag in text.split('<').skip(1).filter_map(|rest| rest.split('>').next()) {
            match tag.strip_prefix('/') {
                Some(name) => assert_eq!(open.pop(), Some(name), "{text}"),
                None if tag.starts_with(['?', '!']) || tag.ends_with('/') => {}
                None => open.push(tag.split(' ').next().unwrap()),
            }
        }
        assert!(open.is_empty(), "{open:?}");
        assert!(
            text.contains(
                "<key>Label</key>\n  <string>org.starling.node</string>\n  <key>ProgramArguments</key>"
            ),
            "{text}"
        );
    }
}
