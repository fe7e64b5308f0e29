//! A peer that goes away is noticed: at once when it says so, within half a minute when it just falls silent.

use std::sync::mpsc::{Sender, channel};
use std::time::Instant;

use super::*;

/// The promise of the transport for a peer that is gone without a word.
const NOTICED_WITHIN: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_shutdown_is_seen_at_once() {
    for listen in [QUIC, TCP] {
        let (mut a, mut b) = (node(1, listen, &[]).await, node(2, listen, &[]).await);
        connect(&mut a, &mut b).await;
        b.tell(Command::Shutdown).await;
        timeout(Duration::from_secs(3), a.disconnected(b.key)).await.unwrap();
        timeout(Duration::from_secs(3), &mut b.task).await.unwrap().unwrap().unwrap();
    }
}

#[tokio::test]
async fn closing_the_command_channel_ends_the_transport() {
    let mut a = node(1, QUIC, &[]).await;
    let (commands, _) = mpsc::channel(1);
    drop(std::mem::replace(&mut a.commands, commands));
    timeout(Duration::from_secs(3), &mut a.task).await.unwrap().unwrap().unwrap();
}

/// A node in a thread of its own that connects to `to` and then hangs, sockets open, until the sender is dropped.
fn hung(seed: u8, listen: &'static str, to: String) -> Sender<()> {
    let (release, hang) = channel::<()>();
    let body = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut node = node(seed, listen, &[1]).await;
            node.tell(Command::Dial { peer: None, addresses: vec![to] }).await;
            node.connected(key(1)).await;
            node.send(key(1), "I am here").await;
            tokio::time::sleep(Duration::from_millis(500)).await;
            let _ = hang.recv(); // Blocks the only thread of the runtime.
        });
    };
    std::thread::Builder::new().spawn(body).unwrap();
    release
}

async fn a_silent_peer_is_noticed(listen: &'static str) {
    let mut a = node(1, listen, &[2]).await;
    let release = hung(2, listen, a.address.clone());
    assert_eq!(a.frame(key(2)).await, b"I am here");
    #[expect(clippy::disallowed_methods, reason = "the test measures real time")]
    let since = Instant::now();
    let noticed = async {
        while let Some(event) = a.events.recv().await {
            if let Event::Disconnected { .. } = event {
                return;
            }
        }
    };
    timeout(NOTICED_WITHIN, noticed).await.expect("a silent peer was not noticed");
    println!("{listen}: noticed after {:?}", since.elapsed());
    drop(release);
}

#[tokio::test]
async fn a_silent_peer_is_noticed_over_quic() {
    a_silent_peer_is_noticed(QUIC).await;
}

#[tokio::test]
async fn a_silent_peer_is_noticed_over_tcp() {
    a_silent_peer_is_noticed(TCP).await;
}

/// A device that was killed and started again must not wait until we notice that its old connection is dead.
#[tokio::test]
async fn a_restarted_peer_is_let_in_at_once() {
    for listen in [QUIC, TCP] {
        let mut a = node(1, listen, &[2]).await;
        let release = hung(2, listen, a.address.clone());
        assert_eq!(a.frame(key(2)).await, b"I am here");
        tokio::time::sleep(Duration::from_secs(1)).await;
        let mut again = node(2, listen, &[1]).await;
        again.dial(&a).await;
        timeout(Duration::from_secs(3), async {
            // Who dials speaks first: until then it could be a connection that lost the race of a dial.
            again.connected(key(1)).await;
            again.send(key(1), "I am back").await;
            a.disconnected(key(2)).await;
            a.connected(key(2)).await;
            assert_eq!(a.frame(key(2)).await, b"I am back");
            a.send(key(2), "welcome").await;
            assert_eq!(again.frame(key(1)).await, b"welcome");
        })
        .await
        .expect("a restarted peer had to wait");
        drop(release);
    }
}
