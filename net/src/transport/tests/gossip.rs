//! Gossip goes one step, and the next only after a verdict.

use super::*;

/// `a - b - c`: what `a` says reaches `c` only through `b`.
async fn line(listen: &str) -> (Node, Node, Node) {
    let mut a = node(1, listen, &[2]).await;
    let mut b = node(2, listen, &[1, 3]).await;
    let mut c = node(3, listen, &[2]).await;
    connect(&mut a, &mut b).await;
    connect(&mut b, &mut c).await;
    a.publish_to_somebody(b"warm a").await;
    let (_, token, _) = b.gossip().await;
    b.judge(token, Verdict::Ignore).await;
    b.publish_to_somebody(b"warm b").await;
    for node in [&mut a, &mut c] {
        let (_, token, data) = node.gossip().await;
        assert_eq!(data, b"warm b");
        node.judge(token, Verdict::Accept).await;
    }
    (a, b, c)
}

fn is_gossip(event: &Event) -> bool {
    matches!(event, Event::Gossip { .. })
}

async fn forwarded_after_a_verdict(listen: &str) {
    let (a, mut b, mut c) = line(listen).await;
    a.publish(b"news").await;
    let (from, token, data) = b.gossip().await;
    assert_eq!((from, data.as_slice()), (a.key, &b"news"[..]));
    c.never("forwarded before the verdict", QUIET, is_gossip).await;
    b.judge(token, Verdict::Accept).await;
    let (from, _, data) = c.gossip().await;
    assert_eq!((from, data.as_slice()), (b.key, &b"news"[..]));

    for (text, verdict) in [(b"bad", Verdict::Reject), (b"odd", Verdict::Ignore)] {
        a.publish(text).await;
        let (_, token, _) = b.gossip().await;
        b.judge(token, verdict).await;
        c.never("forwarded although not accepted", QUIET, is_gossip).await;
    }
}

#[tokio::test]
async fn gossip_is_forwarded_after_a_verdict_over_quic() {
    forwarded_after_a_verdict(QUIC).await;
}

#[tokio::test]
async fn gossip_is_forwarded_after_a_verdict_over_tcp() {
    forwarded_after_a_verdict(TCP).await;
}

#[tokio::test]
async fn refused_messages_cost_a_peer_the_ear() {
    let (a, mut b, _c) = line(QUIC).await;
    for number in 0..3u8 {
        a.publish(&[b'!', number]).await;
        let (_, token, _) = b.gossip().await;
        b.judge(token, Verdict::Reject).await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    a.publish(b"listen to me").await;
    b.never("heard a peer of whom three messages were refused", QUIET, is_gossip).await;
    a.send(b.key, "frames still work").await;
    assert_eq!(b.frame(a.key).await, b"frames still work");
}

#[tokio::test]
async fn the_largest_record_fits() {
    let (a, mut b, _c) = line(QUIC).await;
    let data = vec![7; 65_536 + 4096];
    a.publish(&data).await;
    assert_eq!(b.gossip().await.2, data);
}

#[tokio::test]
async fn a_publication_that_reaches_nobody_is_reported() {
    let mut a = node(1, QUIC, &[2]).await;
    a.publish(b"hello?").await;
    let (id, reason) = not_published(&mut a).await;
    assert_eq!((id, reason), (message_id(b"hello?"), NotPublished::NoPeers));
    a.publish(&vec![1; limits::GOSSIP_BYTES_MAX + 1]).await;
    assert_eq!(not_published(&mut a).await.1, NotPublished::TooLarge);
}

async fn not_published(node: &mut Node) -> ([u8; 32], NotPublished) {
    node.until("a report", |event| match event {
        Event::NotPublished { id, reason } => Some((id, reason)),
        _ => None,
    })
    .await
}
