//! The stable codes with which a client is refused, and the HTTP status of each. What happened in a single case is told by
//! the [`Rejection`](super::request::Rejection) around it; titles and hints are `http::problem`'s.

/// The stable codes of the local interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "each is its own name; the table is in docs and in `http::problem`")]
pub enum Code {
    InvalidQuickSessionId,
    InvalidReference,
    MalformedJson,
    Unauthorized,
    QuickSessionForbidden,
    BadOrigin,
    BadHost,
    QuickSessionNotFound,
    QuickSessionAgentNotFound,
    NoSuchEndpoint,
    NotFound,
    QuickSessionTitleRequired,
    QuickSessionIdCollision,
    QuickSessionStaleAttempt,
    QuickSessionArchived,
    QuickSessionInvalidState,
    RequestIdReused,
    HandleTaken,
    /// 425: the device has to be connected for this.
    PeerNotConnected,
    HomeInUse,
    InviteExpired,
    InvalidTicket,
    BodyTooLarge,
    NotJson,
    InvalidTitle,
    InvalidMessage,
    InvalidHandle,
    InvalidField,
    RateLimited,
    StoreFailed,
    ShuttingDown,
}

impl Code {
    /// The HTTP status and the text of the code (the table of the interface).
    #[must_use]
    pub const fn parts(self) -> (u16, &'static str) {
        match self {
            Self::InvalidQuickSessionId => (400, "invalid_quick_session_id"),
            Self::InvalidReference => (400, "invalid_reference"),
            Self::MalformedJson => (400, "malformed_json"),
            Self::Unauthorized => (401, "unauthorized"),
            Self::QuickSessionForbidden => (403, "quick_session_forbidden"),
            Self::BadOrigin => (403, "bad_origin"),
            Self::BadHost => (403, "bad_host"),
            Self::QuickSessionNotFound => (404, "quick_session_not_found"),
            Self::QuickSessionAgentNotFound => (404, "quick_session_agent_not_found"),
            Self::NoSuchEndpoint => (404, "no_such_endpoint"),
            Self::NotFound => (404, "not_found"),
            Self::QuickSessionTitleRequired => (409, "quick_session_title_required"),
            Self::QuickSessionIdCollision => (409, "quick_session_id_collision"),
            Self::QuickSessionStaleAttempt => (409, "quick_session_stale_attempt"),
            Self::QuickSessionArchived => (409, "quick_session_archived"),
            Self::QuickSessionInvalidState => (409, "quick_session_invalid_state"),
            Self::RequestIdReused => (409, "request_id_reused"),
            Self::HandleTaken => (409, "handle_taken"),
            Self::PeerNotConnected => (425, "peer_not_connected"),
            Self::HomeInUse => (409, "home_in_use"),
            Self::InviteExpired => (403, "invite_expired"),
            Self::InvalidTicket => (422, "invalid_ticket"),
            Self::BodyTooLarge => (413, "body_too_large"),
            Self::NotJson => (415, "not_json"),
            Self::InvalidTitle => (422, "invalid_title"),
            Self::InvalidMessage => (422, "invalid_message"),
            Self::InvalidHandle => (422, "invalid_handle"),
            Self::InvalidField => (422, "invalid_field"),
            Self::RateLimited => (429, "rate_limited"),
            Self::StoreFailed => (503, "store_failed"),
            Self::ShuttingDown => (503, "shutting_down"),
        }
    }
}
