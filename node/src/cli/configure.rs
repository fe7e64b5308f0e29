//! `starling config`: the settings of a home, read and changed by their names. What is set is checked as the node checks it
//! at a start, before anything is written; comments and order of the file stay. A node reads them when it starts.

use super::Context;
use super::args::ConfigVerb;
use super::client::{Call, paths};
use super::failure::{Exit, Failure};
use super::render::clean;
use super::values;
use crate::config::{Setting, Settings};
use crate::machine::request::Code;

pub(super) async fn run(cx: &mut Context, verb: ConfigVerb) -> Result<(), Failure> {
    match verb {
        ConfigVerb::Path => {
            let path = cx.home.config_file();
            if cx.out.json {
                return cx.out.data(&format!("{}\n", serde_json::json!({ "path": path })));
            }
            cx.out.data(&format!("{}\n", path.display()))
        }
        ConfigVerb::Check => check(cx),
        ConfigVerb::Get { key: None } => {
            let settings = Settings::load(&cx.home)?;
            let text =
                if cx.out.json { json_of(&settings)?.to_string() + "\n" } else { settings.to_toml()? };
            cx.out.data(&clean(&text))
        }
        ConfigVerb::Get { key: Some(key) } => get(cx, &key),
        ConfigVerb::Set { key, values, unset } => {
            let setting = find(&key)?;
            let values = if unset { None } else { Some(values) };
            check_addresses(setting, values.as_deref().unwrap_or_default())?;
            Settings::set(&cx.home, setting, values.as_deref()).map_err(|error| {
                Failure::from(error).hint(format!("nothing was changed; {key} takes {}", setting.takes()))
            })?;
            cx.out.note(&format!("{key} is set in {}", cx.home.config_file().display()));
            if cx.client.ask(Call::get(paths::HEALTH)).await.is_ok() {
                cx.out.note(
                    "the node runs with what it read at its start: `starling down`, then `starling up`",
                );
            }
            get(cx, &key)
        }
    }
}

fn find(key: &str) -> Result<Setting, Failure> {
    let names = || Setting::ALL.map(Setting::name).join(", ");
    Setting::named(key).ok_or_else(|| {
        Failure::of(Code::InvalidField, format!("there is no setting {key:?}"))
            .hint(format!("one of {}", names()))
    })
}

fn json_of(settings: &Settings) -> Result<serde_json::Value, Failure> {
    serde_json::to_value(settings).map_err(|error| Failure::new(Exit::Failed, "io", error.to_string()))
}

fn get(cx: &mut Context, key: &str) -> Result<(), Failure> {
    let setting = find(key)?;
    let all = json_of(&Settings::load(&cx.home)?)?;
    let value = setting.name().split('.').try_fold(&all, |value, part| value.get(part)).cloned();
    let value = value.unwrap_or_default();
    if cx.out.json {
        return cx.out.data(&format!("{value}\n"));
    }
    let lines: Vec<String> = match &value {
        serde_json::Value::Array(values) => values.iter().map(plain).collect(),
        one => vec![plain(one)],
    };
    let lines: Vec<String> = lines.into_iter().filter(|line| !line.is_empty()).collect();
    if lines.is_empty() {
        cx.out.note(&format!("{key} is not set; {}", setting.usual()));
    }
    let text: String = lines.iter().map(|line| format!("{}\n", clean(line))).collect();
    cx.out.data(&text)
}

fn plain(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Null => String::new(),
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn check(cx: &mut Context) -> Result<(), Failure> {
    let settings = Settings::load(&cx.home)?;
    for (setting, values) in [
        (Setting::Peers, &settings.peers),
        (Setting::ListenQuic, &settings.listen.quic),
        (Setting::ListenTcp, &settings.listen.tcp),
    ] {
        check_addresses(setting, values)?;
    }
    let path = cx.home.config_file();
    if cx.out.json {
        return cx.out.data(&format!("{}\n", serde_json::json!({ "path": path, "ok": true })));
    }
    let there = if path.exists() { "is sound" } else { "is not there: all is as usual" };
    cx.out.data(&format!("{} {there}\n", path.display()))
}

/// The file checks the outer form of addresses; the network knows what is in them.
fn check_addresses(setting: Setting, values: &[String]) -> Result<(), Failure> {
    let check: fn(&str) -> Result<String, values::Invalid> = match setting {
        Setting::Peers => values::multiaddr,
        Setting::ListenQuic | Setting::ListenTcp => values::listen_address,
        Setting::Label | Setting::Mdns | Setting::ListenHttp | Setting::ExportRemote => return Ok(()),
    };
    for value in values {
        check(value)?;
    }
    Ok(())
}
