//! Real swarms on loopback sockets, mDNS off. Each wait has a limit; a node that goes out of scope ends.

mod connections;
mod frames;
mod gossip;
mod loss;
mod strangers;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::*;

const QUIC: &str = "/ip4/127.0.0.1/udp/0/quic-v1";
const TCP: &str = "/ip4/127.0.0.1/tcp/0";
const PATIENCE: Duration = Duration::from_secs(20);
/// Long enough for what must not happen to happen: gossip takes milliseconds, or a heartbeat of one second.
const QUIET: Duration = Duration::from_millis(2500);

struct Node {
    key: PeerKey,
    address: String,
    commands: mpsc::Sender<Command>,
    events: mpsc::Receiver<Event>,
    /// Of each peer, as far as the events were taken.
    conversations: BTreeMap<PeerKey, u64>,
    task: JoinHandle<Result<(), TransportError>>,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn key(seed: u8) -> PeerKey {
    peer_of_seed(&[seed; 32]).unwrap()
}

fn keys(seeds: &[u8]) -> BTreeSet<PeerKey> {
    seeds.iter().map(|seed| key(*seed)).collect()
}

/// A stand-in for the hash of a record.
fn message_id(data: &[u8]) -> [u8; 32] {
    let mut id = [0; 32];
    id.iter_mut().zip(data).for_each(|(to, from)| *to = *from);
    id
}

fn config(seed: u8, listen: &[&str], allow: &[u8]) -> Config {
    Config {
        key_seed: Zeroizing::new([seed; 32]),
        listen: listen.iter().map(|address| (*address).to_owned()).collect(),
        mdns: false,
        topic: [9; 32],
        message_id,
        agent: "test".into(),
        allow: keys(allow),
    }
}

#[expect(clippy::disallowed_methods, reason = "the tests are the shell here")]
fn spawn<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(task)
}

fn execute(task: BoxFuture<'static, ()>) {
    spawn(task);
}

/// A node that listens on one address.
async fn node(seed: u8, listen: &str, allow: &[u8]) -> Node {
    let (commands, command_receiver) = mpsc::channel(64);
    let (event_sender, events) = mpsc::channel(64);
    let task = spawn(run(config(seed, &[listen], allow), command_receiver, event_sender, execute));
    let mut node = Node {
        key: key(seed),
        address: String::new(),
        conversations: BTreeMap::new(),
        commands,
        events,
        task,
    };
    node.address = node
        .until("an address to listen on", |event| match event {
            Event::Listening { address } => Some(address),
            _ => None,
        })
        .await;
    node
}

impl Node {
    async fn tell(&self, command: Command) {
        timeout(PATIENCE, self.commands.send(command)).await.unwrap().unwrap();
    }

    async fn dial(&self, other: &Node) {
        let addresses = vec![other.address.clone()];
        self.tell(Command::Dial { peer: Some(other.key), addresses }).await;
    }

    async fn send(&self, to: PeerKey, frame: impl Into<Vec<u8>>) {
        let conversation = self.conversations.get(&to).copied().unwrap_or_default();
        self.tell(Command::Send { peer: to, conversation, frame: frame.into() }).await;
    }

    async fn next(&mut self) -> Event {
        let event = self.events.recv().await.expect("the transport ended");
        if let Event::Connected { peer, conversation, .. } = event {
            self.conversations.insert(peer, conversation);
        }
        event
    }

    async fn publish(&self, data: &[u8]) {
        self.tell(Command::Publish { id: message_id(data), data: data.to_vec() }).await;
    }

    async fn judge(&self, token: GossipToken, verdict: Verdict) {
        self.tell(Command::Verdict { token, verdict }).await;
    }

    async fn allow(&self, seeds: &[u8]) {
        self.tell(Command::Allow { peers: keys(seeds) }).await;
    }

    /// The first event that `pick` takes; all before it are dropped.
    async fn until<T>(&mut self, what: &str, mut pick: impl FnMut(Event) -> Option<T>) -> T {
        let mut seen = Vec::new();
        let found = timeout(PATIENCE, async {
            loop {
                let event = self.next().await;
                seen.push(brief(&event));
                if let Some(found) = pick(event) {
                    return found;
                }
            }
        });
        let found = found.await.ok();
        found.unwrap_or_else(|| panic!("{:?} waited for {what} and saw only {seen:?}", self.key))
    }

    /// Fails if `pick` takes an event within the given time.
    async fn never(&mut self, what: &str, during: Duration, mut pick: impl FnMut(&Event) -> bool) {
        let quiet = timeout(during, async {
            loop {
                let event = self.next().await;
                assert!(!pick(&event), "{what}: {}", brief(&event));
            }
        });
        let Err(_) = quiet.await;
    }

    async fn connected(&mut self, to: PeerKey) -> (bool, bool) {
        self.until("a connection", |event| match event {
            Event::Connected { peer, outbound, allowed, .. } if peer == to => Some((outbound, allowed)),
            _ => None,
        })
        .await
    }

    async fn disconnected(&mut self, from: PeerKey) -> String {
        self.until("the end of a connection", |event| match event {
            Event::Disconnected { peer, reason } if peer == from => Some(reason),
            _ => None,
        })
        .await
    }

    async fn frame(&mut self, from: PeerKey) -> Vec<u8> {
        self.until("a frame", |event| match event {
            Event::Frame { peer, frame } if peer == from => Some(frame),
            _ => None,
        })
        .await
    }

    async fn gossip(&mut self) -> (PeerKey, GossipToken, Vec<u8>) {
        self.until("gossip", |event| match event {
            Event::Gossip { from, token, data } => Some((from, token, data)),
            _ => None,
        })
        .await
    }

    /// Publishes until it reaches somebody: the peer's subscription comes a little after the connection.
    async fn publish_to_somebody(&mut self, data: &[u8]) {
        for _ in 0..100 {
            self.publish(data).await;
            let refused = timeout(Duration::from_millis(100), async {
                loop {
                    if let Event::NotPublished { reason, .. } = self.next().await {
                        break reason;
                    }
                }
            });
            if refused.await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("nobody takes part in the gossip");
    }
}

async fn connect(from: &mut Node, to: &mut Node) {
    from.dial(to).await;
    assert!(from.connected(to.key).await.0);
    assert!(!to.connected(from.key).await.0);
}

fn brief(event: &Event) -> String {
    format!("{event:?}").chars().take(200).collect()
}
