//! Every path of a home, and the run directory through which clients find a running node. A home given by
//! `--home` or STARLING_HOME is one directory; otherwise the platform's own directories are used. A Unix
//! socket's path is bounded by the kernel, so a deep home gets a short one elsewhere, recorded in
//! `http.json`.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use etcetera::AppStrategy;
use etcetera::app_strategy::{AppStrategyArgs, choose_native_strategy};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{ConfigError, files};

/// Bytes of a Unix socket's path: the smallest `sun_path` among the platforms (macOS: 104), with its final
/// NUL.
pub const SOCKET_PATH_BYTES_MAX: usize = 103;
/// Bytes of `http.json`: a URL, a path, a number.
const ENDPOINT_BYTES_MAX: usize = 16 * 1024;
/// Bytes of the token file.
const TOKEN_BYTES_MAX: usize = 1_024;
/// Hexadecimal digits that tell homes apart in a short socket directory: 64 bits, checked for ownership
/// anyway.
const SHORT_NAME_DIGITS: usize = 16;

/// Where a node keeps its things.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    config: PathBuf,
    data: PathBuf,
}

/// What a running node tells its own clients, in `run/http.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// `http://127.0.0.1:PORT`
    pub http: String,
    /// The Unix socket.
    pub socket: PathBuf,
    /// The node's process.
    pub pid: u32,
}

impl Home {
    /// The home that `--home` or STARLING_HOME names, else the platform's directories. Touches nothing.
    ///
    /// # Errors
    /// [`ConfigError::NoHome`] when the user has none.
    pub fn resolve(named: Option<&Path>) -> Result<Self, ConfigError> {
        if let Some(named) = named {
            return Self::at(named);
        }
        let strategy = choose_native_strategy(AppStrategyArgs {
            top_level_domain: "org".to_owned(),
            author: "starling".to_owned(),
            app_name: "starling".to_owned(),
        })
        .map_err(|_| ConfigError::NoHome)?;
        Ok(Self { config: strategy.config_dir(), data: strategy.data_dir() })
    }

    /// The home in one directory. Touches nothing.
    ///
    /// # Errors
    /// [`ConfigError::NoHome`] for an empty path; [`ConfigError::Io`] when the current directory is unknown.
    pub fn at(dir: &Path) -> Result<Self, ConfigError> {
        if dir.as_os_str().is_empty() {
            return Err(ConfigError::NoHome);
        }
        let dir = std::path::absolute(dir).map_err(ConfigError::io("find", dir))?;
        Ok(Self { config: dir.clone(), data: dir })
    }

    /// Makes the directories that are not there (0700) and closes `run` to everybody else.
    ///
    /// # Errors
    /// The file system's; [`ConfigError::NotOurs`] when `run` is another user's.
    pub fn create(&self) -> Result<(), ConfigError> {
        files::create_dir(&self.config)?;
        files::create_dir(&self.data)?;
        files::create_private_dir(&self.run_dir())
    }

    /// Closes what the home keeps to everybody else: the store (0600), the export and the agents' directories
    /// (0700). A home directory that was there before us may be open to others, and libraries make their files
    /// as the umask says. What is not there, another user's, or a symbolic link, is left alone.
    ///
    /// # Errors
    /// The file system's.
    pub fn close_to_others(&self) -> Result<(), ConfigError> {
        files::make_private(&self.store(), files::SECRET_MODE)?;
        files::make_private(&self.export(), files::PRIVATE_DIR_MODE)?;
        files::make_private(&self.agents(), files::PRIVATE_DIR_MODE)
    }

    /// The directory that holds keys and store.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.data
    }

    /// The settings.
    #[must_use]
    pub fn config_file(&self) -> PathBuf {
        self.config.join("config.toml")
    }

    /// The device's key.
    #[must_use]
    pub fn node_key(&self) -> PathBuf {
        self.data.join("node.key")
    }

    /// The founder's recovery key; absent elsewhere.
    #[must_use]
    pub fn recovery_key(&self) -> PathBuf {
        self.data.join("recovery.key")
    }

    /// The store. What keeps a second node out of it is [`Home::lock`].
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.data.join("store.redb")
    }

    /// A store that is not finished: a restore gives it its name when it is.
    #[must_use]
    pub fn unfinished_store(&self) -> PathBuf {
        self.data.join("store.redb.restoring")
    }

    /// The bare git repository.
    #[must_use]
    pub fn export(&self) -> PathBuf {
        self.data.join("export.git")
    }

    /// Where agents without a directory of their own work.
    #[must_use]
    pub fn agents(&self) -> PathBuf {
        self.data.join("agents")
    }

    /// What a running node leaves for its clients.
    #[must_use]
    pub fn run_dir(&self) -> PathBuf {
        self.data.join("run")
    }

    fn endpoint_file(&self) -> PathBuf {
        self.run_dir().join("http.json")
    }

    /// The HTTP token as it is kept from one run to the next; `run/token` is there only while a node runs.
    #[must_use]
    pub fn kept_token(&self) -> PathBuf {
        self.data.join("http.token")
    }

    fn token_file(&self) -> PathBuf {
        self.run_dir().join("token")
    }

    /// Where a node of this home listens for its clients. Touches nothing.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.socket_for(std::env::var_os("XDG_RUNTIME_DIR").as_deref(), &std::env::temp_dir())
    }

    /// As [`Home::socket`], and makes sure that its directory is there, ours and 0700.
    ///
    /// # Errors
    /// [`ConfigError::NotOurs`] when somebody else holds the directory.
    pub fn prepare_socket(&self) -> Result<PathBuf, ConfigError> {
        let socket = self.socket();
        files::create_private_dir(socket.parent().unwrap_or(&self.data))?;
        Ok(socket)
    }

    fn socket_for(&self, runtime_dir: Option<&OsStr>, temp_dir: &Path) -> PathBuf {
        let usual = self.run_dir().join("starling.sock");
        if fits(&usual) {
            return usual;
        }
        let hash = blake3::hash(self.data.as_os_str().as_encoded_bytes()).to_hex();
        let name = format!("starling-{}", &hash[..SHORT_NAME_DIGITS]);
        let short = |base: &Path| base.join(&name).join("s.sock");
        runtime_dir
            .map(Path::new)
            .filter(|base| base.is_absolute())
            .map(short)
            .filter(|path| fits(path))
            .unwrap_or_else(|| short(temp_dir))
    }

    /// Tells clients where the node is.
    ///
    /// # Errors
    /// The file system's.
    pub fn write_endpoint(&self, endpoint: &Endpoint) -> Result<(), ConfigError> {
        let path = self.endpoint_file();
        let json = serde_json::to_vec(endpoint)
            .map_err(io::Error::other)
            .map_err(ConfigError::io("write", &path))?;
        files::replace(&path, &json)
    }

    /// What the running node, or one that died, has told. `None` when there is nothing to read or it makes no
    /// sense: whether a node runs is known only by calling it.
    #[must_use]
    pub fn read_endpoint(&self) -> Option<Endpoint> {
        let bytes = files::read_if_there(&self.endpoint_file(), ENDPOINT_BYTES_MAX).ok()??;
        serde_json::from_slice(&bytes).ok()
    }

    /// Takes back what clients were told: call it when the node stops. Missing files are no error.
    pub fn clear_endpoint(&self) {
        for path in [self.token_file(), self.login_page(), self.socket(), self.endpoint_file()] {
            // Best effort: a stale file only costs the next client a failed call.
            let _gone = fs::remove_file(path);
        }
    }

    /// Writes a page that only we can read and that leads to `url`. A browser is given this file, because a
    /// one-time link among its arguments could be read, and used first, by any user of the machine.
    ///
    /// # Errors
    /// The file system's.
    pub fn write_login_page(&self, url: &str) -> Result<PathBuf, ConfigError> {
        let path = self.login_page();
        let safe: String = url.chars().filter(|c| !"\"'<>".contains(*c)).collect();
        let page = format!("<!doctype html><meta http-equiv=\"refresh\" content=\"0; url={safe}\">\n");
        files::replace(&path, page.as_bytes())?;
        Ok(path)
    }

    fn login_page(&self) -> PathBuf {
        self.run_dir().join("open.html")
    }

    /// Stores the token of the HTTP interface, mode 0600: for clients of this run, and for the next run.
    ///
    /// # Errors
    /// The file system's.
    pub fn write_token(&self, token: &str) -> Result<(), ConfigError> {
        files::replace(&self.kept_token(), token.as_bytes())?;
        files::replace(&self.token_file(), token.as_bytes())
    }

    /// Reads the token of the run before. `None` when there was none, or when others could read it too.
    #[must_use]
    pub fn read_kept_token(&self) -> Option<Zeroizing<String>> {
        let bytes = files::read_secret(&self.kept_token(), TOKEN_BYTES_MAX).ok()?;
        Some(Zeroizing::new(std::str::from_utf8(&bytes).ok()?.to_owned()))
    }

    /// Reads the token of the HTTP interface.
    ///
    /// # Errors
    /// [`ConfigError::Missing`] when no node ran here; otherwise as for keys.
    pub fn read_token(&self) -> Result<Zeroizing<String>, ConfigError> {
        let bytes = files::read_secret(&self.token_file(), TOKEN_BYTES_MAX)?;
        Ok(Zeroizing::new(String::from_utf8_lossy(bytes.trim_ascii()).into_owned()))
    }
}

fn fits(path: &Path) -> bool {
    path.as_os_str().len() <= SOCKET_PATH_BYTES_MAX
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_new_home_is_closed_to_others() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(&dir.path().join("a/b")).unwrap();
        home.create().unwrap();
        assert_eq!(mode(home.dir()), 0o700);
        fs::set_permissions(home.run_dir(), fs::Permissions::from_mode(0o755)).unwrap();
        home.create().unwrap();
        assert_eq!(mode(&home.run_dir()), 0o700);
        home.write_token("secret").unwrap();
        assert_eq!(mode(&home.run_dir().join("token")), 0o600);
        assert_eq!(home.read_token().unwrap().as_str(), "secret");
        home.clear_endpoint();
        assert!(matches!(home.read_token(), Err(ConfigError::Missing(_))));
        assert_eq!(mode(&home.kept_token()), 0o600);
        assert_eq!(home.read_kept_token().unwrap().as_str(), "secret");
        fs::set_permissions(home.kept_token(), fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(home.read_kept_token(), None, "others may know it");
    }

    #[test]
    fn what_an_open_home_holds_is_closed_to_others() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path()).unwrap();
        home.close_to_others().unwrap();
        fs::write(home.store(), "").unwrap();
        fs::create_dir(home.export()).unwrap();
        fs::create_dir(home.agents()).unwrap();
        for path in [home.dir(), &home.export(), &home.agents()] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        fs::set_permissions(home.store(), fs::Permissions::from_mode(0o644)).unwrap();
        home.close_to_others().unwrap();
        let modes = [home.store(), home.export(), home.agents()].map(|path| mode(&path));
        assert_eq!(modes, [0o600, 0o700, 0o700]);
        assert_eq!(mode(home.dir()), 0o755, "the directory is its owner's choice");
    }

    #[test]
    fn a_home_is_one_directory_and_absolute() {
        let home = Home::at(Path::new("here")).unwrap();
        assert!(home.store().is_absolute());
        for (path, name) in [
            (home.config_file(), "config.toml"),
            (home.node_key(), "node.key"),
            (home.recovery_key(), "recovery.key"),
            (home.store(), "store.redb"),
            (home.export(), "export.git"),
            (home.agents(), "agents"),
            (home.socket(), "run/starling.sock"),
        ] {
            assert_eq!(path, home.dir().join(name));
        }
        assert!(matches!(Home::at(Path::new("")), Err(ConfigError::NoHome)));
    }

    #[test]
    fn clients_are_told_where_the_node_is() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path()).unwrap();
        home.create().unwrap();
        assert_eq!(home.read_endpoint(), None);
        let endpoint = Endpoint { http: "http://127.0.0.1:4000".to_owned(), socket: home.socket(), pid: 7 };
        home.write_endpoint(&endpoint).unwrap();
        assert_eq!(home.read_endpoint(), Some(endpoint));
        fs::write(home.run_dir().join("http.json"), "{").unwrap();
        assert_eq!(home.read_endpoint(), None);
        home.clear_endpoint();
        assert!(!home.run_dir().join("http.json").exists());
    }

    #[test]
    fn a_deep_home_gets_a_short_socket_of_its_own() {
        let deep = Home::at(&Path::new("/home").join("x".repeat(90))).unwrap();
        let other = Home::at(&Path::new("/home").join("y".repeat(90))).unwrap();
        let temp = Path::new("/tmp");
        let runtime = OsStr::new("/run/user/1000");
        let socket = deep.socket_for(Some(runtime), temp);
        assert!(socket.starts_with("/run/user/1000"), "{}", socket.display());
        assert!(fits(&socket));
        assert_ne!(socket, other.socket_for(Some(runtime), temp));
        assert!(deep.socket_for(None, temp).starts_with("/tmp"));
        let long = OsString::from(format!("/run/{}", "z".repeat(90)));
        assert!(deep.socket_for(Some(&long), temp).starts_with("/tmp"));
        assert!(deep.socket_for(Some(OsStr::new("relative")), temp).starts_with("/tmp"));
    }

    #[test]
    fn without_a_name_the_platform_says_where() {
        let home = Home::resolve(None).unwrap();
        assert!(home.config_file().ends_with("starling/config.toml") || cfg!(target_os = "macos"));
        assert!(home.store().is_absolute());
    }

    #[test]
    fn the_login_page_leads_to_the_link_and_is_closed_to_others() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path()).unwrap();
        home.create().unwrap();
        let page = home.write_login_page("http://127.0.0.1:1/login?code=ab\"><x").unwrap();
        assert_eq!(mode(&page), 0o600);
        let text = fs::read_to_string(&page).unwrap();
        assert!(text.contains("url=http://127.0.0.1:1/login?code=abx\">"), "{text}");
    }
}
