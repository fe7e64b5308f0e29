//! `config.toml`: what a person may change, and the ports that the first `up` picked. An unknown key is an
//! error that names it, so that a misspelt setting is never silently ignored. Agents and members are not
//! here: they are records.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use starling_crdt::text::Label;

use super::{ConfigError, Home, Remote, files};

/// Bytes of `config.toml`: far more than [`PEERS_MAX`] addresses need.
pub(super) const FILE_BYTES_MAX: usize = 256 * 1024;
/// Addresses to dial at start: each costs a connection attempt.
pub const PEERS_MAX: usize = 256;
/// Addresses to listen on, of each kind.
const LISTEN_MAX: usize = 16;
/// Bytes of one multiaddr, relays included.
const ADDRESS_BYTES_MAX: usize = 512;

/// The settings of a home.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// What this device is called among its member's devices. Absent: the machine's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Whether other nodes are looked for on the local network.
    pub mdns: bool,
    /// Multiaddrs to dial at start.
    pub peers: Vec<String>,
    /// Where to listen.
    pub listen: Listen,
    /// What happens with the git export.
    #[serde(skip_serializing_if = "ExportSettings::is_default")]
    pub export: ExportSettings,
}

/// What happens with the git export.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExportSettings {
    /// A path, URL or `host:path` that the export is pushed to after each change. A relative path counts from the
    /// home.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote: Option<String>,
}

impl ExportSettings {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Where to listen. Empty or absent: the next `up` picks and stores it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Listen {
    /// Multiaddrs for QUIC.
    pub quic: Vec<String>,
    /// Multiaddrs for TCP.
    pub tcp: Vec<String>,
    /// Where the web page and the HTTP interface are: a loopback address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<SocketAddr>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            label: None,
            mdns: true,
            peers: Vec::new(),
            listen: Listen::default(),
            export: ExportSettings::default(),
        }
    }
}

impl Settings {
    /// Reads the home's settings; without a file, the defaults.
    ///
    /// # Errors
    /// [`ConfigError::Settings`] names the line, the key and what is wrong.
    pub fn load(home: &Home) -> Result<Self, ConfigError> {
        let path = home.config_file();
        let Some(bytes) = files::read_if_there(&path, FILE_BYTES_MAX)? else {
            return Ok(Self::default());
        };
        let wrong = |problem: String| ConfigError::Settings { path: path.clone(), problem };
        let text = std::str::from_utf8(&bytes).map_err(|error| wrong(error.to_string()))?;
        Self::parse(text).map_err(wrong)
    }

    /// The settings of a file's text, or what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let settings: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        settings.check()?;
        Ok(settings)
    }

    /// The settings as the file's text, without comments.
    ///
    /// # Errors
    /// [`ConfigError::Settings`] when they cannot be written as TOML.
    pub fn to_toml(&self) -> Result<String, ConfigError> {
        let wrong = |problem: String| ConfigError::Settings { path: "config.toml".into(), problem };
        toml::to_string(self).map_err(|error| wrong(error.to_string()))
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if let Some(label) = &self.label {
            Label::new(label.as_str()).map_err(|error| format!("label: {error}"))?;
        }
        if let Some(http) = self.listen.http
            && !http.ip().is_loopback()
        {
            return Err(format!("listen.http: {http} is not a loopback address"));
        }
        if let Some(remote) = &self.export.remote {
            Remote::new(remote).map_err(|problem| format!("export.remote: {problem}"))?;
        }
        check_addresses("peers", &self.peers, PEERS_MAX)?;
        check_addresses("listen.quic", &self.listen.quic, LISTEN_MAX)?;
        check_addresses("listen.tcp", &self.listen.tcp, LISTEN_MAX)
    }
}

fn check_addresses(key: &str, addresses: &[String], max: usize) -> Result<(), String> {
    if addresses.len() > max {
        return Err(format!("{key}: {} addresses; {max} are allowed", addresses.len()));
    }
    let bad = addresses.iter().find(|address| !is_multiaddr(address));
    bad.map_or(Ok(()), |address| Err(format!("{key}: {address:?} is not a multiaddr (/ip4/…)")))
}

/// Whether `text` has the outer form of a multiaddr. The transport knows the protocols in it.
pub(crate) fn is_multiaddr(text: &str) -> bool {
    text.len() <= ADDRESS_BYTES_MAX
        && text.len() > 1
        && text.starts_with('/')
        && !text.contains("//")
        && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn home() -> (tempfile::TempDir, Home) {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path()).unwrap();
        home.create().unwrap();
        (dir, home)
    }

    #[test]
    fn settings_come_back_as_they_were_written() {
        let (_dir, home) = home();
        assert_eq!(Settings::load(&home).unwrap(), Settings::default());
        let settings = Settings {
            label: Some("büro".to_owned()),
            mdns: false,
            peers: vec!["/ip4/192.0.2.1/udp/4001/quic-v1".to_owned()],
            listen: Listen {
                quic: vec!["/ip4/0.0.0.0/udp/4001/quic-v1".to_owned()],
                tcp: vec!["/ip4/0.0.0.0/tcp/4001".to_owned()],
                http: Some("127.0.0.1:8080".parse().unwrap()),
            },
            export: ExportSettings { remote: Some("git@example.com:team/starling.git".to_owned()) },
        };
        settings.save(&home).unwrap();
        settings.save(&home).unwrap();
        assert_eq!(Settings::load(&home).unwrap(), settings);
        let names: Vec<_> = fs::read_dir(home.config_file().parent().unwrap())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert!(!names.iter().any(|name| name == "config.toml.new"), "{names:?}");
    }

    #[test]
    fn a_wrong_setting_is_named() {
        let (_dir, home) = home();
        for (text, names) in [
            ("mdsn = true", "mdsn"),
            ("[listen]\nudp = []", "udp"),
            ("mdns = 3", "mdns"),
            ("peers = [\"bob\"]", "bob"),
            ("[listen]\nhttp = \"0.0.0.0:80\"", "0.0.0.0:80"),
            ("label = \"a\\nb\"", "label"),
            ("peers = [", "peers"),
            ("[export]\nremote = \"--upload-pack=x\"", "export.remote"),
            ("[export]\nremotes = []", "remotes"),
        ] {
            fs::write(home.config_file(), text).unwrap();
            let error = Settings::load(&home).unwrap_err().to_string();
            assert!(error.contains(names), "{text}: {error}");
            assert!(error.contains("config.toml"), "{error}");
        }
    }
}
