//! Scripts of the demo agent: one step a line, played anew at each prompt, so that every path of a turn can be shown.
//!
//! A line is a word and, for most words, a text up to the line's end. Blank lines and lines that begin with `#` count
//! for nothing. Reading a script is pure; playing it is the demo agent's.

use std::time::Duration;

/// Bytes of a script: far more than any demonstration needs.
pub const SCRIPT_BYTES_MAX: usize = 64 * 1_024;
/// Milliseconds of one `sleep`: longer than any time-out worth showing.
pub const SLEEP_MS_MAX: u64 = 3_600_000;

/// One step of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// `say TEXT`: streams text.
    Say(String),
    /// `tool NAME`: reports a tool call, begun and done.
    Tool(String),
    /// `set_title TEXT`: calls the tool.
    SetTitle(String),
    /// `reply TEXT`: calls the tool.
    Reply(String),
    /// `summarize TEXT`: calls the tool.
    Summarize(String),
    /// `ask_permission TEXT`: asks for a permission and says what came back.
    AskPermission(String),
    /// `sleep MILLIS`: waits, or ends the turn when it is cancelled meanwhile.
    Sleep(Duration),
    /// `crash`: ends the process at once.
    Crash,
    /// `hang`: never goes on, not even when cancelled.
    Hang,
    /// `skip_title`: replies without ever having set a title, and ends the turn there.
    SkipTitle,
}

/// A line that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct ScriptError {
    /// The line's number, from 1; 0 when it is about the whole script.
    pub line: usize,
    /// What is wrong with it, and what is right.
    pub problem: String,
}

/// Reads a script.
pub fn parse(script: &str) -> Result<Vec<Step>, ScriptError> {
    if script.len() > SCRIPT_BYTES_MAX {
        let problem = format!("a script has at most {SCRIPT_BYTES_MAX} bytes, this one has {}", script.len());
        return Err(ScriptError { line: 0, problem });
    }
    let numbered = script.lines().map(str::trim).enumerate();
    numbered
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(index, line)| step(line).map_err(|problem| ScriptError { line: index + 1, problem }))
        .collect()
}

fn step(line: &str) -> Result<Step, String> {
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    let text = || match rest {
        "" => Err(format!("`{word}` needs a text after it")),
        text => Ok(text.to_owned()),
    };
    let alone = |step| match rest {
        "" => Ok(step),
        _ => Err(format!("`{word}` stands alone")),
    };
    match word {
        "say" => text().map(Step::Say),
        "tool" => text().map(Step::Tool),
        "set_title" => text().map(Step::SetTitle),
        "reply" => text().map(Step::Reply),
        "summarize" => text().map(Step::Summarize),
        "ask_permission" => text().map(Step::AskPermission),
        "sleep" => sleep(rest),
        "crash" => alone(Step::Crash),
        "hang" => alone(Step::Hang),
        "skip_title" => alone(Step::SkipTitle),
        _ => Err(format!(
            "unknown step `{}`; there are say, tool, set_title, reply, summarize, ask_permission, sleep, crash, hang \
             and skip_title",
            word.escape_debug()
        )),
    }
}

fn sleep(millis: &str) -> Result<Step, String> {
    let parsed = millis.parse::<u64>().ok().filter(|millis| *millis <= SLEEP_MS_MAX);
    let millis = parsed.ok_or_else(|| format!("`sleep` needs milliseconds, 0 to {SLEEP_MS_MAX}"))?;
    Ok(Step::Sleep(Duration::from_millis(millis)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_is_read() {
        let script = "# all of them\n\nsay a  b\n tool grep\nset_title T\nreply R\nsummarize S\nask_permission P\n\
                      sleep 20\ncrash\nhang\nskip_title\n";
        let text = |text: &str| text.to_owned();
        let expected = vec![
            Step::Say(text("a  b")),
            Step::Tool(text("grep")),
            Step::SetTitle(text("T")),
            Step::Reply(text("R")),
            Step::Summarize(text("S")),
            Step::AskPermission(text("P")),
            Step::Sleep(Duration::from_millis(20)),
            Step::Crash,
            Step::Hang,
            Step::SkipTitle,
        ];
        assert_eq!(parse(script), Ok(expected));
    }

    #[test]
    fn a_bad_line_is_named() {
        for (script, line, word) in [
            ("say hi\nshout hi", 2, "unknown step `shout`"),
            ("\n\nsay", 3, "needs a text"),
            ("sleep soon", 1, "milliseconds"),
            ("sleep 99999999999", 1, "milliseconds"),
            ("crash now", 1, "stands alone"),
        ] {
            let error = parse(script).unwrap_err();
            assert_eq!(error.line, line, "{script:?}");
            assert!(error.to_string().contains(word), "{error}");
        }
        assert_eq!(parse(&"#".repeat(SCRIPT_BYTES_MAX + 1)).unwrap_err().line, 0);
    }
}
