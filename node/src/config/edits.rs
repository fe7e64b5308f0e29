//! Changes of `config.toml` that leave the rest of the file as its owner wrote it: order, comments, blank lines. Values are
//! replaced in the parsed document; the result is read as a start would read it before it is written.

use toml_edit::{Array, DocumentMut, Item, Table, TableLike, Value};

use super::{ConfigError, Home, Settings, files};

/// A setting, by its name in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// `label`
    Label,
    /// `mdns`
    Mdns,
    /// `peers`
    Peers,
    /// `listen.quic`
    ListenQuic,
    /// `listen.tcp`
    ListenTcp,
    /// `listen.http`
    ListenHttp,
    /// `export.remote`
    ExportRemote,
}

impl Setting {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Label,
        Self::Mdns,
        Self::Peers,
        Self::ListenQuic,
        Self::ListenTcp,
        Self::ListenHttp,
        Self::ExportRemote,
    ];

    /// Its name, with a dot between table and key.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Label => "label",
            Self::Mdns => "mdns",
            Self::Peers => "peers",
            Self::ListenQuic => "listen.quic",
            Self::ListenTcp => "listen.tcp",
            Self::ListenHttp => "listen.http",
            Self::ExportRemote => "export.remote",
        }
    }

    /// What holds while it is not set.
    #[must_use]
    pub const fn usual(self) -> &'static str {
        match self {
            Self::Label => "this device is called by the machine's name",
            Self::Mdns => "the local network is looked through for other nodes",
            Self::Peers => "no other addresses are called at a start",
            Self::ListenQuic | Self::ListenTcp | Self::ListenHttp => {
                "the next `starling up` picks a port and keeps it"
            }
            Self::ExportRemote => "the export is pushed nowhere",
        }
    }

    /// What it may be, in words.
    #[must_use]
    pub const fn takes(self) -> &'static str {
        match self {
            Self::Label => "a name of a few words",
            Self::Mdns => "true or false",
            Self::Peers => "multiaddrs, such as /ip4/192.0.2.1/udp/4001/quic-v1",
            Self::ListenQuic => "multiaddrs, such as /ip4/0.0.0.0/udp/4001/quic-v1",
            Self::ListenTcp => "multiaddrs, such as /ip4/0.0.0.0/tcp/4001",
            Self::ListenHttp => "a loopback address, such as 127.0.0.1:8080",
            Self::ExportRemote => "a path, a URL or host:path",
        }
    }

    /// The setting of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|setting| setting.name() == name)
    }

    const fn is_list(self) -> bool {
        matches!(self, Self::Peers | Self::ListenQuic | Self::ListenTcp)
    }

    /// The words of a command line as a value of the file.
    fn value(self, words: &[String]) -> Result<Value, String> {
        let name = self.name();
        if self.is_list() {
            return Ok(Value::Array(words.iter().map(String::as_str).collect::<Array>()));
        }
        let [word] = words else { return Err(format!("{name}: it takes one value")) };
        match self {
            Self::Mdns => word.parse::<bool>().map(Value::from).map_err(|_| format!("{name}: true or false")),
            _ => Ok(Value::from(word.as_str())),
        }
    }
}

impl Settings {
    /// Changes one setting in the home's file, or with `None` takes it out. Everything else in the file stays as it is.
    ///
    /// # Errors
    /// [`ConfigError::Settings`] when the file is not sound, or would not be then; otherwise the file system's.
    pub fn set(home: &Home, setting: Setting, words: Option<&[String]>) -> Result<(), ConfigError> {
        let path = home.config_file();
        let wrong = |problem: String| ConfigError::Settings { path: path.clone(), problem };
        let mut document = read(home)?;
        let value = words.map(|words| setting.value(words)).transpose().map_err(wrong)?;
        put(&mut document, setting.name(), value.map(Item::Value)).map_err(wrong)?;
        let text = document.to_string();
        Self::parse(&text).map_err(wrong)?;
        home.create()?;
        files::replace(&path, text.as_bytes())
    }

    /// Writes the settings, in one step. What is the same in the old file stays as it was written, comments too.
    ///
    /// # Errors
    /// [`ConfigError::Settings`] when a value is out of bounds; otherwise the file system's.
    pub fn save(&self, home: &Home) -> Result<(), ConfigError> {
        let path = home.config_file();
        let wrong = |problem: String| ConfigError::Settings { path: path.clone(), problem };
        self.check().map_err(wrong)?;
        let new: DocumentMut =
            self.to_toml()?.parse().map_err(|error: toml_edit::TomlError| wrong(error.to_string()))?;
        // A file that nobody can read has nothing to keep.
        let mut document = read(home).unwrap_or_default();
        merge(document.as_table_mut(), new.as_table());
        files::replace(&path, document.to_string().as_bytes())
    }
}

fn read(home: &Home) -> Result<DocumentMut, ConfigError> {
    let path = home.config_file();
    let wrong = |problem: String| ConfigError::Settings { path: path.clone(), problem };
    let Some(bytes) = files::read_if_there(&path, super::settings::FILE_BYTES_MAX)? else {
        return Ok(DocumentMut::new());
    };
    let text = std::str::from_utf8(&bytes).map_err(|error| wrong(error.to_string()))?;
    text.parse().map_err(|error: toml_edit::TomlError| wrong(error.to_string()))
}

/// Puts an item in its place, with what stands around the old one.
fn put(document: &mut DocumentMut, name: &str, item: Option<Item>) -> Result<(), String> {
    let (table, key) = match name.split_once('.') {
        None => (document.as_table_mut() as &mut dyn TableLike, name),
        Some((table, key)) => {
            let inner = document.entry(table).or_insert_with(|| Item::Table(Table::new()));
            (inner.as_table_like_mut().ok_or_else(|| format!("{table}: it is no table"))?, key)
        }
    };
    match item {
        Some(item) => replace(table, key, item),
        None => drop(table.remove(key)),
    }
    Ok(())
}

fn replace(table: &mut dyn TableLike, key: &str, mut item: Item) {
    if let (Some(Item::Value(old)), Item::Value(new)) = (table.get(key), &mut item) {
        *new.decor_mut() = old.decor().clone();
    }
    match table.get_mut(key) {
        Some(place) => *place = item,
        None => drop(table.insert(key, item)),
    }
}

/// Makes `old` say what `new` does.
fn merge(old: &mut dyn TableLike, new: &dyn TableLike) {
    let gone: Vec<String> =
        old.iter().map(|(key, _)| key.to_owned()).filter(|key| !new.contains_key(key)).collect();
    for key in gone {
        old.remove(&key);
    }
    for (key, item) in new.iter() {
        let inner = old.get_mut(key).and_then(Item::as_table_like_mut).zip(item.as_table_like());
        if let Some((old, new)) = inner {
            merge(old, new);
        } else if !old.get(key).is_some_and(|there| is_same(there, item)) {
            replace(old, key, item.clone());
        }
    }
}

/// Whether two items mean the same, however they are written.
fn is_same(one: &Item, other: &Item) -> bool {
    match (one, other) {
        (Item::Value(Value::String(one)), Item::Value(Value::String(other))) => one.value() == other.value(),
        (Item::Value(Value::Boolean(one)), Item::Value(Value::Boolean(other))) => {
            one.value() == other.value()
        }
        (Item::Value(Value::Array(one)), Item::Value(Value::Array(other))) => {
            let texts =
                |array: &Array| array.iter().map(|it| it.as_str().map(str::to_owned)).collect::<Vec<_>>();
            texts(one) == texts(other)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const FILE: &str = "# My node\nlabel = 'desk' # upstairs\n\n[listen]\n# fixed for the firewall\nquic = [\n  \"/ip4/0.0.0.0/udp/4001/quic-v1\",\n]\n";

    fn home(text: &str) -> (tempfile::TempDir, Home) {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path()).unwrap();
        home.create().unwrap();
        fs::write(home.config_file(), text).unwrap();
        (dir, home)
    }

    fn text(home: &Home) -> String {
        fs::read_to_string(home.config_file()).unwrap()
    }

    fn set(home: &Home, name: &str, words: &[&str]) -> Result<(), ConfigError> {
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        Settings::set(home, Setting::named(name).unwrap(), Some(&words))
    }

    #[test]
    fn a_setting_changes_and_comments_stay() {
        let (_dir, home) = home(FILE);
        set(&home, "label", &["büro"]).unwrap();
        set(&home, "mdns", &["false"]).unwrap();
        set(&home, "listen.http", &["127.0.0.1:8080"]).unwrap();
        set(&home, "export.remote", &["git@example.com:a"]).unwrap();
        let text = text(&home);
        assert!(text.starts_with("# My node\nlabel = \"büro\" # upstairs\nmdns = false\n"), "{text}");
        assert!(text.contains("# fixed for the firewall\nquic = [\n  \"/ip4"), "{text}");
        assert!(text.contains("http = \"127.0.0.1:8080\"") && text.contains("[export]\nremote ="), "{text}");
        let settings = Settings::load(&home).unwrap();
        assert_eq!((settings.label.as_deref(), settings.mdns), (Some("büro"), false));
        Settings::set(&home, Setting::Label, None).unwrap();
        assert_eq!(Settings::load(&home).unwrap().label, None);
    }

    #[test]
    fn what_would_not_start_is_not_written() {
        let (_dir, home) = home(FILE);
        for (name, words) in [
            ("mdns", &["maybe"][..]),
            ("listen.http", &["0.0.0.0:80"]),
            ("peers", &["bob"]),
            ("label", &["a", "b"]),
            ("export.remote", &["--upload-pack=x"]),
        ] {
            let error = set(&home, name, words).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
            assert_eq!(text(&home), FILE, "{name}");
        }
    }

    #[test]
    fn a_save_touches_only_what_changed() {
        let (_dir, home) = home(FILE);
        let mut settings = Settings::load(&home).unwrap();
        settings.listen.http = Some("127.0.0.1:9".parse().unwrap());
        settings.save(&home).unwrap();
        let text = text(&home);
        assert!(text.starts_with("# My node\nlabel = 'desk' # upstairs\n"), "{text}");
        assert!(text.contains("# fixed for the firewall\nquic = [\n  \"/ip4"), "{text}");
        assert_eq!(Settings::load(&home).unwrap(), settings);
    }
}
