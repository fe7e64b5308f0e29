//! Where the export is pushed to: a path, a URL or `host:path`, as the git program takes it. It is checked for what
//! would make it something else than an argument, and no more: git knows its own addresses. What is shown to people
//! has no password.

/// Bytes of a remote: far more than any URL or path that works.
const REMOTE_BYTES_MAX: usize = 2_048;

/// A remote repository for `git push`.
#[derive(Clone, PartialEq, Eq)]
pub struct Remote(String);

impl Remote {
    /// Takes any text that git can only read as an address.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        if text.trim().is_empty() {
            return Err("a remote is a path, a URL or host:path");
        }
        if text.starts_with('-') {
            return Err("a remote cannot begin with `-`: git would take it for an option");
        }
        if text.chars().any(char::is_control) {
            return Err("a remote cannot have control characters");
        }
        if text.len() > REMOTE_BYTES_MAX {
            return Err("a remote has at most 2,048 bytes");
        }
        Ok(Self(text.to_owned()))
    }

    /// For the git program.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// For people: without the name and password of a URL.
    #[must_use]
    pub fn shown(&self) -> String {
        let Some((scheme, rest)) = self.0.split_once("://") else {
            return self.0.clone();
        };
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        match host.rsplit_once('@') {
            // A name alone is no secret, and part of most addresses for ssh. A token given as a name is one.
            Some((user, host)) if user.contains(':') || scheme.starts_with("http") => {
                format!("{scheme}://{host}{path}")
            }
            _ => self.0.clone(),
        }
    }
}

impl std::fmt::Debug for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Remote({:?})", self.shown())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_an_option_or_has_control_characters_is_no_remote() {
        for good in
            ["/srv/x.git", "x", "../x", "git@host:x.git", "ssh://me@host/x", "https://host/x", "a b", "é"]
        {
            assert_eq!(Remote::new(good).unwrap().as_str(), good);
        }
        let long = "x".repeat(REMOTE_BYTES_MAX + 1);
        for bad in ["", " ", "-x", "--receive-pack=evil", "a\nb", "a\0b", "\u{1b}[2J", "a\u{85}", &long] {
            assert!(Remote::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn no_password_is_shown() {
        for (remote, shown) in [
            ("https://me:secret@host/x", "https://host/x"),
            ("https://token@host/x@y", "https://host/x@y"),
            ("https://me:p@ss@host:8443/x", "https://host:8443/x"),
            ("ssh://git@host/x", "ssh://git@host/x"),
            ("ssh://git:secret@host", "ssh://host"),
            ("git@host:x.git", "git@host:x.git"),
            ("/srv/a@b:c", "/srv/a@b:c"),
        ] {
            let remote = Remote::new(remote).unwrap();
            assert_eq!(remote.shown(), shown);
            assert!(!format!("{remote:?}").contains("secret"));
        }
    }
}
