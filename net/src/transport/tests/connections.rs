//! One conversation with each peer, however the connections come about.

use super::*;

/// Greets at each `Connected`, as the sync machine does, until nothing happens any more. The last conversation must
/// hold the peer's greeting, whatever became of those before it.
async fn settle(node: &mut Node, peer: PeerKey, connected: bool) {
    let (mut connected, mut greeted) = (connected, connected);
    while let Ok(event) = timeout(Duration::from_millis(1500), node.next()).await {
        match event {
            Event::Connected { peer: who, .. } if who == peer => {
                assert!(!connected, "connected twice");
                (connected, greeted) = (true, false);
                node.send(peer, "hello").await;
            }
            Event::Disconnected { peer: who, .. } if who == peer => {
                assert!(connected, "disconnected twice");
                connected = false;
            }
            Event::Frame { peer: who, frame } if who == peer => {
                assert!(connected && !greeted, "a frame of another conversation");
                assert_eq!(frame, b"hello");
                greeted = true;
            }
            _ => {}
        }
    }
    assert!(connected, "not connected");
    assert!(greeted, "the greeting was lost");
}

async fn works(a: &mut Node, b: &mut Node) {
    a.send(b.key, "there").await;
    assert_eq!(b.frame(a.key).await, b"there");
    b.send(a.key, "and back").await;
    assert_eq!(a.frame(b.key).await, b"and back");
    a.publish_to_somebody(b"gossip").await;
    assert_eq!(b.gossip().await.2, b"gossip");
}

/// Without names neither side can see that it dials a peer that dials it: there are two connections for certain.
async fn a_simultaneous_dial_leaves_a_working_pair(listen: &str) {
    for named in [true, false, true, false] {
        let (mut a, mut b) = (node(1, listen, &[2]).await, node(2, listen, &[1]).await);
        let (a_key, b_key) = (a.key, b.key);
        let dial_b = Command::Dial { peer: named.then_some(b_key), addresses: vec![b.address.clone()] };
        let dial_a = Command::Dial { peer: named.then_some(a_key), addresses: vec![a.address.clone()] };
        tokio::join!(a.tell(dial_b), b.tell(dial_a));
        tokio::join!(settle(&mut a, b_key, false), settle(&mut b, a_key, false));
        works(&mut a, &mut b).await;
    }
}

#[tokio::test]
async fn a_simultaneous_dial_leaves_a_working_pair_over_quic() {
    a_simultaneous_dial_leaves_a_working_pair(QUIC).await;
}

#[tokio::test]
async fn a_simultaneous_dial_leaves_a_working_pair_over_tcp() {
    a_simultaneous_dial_leaves_a_working_pair(TCP).await;
}

/// Dials that do not say whom they mean make a second connection, whichever side has the smaller key.
#[tokio::test]
async fn a_second_connection_replaces_the_first() {
    for (first, second) in [(1, 2), (2, 1)] {
        let (mut a, mut b) = (node(first, QUIC, &[second]).await, node(second, QUIC, &[first]).await);
        connect(&mut a, &mut b).await;
        a.tell(Command::Dial { peer: None, addresses: vec![b.address.clone()] }).await;
        let (a_key, b_key) = (a.key, b.key);
        tokio::join!(settle(&mut a, b_key, true), settle(&mut b, a_key, true));
        works(&mut a, &mut b).await;
    }
}

/// A dial goes to several addresses at once, and who is dialled may see more than one connection of it before the dialler
/// drops those that lost. None of them may end the one that won.
#[tokio::test]
async fn a_dial_to_several_addresses_of_a_peer_leaves_one_connection() {
    let everywhere = "/ip4/0.0.0.0/udp/0/quic-v1";
    let mut b = node(2, everywhere, &[]).await;
    let port = b.address.split('/').nth(4).unwrap().to_owned();
    let addresses = |n: u8| format!("/ip4/127.0.0.{n}/udp/{port}/quic-v1");
    for seed in 10..40 {
        let mut a = node(seed, QUIC, &[]).await;
        let dial = Command::Dial { peer: Some(b.key), addresses: (1..6).map(addresses).collect() };
        a.tell(dial).await;
        a.connected(b.key).await;
        a.send(b.key, "hello").await;
        assert_eq!(b.frame(a.key).await, b"hello");
        let key = b.key;
        a.never(
            "it is cut",
            Duration::from_millis(150),
            |event| matches!(event, Event::Disconnected { peer, .. } if *peer == key),
        )
        .await;
    }
}

#[tokio::test]
async fn a_dial_to_a_connected_peer_does_nothing() {
    let (mut a, mut b) = (node(1, QUIC, &[]).await, node(2, QUIC, &[]).await);
    connect(&mut a, &mut b).await;
    a.dial(&b).await;
    b.dial(&a).await;
    a.never("a dial was not needed", Duration::from_millis(700), |event| !matches!(event, Event::Rtt { .. }))
        .await;
}

#[tokio::test]
async fn an_address_with_a_peer_needs_no_other_name() {
    let (mut a, mut b) = (node(1, QUIC, &[]).await, node(2, QUIC, &[]).await);
    let address = format!("{}/p2p/{}", b.address, peer_id_string(b.key));
    a.tell(Command::Dial { peer: None, addresses: vec![address] }).await;
    a.connected(b.key).await;
    b.connected(a.key).await;
}

async fn dial_error(node: &mut Node, peer: Option<PeerKey>, address: &str) -> String {
    node.tell(Command::Dial { peer, addresses: vec![address.to_owned()] }).await;
    node.until("a failed dial", |event| match event {
        Event::DialFailed { peer: who, error, .. } if who == peer => Some(error),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn a_dial_that_fails_says_why() {
    let (mut a, b) = (node(1, QUIC, &[]).await, node(2, QUIC, &[]).await);
    assert!(dial_error(&mut a, Some(key(3)), "/ip4/127.0.0.1/tcp/1").await.contains("refused"));
    assert!(dial_error(&mut a, None, "nowhere").await.contains("nowhere"));
    assert!(!dial_error(&mut a, Some(key(3)), &b.address).await.is_empty());
    let named = format!("{}/p2p/{}", b.address, peer_id_string(b.key));
    assert!(dial_error(&mut a, Some(key(3)), &named).await.contains("another peer"));
}

#[tokio::test]
async fn one_bad_address_does_not_stop_the_others() {
    let (_commands, receiver) = mpsc::channel(1);
    let (sender, mut events) = mpsc::channel(8);
    let task =
        spawn(run(config(1, &["/ip4/203.0.113.7/tcp/0", TCP, "junk"], &[]), receiver, sender, execute));
    let (mut failed, mut listening) = (Vec::new(), 0);
    while failed.len() < 2 || listening < 1 {
        match timeout(PATIENCE, events.recv()).await.unwrap().unwrap() {
            Event::ListenFailed { address, .. } => failed.push(address),
            Event::Listening { .. } => listening += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(failed, ["/ip4/203.0.113.7/tcp/0", "junk"]);
    task.abort();

    let (_commands, receiver) = mpsc::channel(1);
    let (sender, _events) = mpsc::channel(8);
    let ended = timeout(PATIENCE, run(config(1, &["junk"], &[]), receiver, sender, execute)).await.unwrap();
    assert!(matches!(ended, Err(TransportError::NoListener(_))), "{ended:?}");
}

#[tokio::test]
async fn all_interfaces_are_reported_one_by_one() {
    let a = node(1, "/ip4/0.0.0.0/udp/0/quic-v1", &[]).await;
    assert!(!a.address.contains("0.0.0.0") && !a.address.contains("/udp/0/"), "{}", a.address);
}
