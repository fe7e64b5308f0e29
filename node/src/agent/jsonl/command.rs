//! The command line and the environment of one prompt, from a profile's templates. Nothing that anybody wrote in a session
//! gets in here: the prompt is input, and a token that could be taken for an option is no token.

use std::ffi::OsString;
use std::path::Path;

use super::Profile;
use crate::agent::Door;
use crate::agent::door::{ENV_ATTEMPT, ENV_SECRET, ENV_SOCKET};

/// Bytes of a token: programs use UUIDs and the like.
const TOKEN_BYTES_MAX: usize = 128;

/// The whole command line: the user's own words, then the profile's.
pub(super) fn words(profile: &Profile, own: &[String], exe: &Path, token: Option<&str>) -> Vec<String> {
    let template = if token.is_some() { profile.resume } else { profile.begin };
    let ours = template.iter().map(|word| filled(word, exe, token));
    own.iter().cloned().chain(ours).collect()
}

/// The variables beyond the allowed ones: the turn's door, and what the profile sets.
pub(super) fn env(profile: &Profile, door: &Door, exe: &Path) -> Vec<(String, OsString)> {
    let own = profile.env.iter();
    let own = own.map(|(name, value)| ((*name).to_owned(), OsString::from(filled(value, exe, None))));
    let door = [
        (ENV_SOCKET, door.socket.clone().into_os_string()),
        (ENV_ATTEMPT, OsString::from(&door.attempt_id)),
        (ENV_SECRET, OsString::from(door.secret.expose())),
    ];
    own.chain(door.map(|(name, value)| (name.to_owned(), value))).collect()
}

/// Fills in a template. The binary's path is written as a JSON string, which is a TOML string too.
fn filled(template: &str, exe: &Path, token: Option<&str>) -> String {
    let quoted = serde_json::Value::from(exe.to_string_lossy()).to_string();
    template.replace("{token}", token.unwrap_or_default()).replace("{exe}", &quoted)
}

/// A token that can be an argument: short, and no option.
pub(super) fn usable(token: &str) -> bool {
    let plain = token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte));
    plain && token.len() <= TOKEN_BYTES_MAX && token.starts_with(|c: char| c.is_ascii_alphanumeric())
}
