//! The modes of an agent's session: which there are, and how the session is put into one. Agents offer them as modes or, as
//! the protocol wants it from now on, as one of their options (`session/set_config_option`, category `mode`); where both
//! are there, the option counts.

use std::time::Duration;

use agent_client_protocol::v1::schema::{
    SessionConfigId, SessionConfigKind, SessionConfigOption, SessionConfigOptionCategory,
    SessionConfigOptionValue, SessionConfigSelectOption, SessionConfigSelectOptions, SessionId, SessionMode,
    SessionModeState, SetSessionConfigOptionRequest, SetSessionModeRequest,
};
use agent_client_protocol::{Error, ErrorCode};

use super::connection::Connection;
use crate::agent::{FailReason, Phase, TurnFailure};
use crate::machine::capabilities::Mode;

/// What a session can be put into.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Modes {
    /// The option that holds the mode, where it is one.
    option: Option<SessionConfigId>,
    pub(super) offered: Vec<Mode>,
}

impl Modes {
    /// Reads what came with the session.
    pub(super) fn of(modes: Option<SessionModeState>, options: Option<Vec<SessionConfigOption>>) -> Self {
        let is_mode =
            |option: &SessionConfigOption| option.category == Some(SessionConfigOptionCategory::Mode);
        if let Some(SessionConfigOption { id, kind: SessionConfigKind::Select(select), .. }) =
            options.into_iter().flatten().find(is_mode)
        {
            let values = match select.options {
                SessionConfigSelectOptions::Ungrouped(values) => values,
                SessionConfigSelectOptions::Grouped(groups) => {
                    groups.into_iter().flat_map(|group| group.options).collect()
                }
                // The protocol grows.
                _ => Vec::new(),
            };
            let offered = values.into_iter().map(of_value).collect();
            return Self { option: Some(id), offered };
        }
        let offered = modes.into_iter().flat_map(|modes| modes.available_modes).map(of_mode).collect();
        Self { option: None, offered }
    }

    /// Puts the session into a mode. One that an agent does not offer fails with the names of those that it does.
    pub(super) async fn set(
        &self,
        connection: &Connection,
        session: &SessionId,
        mode: &str,
        limit: Duration,
    ) -> Result<(), TurnFailure> {
        if !self.offered.is_empty() && self.offered.iter().all(|offered| offered.id != mode) {
            let ids: Vec<&str> = self.offered.iter().map(|offered| offered.id.as_str()).collect();
            let detail = format!("it has no mode {mode:?}; it has {}", ids.join(", "));
            return Err(TurnFailure::new(FailReason::Refused, detail));
        }
        match tokio::time::timeout(limit, self.ask(connection, session, mode)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) if error.code == ErrorCode::METHOD_NOT_FOUND => {
                let detail = format!("it has no modes, and is to be in {mode:?}: add it without `--mode`");
                Err(TurnFailure::new(FailReason::Refused, detail))
            }
            Ok(Err(error)) => {
                let failure = connection.failure(&error).await;
                let detail = format!("it does not go into the mode {mode:?}: {}", failure.detail);
                Err(TurnFailure::new(failure.reason, detail))
            }
            Err(_) => {
                let text = format!("no answer to the mode {mode:?} within {} s", limit.as_secs_f32());
                Err(TurnFailure::new(FailReason::TimedOut(Phase::OpenSession), text))
            }
        }
    }

    async fn ask(&self, connection: &Connection, session: &SessionId, mode: &str) -> Result<(), Error> {
        if let Some(option) = &self.option {
            let value = SessionConfigOptionValue::value_id(mode.to_owned());
            let request = SetSessionConfigOptionRequest::new(session.clone(), option.clone(), value);
            connection.agent.send_request(request).block_task().await?;
        } else {
            let request = SetSessionModeRequest::new(session.clone(), mode.to_owned());
            connection.agent.send_request(request).block_task().await?;
        }
        Ok(())
    }
}

fn of_mode(SessionMode { id, name, .. }: SessionMode) -> Mode {
    Mode { id: id.0.to_string(), name }
}

fn of_value(SessionConfigSelectOption { value, name, .. }: SessionConfigSelectOption) -> Mode {
    Mode { id: value.0.to_string(), name }
}
