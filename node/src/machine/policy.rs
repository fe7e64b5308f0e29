//! What the host of an agent lets it do: how long a turn may take, how many there may be, what becomes of one that was
//! interrupted, and who answers its permission requests. Local to the device, never replicated: no word of the network
//! changes it.

use minicbor::{Decode, Encode};

/// What an agent may do on this device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct AgentPolicy {
    /// What becomes of a turn that was under way when the device stopped.
    #[n(0)]
    pub on_interrupt: OnInterrupt,
    /// Who answers permission requests.
    #[n(1)]
    pub permissions: Permissions,
    /// Seconds that a turn may take.
    #[n(2)]
    pub turn_seconds: u32,
    /// Seconds without any sign of the agent after which its turn is ended.
    #[n(3)]
    pub silence_seconds: u32,
    /// Turns that may begin within an hour; 0 for any number.
    #[n(4)]
    pub turns_per_hour: u32,
    /// Megabytes of memory that it and what it starts may have together, 0 for any amount.
    #[n(5)]
    pub memory_mb: u32,
}

impl AgentPolicy {
    /// What holds where nothing else was said: models think for minutes without a token, and two agents that set each
    /// other off are stopped by the number of turns.
    pub const DEFAULT: Self = Self {
        on_interrupt: OnInterrupt::Fail,
        permissions: Permissions::Host,
        turn_seconds: 3_600,
        silence_seconds: 300,
        turns_per_hour: 240,
        memory_mb: 8_192,
    };
}

impl Default for AgentPolicy {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What becomes of a turn that was under way when the device stopped. What the agent did until then is not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum OnInterrupt {
    /// It failed: at most once.
    #[default]
    #[n(0)]
    Fail,
    /// It is begun again, a few times at most: at least once.
    #[n(1)]
    Retry,
}

/// Who answers an agent's permission requests. Calls of a turn's own tools are allowed always.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Permissions {
    /// Nobody: all are refused at once.
    #[n(0)]
    Refuse,
    /// Whoever uses this device.
    #[default]
    #[n(1)]
    Host,
    /// Also the session's creator, on another device.
    #[n(2)]
    Creator,
}
