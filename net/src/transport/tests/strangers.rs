//! A stranger gets frames and ping, and learns neither topic nor addresses.

use futures::StreamExt as _;
use libp2p::swarm::{NetworkBehaviour, Swarm, SwarmEvent};
use libp2p::{identify, swarm};

use super::*;
use crate::transport::address::keypair;
use crate::transport::frames::Frames;
use crate::transport::gate::Gated;
use crate::transport::gossip::{Gossip, behaviour, topic};
use crate::transport::swarm::quic_and_tcp;

async fn says(from: &Node, to: &mut Node, text: &str) {
    from.send(to.key, text).await;
    assert_eq!(to.frame(from.key).await, text.as_bytes());
}

#[tokio::test]
async fn a_stranger_gets_frames_and_no_gossip() {
    let (mut a, mut b) = (node(1, QUIC, &[]).await, node(2, QUIC, &[1]).await);
    b.dial(&a).await;
    assert_eq!(b.connected(a.key).await, (true, true));
    assert_eq!(a.connected(b.key).await, (false, false));
    says(&b, &mut a, "let me in").await;
    says(&a, &mut b, "no").await;
    for _ in 0..10 {
        b.publish(b"psst").await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    a.publish(b"secret").await;
    a.never("gossip of a stranger", QUIET, |event| matches!(event, Event::Gossip { .. })).await;
    b.never("gossip to a stranger", Duration::from_millis(200), |event| {
        matches!(event, Event::Gossip { .. })
    })
    .await;
}

/// The two sides learn of each other at different times, and the connection must not be lost by it: that would throw
/// away the frames in which they introduce themselves.
async fn an_admitted_peer_gets_gossip_on_the_connection_it_has(listen: &str) {
    let (mut a, mut b) = (node(1, listen, &[]).await, node(2, listen, &[]).await);
    connect(&mut a, &mut b).await;
    a.allow(&[2]).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    b.allow(&[1]).await;
    a.publish_to_somebody(b"welcome").await;
    assert_eq!(b.gossip().await.2, b"welcome");
    b.publish_to_somebody(b"thanks").await;
    assert_eq!(a.gossip().await.2, b"thanks");
    says(&a, &mut b, "still the same connection").await;
    for node in [&mut a, &mut b] {
        let lost = |event: &Event| matches!(event, Event::Disconnected { .. } | Event::Connected { .. });
        node.never("the connection was made anew", Duration::from_millis(300), lost).await;
    }
}

#[tokio::test]
async fn an_admitted_peer_gets_gossip_on_the_connection_it_has_over_quic() {
    an_admitted_peer_gets_gossip_on_the_connection_it_has(QUIC).await;
}

#[tokio::test]
async fn an_admitted_peer_gets_gossip_on_the_connection_it_has_over_tcp() {
    an_admitted_peer_gets_gossip_on_the_connection_it_has(TCP).await;
}

#[tokio::test]
async fn a_removed_peer_hears_why_and_is_out() {
    let (mut a, mut b) = (node(1, QUIC, &[2]).await, node(2, QUIC, &[1]).await);
    connect(&mut a, &mut b).await;
    a.publish_to_somebody(b"before").await;
    assert_eq!(b.gossip().await.2, b"before");
    a.send(b.key, "you were removed").await;
    a.allow(&[]).await;
    a.publish(b"after").await;
    assert_eq!(b.frame(a.key).await, b"you were removed");
    b.disconnected(a.key).await;
    a.disconnected(b.key).await;
    b.dial(&a).await;
    assert_eq!(a.connected(b.key).await, (false, false));
    a.publish(b"and later").await;
    b.never("gossip to a removed peer", QUIET, |event| matches!(event, Event::Gossip { .. })).await;
}

#[derive(NetworkBehaviour)]
struct Curious {
    frames: Frames,
    identify: identify::Behaviour,
    gossip: Gated<Gossip>,
}

/// A peer with the same protocols and no gates towards us.
fn curious(seed: u8, of: &Node) -> Swarm<Curious> {
    let keypair = keypair(&[seed; 32]).unwrap();
    let local = keypair.public().to_peer_id();
    let mut gossip = Gated::new(behaviour(&topic(&[9; 32]), message_id).unwrap());
    gossip.allow(&BTreeSet::from([address::peer_id(of.key).unwrap()]));
    let identify = identify::Config::new("/starling/1".into(), keypair.public());
    let behaviour =
        Curious { frames: Frames::new(local), identify: identify::Behaviour::new(identify), gossip };
    let settings = swarm::Config::with_executor(execute);
    Swarm::new(quic_and_tcp(&keypair).unwrap(), behaviour, local, settings)
}

/// What the curious peer learned: by identify, and of topics.
async fn learned(seed: u8, of: &Node) -> (bool, bool) {
    let mut swarm = curious(seed, of);
    swarm.dial(of.address.parse::<libp2p::Multiaddr>().unwrap()).unwrap();
    let (mut identified, mut topics, mut connected) = (false, false, false);
    let look = async {
        loop {
            match swarm.select_next_some().await {
                SwarmEvent::ConnectionEstablished { .. } => connected = true,
                SwarmEvent::Behaviour(CuriousEvent::Identify(identify::Event::Received { .. })) => {
                    identified = true;
                }
                SwarmEvent::Behaviour(CuriousEvent::Gossip(libp2p::gossipsub::Event::Subscribed {
                    ..
                })) => topics = true,
                _ => {}
            }
        }
    };
    assert!(timeout(QUIET, look).await.is_err());
    assert!(connected);
    (identified, topics)
}

#[tokio::test]
async fn a_curious_stranger_learns_nothing_and_a_member_learns_all() {
    let a = node(1, QUIC, &[3]).await;
    assert_eq!(learned(2, &a).await, (false, false));
    assert_eq!(learned(3, &a).await, (true, true));
}

#[tokio::test]
async fn a_program_that_speaks_no_frames_is_sent_away() {
    let mut a = node(1, QUIC, &[]).await;
    let keypair = keypair(&[2; 32]).unwrap();
    let settings = swarm::Config::with_executor(execute).with_idle_connection_timeout(PATIENCE);
    let (carrier, ping) = (quic_and_tcp(&keypair).unwrap(), libp2p::ping::Behaviour::default());
    let mut other = Swarm::new(carrier, ping, keypair.public().to_peer_id(), settings);
    other.dial(a.address.parse::<libp2p::Multiaddr>().unwrap()).unwrap();
    let task = spawn(async move { while other.next().await.is_some() {} });
    a.connected(key(2)).await;
    let reason = a.disconnected(key(2)).await;
    assert!(reason.contains("takes no frames"), "{reason}");
    task.abort();
}
