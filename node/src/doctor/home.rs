//! A home, by its files: who may read them, whether settings and key are sound, how much room there is. And its addresses:
//! whether they are free, for a node that is not running. The store is not opened here.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use super::Check;
use crate::config::{Home, NodeKey, Settings};

/// Below this much room a store soon cannot be written: redb grows by regions.
const FREE_BYTES_MIN: u64 = 100 << 20;
/// Below this much room somebody should know.
const FREE_BYTES_FEW: u64 = 1 << 30;
/// 2026-01-01: no node ran before it.
const CLOCK_MS_MIN: u64 = 1_767_225_600_000;
/// How far files may lie in the future before the clock is doubted: a time zone that was set wrong is less.
const AHEAD_MS_MAX: u64 = 24 * 60 * 60 * 1_000;

/// The checks of a home's files. `now_ms` is the time, ms since 1970.
pub(crate) fn of_home(home: &Home, now_ms: u64) -> Vec<Check> {
    if !home.dir().is_dir() {
        let detail = format!("there is no {}", home.dir().display());
        return vec![Check::fail(
            "home",
            "Home",
            detail,
            "`starling up` makes a home; `--home DIR` names another one",
        )];
    }
    vec![
        permissions(home),
        settings(home),
        key(home),
        recovery(home),
        export(home),
        room(home),
        clock(home, now_ms),
    ]
}

fn permissions(home: &Home) -> Check {
    let (id, title) = ("home", "Home");
    let files = [home.node_key(), home.recovery_key(), home.store(), home.run_dir().join("token")];
    // What is in a home that is closed is out of reach, whatever its own mode; keys are refused all the same.
    let dirs =
        [home.run_dir(), home.export(), home.agents()].into_iter().filter(|_| may_others(home.dir(), 0o077));
    let open: Vec<PathBuf> = files.into_iter().chain(dirs).filter(|path| may_others(path, 0o077)).collect();
    if !open.is_empty() {
        let names: Vec<String> = open.iter().map(|path| path.display().to_string()).collect();
        let names = names.join(" ");
        let detail = format!("others may read {names}");
        return Check::fail(id, title, detail, format!("`chmod go-rwx {names}`"));
    }
    let dir = home.dir();
    if may_others(dir, 0o022) {
        let detail = format!("others may write into {}", dir.display());
        return Check::fail(id, title, detail, format!("`chmod 700 {}`", dir.display()));
    }
    if may_others(dir, 0o055) {
        let detail =
            format!("others may look into {}; what is secret in it is closed to them", dir.display());
        return Check::warn(id, title, detail, format!("`chmod 700 {}`", dir.display()));
    }
    Check::ok(id, title, format!("{}, closed to others", dir.display()))
}

/// Whether somebody else has one of these permissions on what is there.
fn may_others(path: &Path, bits: u32) -> bool {
    fs::symlink_metadata(path)
        .is_ok_and(|found| !found.is_symlink() && found.permissions().mode() & bits != 0)
}

fn settings(home: &Home) -> Check {
    let path = home.config_file();
    match Settings::load(home) {
        Ok(_) if path.exists() => Check::ok("config", "Settings", format!("{} is sound", path.display())),
        Ok(_) => Check::ok("config", "Settings", "there are none yet; all is as usual"),
        Err(error) => Check::fail("config", "Settings", error.to_string(), error.hint()),
    }
}

fn key(home: &Home) -> Check {
    match NodeKey::load(&home.node_key()) {
        Ok(key) => {
            let device = key.device().to_string();
            let short: String = device.chars().take(16).collect();
            Check::ok("key", "Device key", format!("{short}…"))
        }
        Err(error) => Check::fail("key", "Device key", error.to_string(), error.hint()),
    }
}

fn recovery(home: &Home) -> Check {
    let path = home.recovery_key();
    if path.exists() {
        let detail = "recovery.key is still in this home; whether there is a copy elsewhere, nobody knows";
        let hint = "`starling recovery show` prints it: keep a copy elsewhere, then remove the file";
        return Check::warn("recovery", "Recovery key", detail, hint);
    }
    Check::ok("recovery", "Recovery key", "it is not in this home")
}

fn export(home: &Home) -> Check {
    let path = home.export();
    if path.join("HEAD").is_file() && path.join("objects").is_dir() {
        return Check::ok("export", "Git export", path.display().to_string());
    }
    Check::warn(
        "export",
        "Git export",
        format!("there is none at {}", path.display()),
        "`starling up` makes it anew",
    )
}

fn room(home: &Home) -> Check {
    let (id, title) = ("disk", "Disk");
    let Ok(found) = rustix::fs::statvfs(home.dir()) else {
        return Check::warn(id, title, "how much room there is cannot be told", "look at it with `df`");
    };
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let detail = format!("{} free", bytes(free));
    let hint = "make room: a node that cannot write stops, and loses nothing that it acknowledged";
    match free {
        0..FREE_BYTES_MIN => Check::fail(id, title, detail, hint),
        FREE_BYTES_MIN..FREE_BYTES_FEW => Check::warn(id, title, detail, hint),
        _ => Check::ok(id, title, detail),
    }
}

/// A number of bytes for people.
fn bytes(number: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut left = number as f64 / 1_024.0;
    let mut unit = 0;
    while left >= 1_024.0 && unit + 1 < UNITS.len() {
        left /= 1_024.0;
        unit += 1;
    }
    format!("{left:.1} {}", UNITS.get(unit).unwrap_or(&"TiB"))
}

fn clock(home: &Home, now_ms: u64) -> Check {
    let (id, title) = ("clock", "Clock");
    let hint = "set the clock, best by NTP (`timedatectl set-ntp true`): times of messages come from it";
    if now_ms < CLOCK_MS_MIN {
        return Check::fail(id, title, "it shows a time before this program was written", hint);
    }
    let newest =
        [home.store(), home.config_file(), home.node_key()].iter().filter_map(|path| changed_ms(path)).max();
    let ahead_ms = newest.unwrap_or(0).saturating_sub(now_ms);
    if ahead_ms > AHEAD_MS_MAX {
        let days = ahead_ms / AHEAD_MS_MAX;
        let detail = format!("files of this home are from {days} days in the future: it was put back");
        return Check::warn(id, title, detail, hint);
    }
    Check::ok(id, title, "its time is plausible")
}

fn changed_ms(path: &Path) -> Option<u64> {
    let changed: Duration = fs::metadata(path).ok()?.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(changed.as_millis()).ok()
}

/// Whether the addresses of the settings are free. Binds each for a moment: for a home whose node does not run.
pub(crate) fn of_ports(home: &Home) -> Option<Check> {
    let settings = Settings::load(home).ok()?;
    let mut taken: Vec<String> = Vec::new();
    for address in settings.listen.quic.iter().chain(&settings.listen.tcp) {
        if let Some(Err(error)) = try_multiaddr(address) {
            taken.push(format!("{address}: {error}"));
        }
    }
    if let Some(Err(error)) = settings.listen.http.map(|http| TcpListener::bind(http).map(drop)) {
        taken.push(format!("{}: {error}", settings.listen.http.map(|it| it.to_string()).unwrap_or_default()));
    }
    let (id, title) = ("ports", "Addresses");
    if taken.is_empty() {
        return Some(Check::ok(id, title, "all of the settings are free"));
    }
    let hint = "end what has them, or take others: `starling up --http 127.0.0.1:0 --listen /ip4/0.0.0.0/udp/0/quic-v1`";
    Some(Check::fail(id, title, format!("cannot listen on {}", taken.join("; ")), hint))
}

/// Binds `/ip4/A/udp/P/...` or `/ip4/A/tcp/P`; `None` for any other kind of address.
fn try_multiaddr(address: &str) -> Option<io::Result<()>> {
    let mut parts = address.split('/').skip(1);
    let ip = match (parts.next()?, parts.next()?) {
        ("ip4" | "ip6", ip) => ip.parse().ok()?,
        _ => return None,
    };
    let (protocol, port) = (parts.next()?, parts.next()?.parse().ok()?);
    let address = SocketAddr::new(ip, port);
    match protocol {
        "udp" => Some(UdpSocket::bind(address).map(drop)),
        "tcp" => Some(TcpListener::bind(address).map(drop)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::State;

    const NOW_MS: u64 = 1_800_000_000_000;

    fn home() -> (tempfile::TempDir, Home) {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(&dir.path().join("home")).unwrap();
        home.create().unwrap();
        NodeKey::from_seed([7; 32]).create(&home.node_key()).unwrap();
        (dir, home)
    }

    fn states(home: &Home, now_ms: u64) -> Vec<(String, State)> {
        of_home(home, now_ms).into_iter().map(|check| (check.id, check.state)).collect()
    }

    fn state(home: &Home, id: &str) -> State {
        states(home, NOW_MS).into_iter().find(|(it, _)| it == id).unwrap().1
    }

    #[test]
    fn a_sound_home_lacks_only_its_export() {
        let (_dir, home) = home();
        let odd: Vec<_> =
            states(&home, NOW_MS).into_iter().filter(|(_, state)| *state != State::Ok).collect();
        assert_eq!(odd, [("export".to_owned(), State::Warn)]);
        assert_eq!(of_ports(&home).unwrap().state, State::Ok);
    }

    #[test]
    fn what_is_wrong_with_the_files_is_named() {
        let (_dir, home) = home();
        let open = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        open(home.dir(), 0o755);
        assert_eq!(state(&home, "home"), State::Warn);
        open(home.dir(), 0o777);
        assert_eq!(state(&home, "home"), State::Fail);
        open(home.dir(), 0o700);
        open(&home.node_key(), 0o640);
        let checks = of_home(&home, NOW_MS);
        assert!(checks[0].hint.as_ref().unwrap().contains("chmod go-rwx"), "{checks:?}");
        assert_eq!((checks[0].state, state(&home, "key")), (State::Fail, State::Fail));
        fs::write(home.config_file(), "mdsn = true").unwrap();
        assert_eq!(state(&home, "config"), State::Fail);
        fs::write(home.recovery_key(), "").unwrap();
        assert_eq!(state(&home, "recovery"), State::Warn);
    }

    #[test]
    fn a_clock_that_was_put_back_is_noticed() {
        let (_dir, home) = home();
        let of = |now_ms| states(&home, now_ms).into_iter().find(|(id, _)| id == "clock").unwrap().1;
        assert_eq!(of(0), State::Fail);
        assert_eq!(
            of(CLOCK_MS_MIN),
            if changed_ms(&home.node_key()) > Some(CLOCK_MS_MIN + AHEAD_MS_MAX) {
                State::Warn
            } else {
                State::Ok
            }
        );
        assert_eq!(of(u64::MAX), State::Ok);
    }

    #[test]
    fn an_address_that_somebody_has_is_named() {
        let (_dir, home) = home();
        let held = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = held.local_addr().unwrap().port();
        let mut settings = Settings::default();
        settings.listen.tcp = vec![format!("/ip4/127.0.0.1/tcp/{port}")];
        settings.save(&home).unwrap();
        let check = of_ports(&home).unwrap();
        assert_eq!(check.state, State::Fail);
        assert!(check.detail.contains(&settings.listen.tcp[0]), "{check:?}");
    }

    #[test]
    fn room_is_told_in_units_of_people() {
        assert_eq!((bytes(512 << 10), bytes(68 << 30)), ("512.0 KiB".to_owned(), "68.0 GiB".to_owned()));
    }
}
