//! gossipsub as we use it: one topic, unsigned messages (records carry their own signatures), named by the hash of their
//! content, forwarded only after the caller accepted them. Tuned for 2 to 50 peers. Gossip is a hint: whatever it drops,
//! anti-entropy carries.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use libp2p::PeerId;
use libp2p::gossipsub::{
    self, IdentTopic, IdentityTransform, Message, MessageAcceptance, MessageAuthenticity, MessageId,
    PeerScoreParams, PeerScoreThresholds, PublishError, TopicScoreParams, ValidationMode,
    WhitelistSubscriptionFilter,
};

use super::limits::{GOSSIP_BYTES_MAX, GOSSIP_QUEUED_MAX};
use super::{NotPublished, TransportError, Verdict};

/// One topic only: what else a peer subscribes to is not remembered.
pub(super) type Gossip = gossipsub::Behaviour<IdentityTransform, WhitelistSubscriptionFilter>;

/// Names a received message until its verdict.
#[derive(Debug, Clone)]
pub struct GossipToken {
    pub(super) message: MessageId,
    pub(super) from: PeerId,
}

/// The topic's name is the hash in hex.
pub(super) fn topic(hash: &[u8; 32]) -> IdentTopic {
    IdentTopic::new(hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

/// The behaviour, subscribed to the topic.
pub(super) fn behaviour(
    topic: &IdentTopic,
    message_id: fn(&[u8]) -> [u8; 32],
) -> Result<Gossip, TransportError> {
    let settings = |error: String| TransportError::Settings(error);
    let config = config(message_id).map_err(settings)?;
    let filter = WhitelistSubscriptionFilter(HashSet::from([topic.hash()]));
    let anonymous = MessageAuthenticity::Anonymous;
    let mut gossip = Gossip::new_with_subscription_filter(anonymous, config, filter)
        .map_err(|error| settings(error.to_owned()))?;
    gossip.with_peer_score(scores(topic), thresholds()).map_err(settings)?;
    gossip.subscribe(topic).map_err(|error| settings(format!("{error:?}")))?;
    Ok(gossip)
}

fn config(message_id: fn(&[u8]) -> [u8; 32]) -> Result<gossipsub::Config, String> {
    gossipsub::ConfigBuilder::default()
        .validation_mode(ValidationMode::Anonymous)
        .validate_messages()
        .message_id_fn(move |message: &Message| MessageId::new(&message_id(&message.data)))
        .max_transmit_size(GOSSIP_BYTES_MAX)
        .connection_handler_queue_len(GOSSIP_QUEUED_MAX)
        // Up to five peers are grafted at once, without waiting for a heartbeat: that is the whole group of most users.
        .mesh_n(6)
        .mesh_n_low(5)
        .mesh_n_high(12)
        .mesh_outbound_min(1)
        .flood_publish(true)
        .heartbeat_initial_delay(Duration::from_millis(200))
        .heartbeat_interval(Duration::from_secs(1))
        // A message waits for its verdict in the history: ten heartbeats.
        .history_length(10)
        .history_gossip(3)
        .duplicate_cache_time(Duration::from_secs(300))
        .build()
        .map_err(|error| error.to_string())
}

/// Only refused messages and broken gossip promises count. Slow devices, many devices behind one address and quiet
/// hours are no faults among members.
fn scores(topic: &IdentTopic) -> PeerScoreParams {
    let refused = TopicScoreParams {
        topic_weight: 1.0,
        time_in_mesh_weight: 0.0,
        first_message_deliveries_weight: 0.0,
        mesh_message_deliveries_weight: 0.0,
        mesh_failure_penalty_weight: 0.0,
        invalid_message_deliveries_weight: -10.0,
        invalid_message_deliveries_decay: gossipsub::score_parameter_decay(Duration::from_secs(600)),
        ..TopicScoreParams::default()
    };
    PeerScoreParams {
        topics: HashMap::from([(topic.hash(), refused)]),
        ip_colocation_factor_weight: 0.0,
        behaviour_penalty_weight: -1.0,
        slow_peer_weight: 0.0,
        ..PeerScoreParams::default()
    }
}

/// One refused message costs 10 points and the place in the mesh, three cost 90 and the ear.
fn thresholds() -> PeerScoreThresholds {
    PeerScoreThresholds {
        gossip_threshold: -15.0,
        publish_threshold: -50.0,
        graylist_threshold: -80.0,
        ..PeerScoreThresholds::default()
    }
}

pub(super) fn acceptance(verdict: Verdict) -> MessageAcceptance {
    match verdict {
        Verdict::Accept => MessageAcceptance::Accept,
        Verdict::Ignore => MessageAcceptance::Ignore,
        Verdict::Reject => MessageAcceptance::Reject,
    }
}

/// Why nobody got it; `None` if it is on its way already.
pub(super) fn not_published(error: &PublishError) -> Option<NotPublished> {
    match error {
        PublishError::Duplicate => None,
        PublishError::MessageTooLarge => Some(NotPublished::TooLarge),
        PublishError::NoPeersSubscribedToTopic => Some(NotPublished::NoPeers),
        PublishError::AllQueuesFull(_) | PublishError::SigningError(_) | PublishError::TransformFailed(_) => {
            Some(NotPublished::Busy)
        }
    }
}
