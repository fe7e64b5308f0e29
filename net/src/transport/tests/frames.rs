//! Frames arrive in order, whole, and never faster than they are taken.

use super::*;
use crate::transport::limits::{FRAME_BYTES_MAX, FRAMES_QUEUED_MAX};

async fn frames_arrive_in_order(listen: &str) {
    let (mut a, mut b) = (node(1, listen, &[]).await, node(2, listen, &[]).await);
    connect(&mut a, &mut b).await;
    for number in 0..300u32 {
        a.send(b.key, number.to_be_bytes()).await;
        b.send(a.key, (number + 1000).to_be_bytes()).await;
        if number % 50 == 49 {
            for expected in number - 49..=number {
                assert_eq!(b.frame(a.key).await, expected.to_be_bytes());
                assert_eq!(a.frame(b.key).await, (expected + 1000).to_be_bytes());
            }
        }
    }
    let largest: Vec<u8> = (0..FRAME_BYTES_MAX).map(|at| (at % 251) as u8).collect();
    a.send(b.key, largest.clone()).await;
    a.send(b.key, Vec::new()).await;
    assert!(b.frame(a.key).await == largest, "the largest frame came out changed");
    assert!(b.frame(a.key).await.is_empty());
}

#[tokio::test]
async fn frames_arrive_in_order_over_quic() {
    frames_arrive_in_order(QUIC).await;
}

#[tokio::test]
async fn frames_arrive_in_order_over_tcp() {
    frames_arrive_in_order(TCP).await;
}

async fn send_failure(node: &mut Node) -> SendFailure {
    node.until("a failed send", |event| match event {
        Event::SendFailed { reason, .. } => Some(reason),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn what_cannot_be_sent_is_said() {
    let (mut a, mut b) = (node(1, QUIC, &[]).await, node(2, QUIC, &[]).await);
    a.send(b.key, "x").await;
    assert_eq!(send_failure(&mut a).await, SendFailure::NotConnected);
    connect(&mut a, &mut b).await;
    a.tell(Command::Send { peer: b.key, conversation: 99, frame: b"of another time".to_vec() }).await;
    assert_eq!(send_failure(&mut a).await, SendFailure::NotConnected);
    a.send(b.key, vec![0; FRAME_BYTES_MAX + 1]).await;
    assert_eq!(send_failure(&mut a).await, SendFailure::TooLarge);
    a.send(b.key, "still connected").await;
    assert_eq!(b.frame(a.key).await, b"still connected");
}

/// A peer that does not take its frames must not cost us memory: its queue has an end, and then it is dropped.
async fn a_slow_reader_is_dropped(listen: &str) {
    let (mut a, mut b) = (node(1, listen, &[]).await, node(2, listen, &[]).await);
    connect(&mut a, &mut b).await;
    for _ in 0..FRAMES_QUEUED_MAX {
        a.send(b.key, vec![0; FRAME_BYTES_MAX]).await;
        if let Ok(Event::SendFailed { reason, .. }) = a.events.try_recv() {
            assert_eq!(reason, SendFailure::QueueFull);
            let reason = a.disconnected(b.key).await;
            assert!(reason.contains("does not read"), "{reason}");
            return;
        }
    }
    panic!("a gigabyte was taken for a peer that does not read");
}

#[tokio::test]
async fn a_slow_reader_is_dropped_over_quic() {
    a_slow_reader_is_dropped(QUIC).await;
}

#[tokio::test]
async fn a_slow_reader_is_dropped_over_tcp() {
    a_slow_reader_is_dropped(TCP).await;
}

#[tokio::test]
async fn a_caller_that_takes_its_time_gets_every_frame() {
    let (mut a, mut b) = (node(1, QUIC, &[]).await, node(2, QUIC, &[]).await);
    connect(&mut a, &mut b).await;
    for number in 0..30u8 {
        a.send(b.key, vec![number; FRAME_BYTES_MAX / 4]).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    for number in 0..30u8 {
        assert_eq!(b.frame(a.key).await.first(), Some(&number));
    }
}

#[tokio::test]
async fn what_was_sent_before_a_disconnect_arrives() {
    for listen in [QUIC, TCP] {
        let (mut a, mut b) = (node(1, listen, &[]).await, node(2, listen, &[]).await);
        connect(&mut a, &mut b).await;
        a.send(b.key, vec![7; FRAME_BYTES_MAX]).await;
        a.send(b.key, "goodbye").await;
        a.tell(Command::Disconnect { peer: b.key }).await;
        assert_eq!(b.frame(a.key).await.len(), FRAME_BYTES_MAX);
        assert_eq!(b.frame(a.key).await, b"goodbye");
        b.disconnected(a.key).await;
        a.disconnected(b.key).await;
    }
}
