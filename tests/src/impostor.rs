//! A modified peer: the real transport and the real sync machine, driven by a test instead of a node, so that it can say
//! what no honest node says. It keeps an honest replica to build on, offers records of the test's making to anybody, and
//! notes all that it is told. A stranger is the same without a place on the roster.

mod mind;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use ed25519_dalek::SigningKey;
use starling_crdt::id::{AttemptId, DeviceKey, RecordId, WorkspaceId};
use starling_crdt::payload::{Payload, Turn};
use starling_crdt::record::Record;
use starling_crdt::session::Session;
use starling_crdt::signed::{Signed, Verified, device_key, id_of_wire};
use starling_net::transport::{self, PeerKey};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use crate::node::Node;
use crate::wait::{PATIENCE, wait_for};
use mind::Mind;

/// Commands and events that may wait.
const CHANNEL_MAX: usize = 256;
/// Between two dials.
const DIAL_TIME: Duration = Duration::from_millis(500);
/// How long a publication may take to be refused by our own gossip.
const REFUSAL_TIME: Duration = Duration::from_millis(250);

/// A peer that a test speaks for. Its connections end when it goes out of scope.
#[derive(Debug)]
pub struct Impostor {
    key: SigningKey,
    mind: Arc<Mutex<Mind>>,
    runtime: Option<Runtime>,
    orders: mpsc::Sender<Order>,
}

/// What a test wants said.
#[derive(Debug)]
enum Order {
    Dial(DeviceKey, Vec<String>),
    Publish(RecordId, Vec<u8>),
    /// Something in our mind is new: tell the sync machine.
    Think,
}

impl Impostor {
    /// Takes the place of a member's device whose node is not up, and trusts `peers`.
    ///
    /// # Panics
    /// When the home has no key.
    #[must_use]
    pub fn in_place_of(node: &Node, workspace: &str, peers: &[&Node]) -> Self {
        let line = std::fs::read_to_string(node.home().join("node.key")).expect("the home has a key");
        let seed: DeviceKey = line.trim().parse().expect("64 hexadecimal digits");
        let peers = peers.iter().map(|node| device(node)).collect();
        Self::start(*seed.as_bytes(), workspace.parse().expect("a workspace"), peers)
    }

    /// Somebody who belongs to nothing, but may know a workspace's id.
    ///
    /// # Panics
    /// When it is no id.
    #[must_use]
    pub fn stranger(seed: [u8; 32], workspace: Option<&str>) -> Self {
        let workspace =
            workspace.map_or(WorkspaceId::from_bytes([1; 32]), |id| id.parse().expect("a workspace"));
        Self::start(seed, workspace, BTreeSet::new())
    }

    fn start(seed: [u8; 32], workspace: WorkspaceId, peers: BTreeSet<DeviceKey>) -> Self {
        let key = SigningKey::from_bytes(&seed);
        let config = transport::Config {
            key_seed: seed.into(),
            listen: Vec::new(),
            mdns: false,
            topic: *blake3::keyed_hash(workspace.as_bytes(), b"starling/gossip/1").as_bytes(),
            message_id: |data| {
                id_of_wire(data).map_or_else(|| *blake3::hash(data).as_bytes(), |id| *id.as_bytes())
            },
            agent: "impostor".to_owned(),
            allow: peers.iter().map(|peer| PeerKey(*peer.as_bytes())).collect(),
        };
        let (commands, commanded) = mpsc::channel(CHANNEL_MAX);
        let (happens, events) = mpsc::channel(CHANNEL_MAX);
        let (orders, ordered) = mpsc::channel(CHANNEL_MAX);
        let mind = Arc::new(Mutex::new(Mind::new(device_key(&key), workspace, peers)));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        runtime.spawn(async move {
            let execute = |task| drop(tokio::spawn(task));
            let ended = transport::run(config, commanded, happens, execute).await;
            assert!(ended.is_ok(), "the impostor's transport: {ended:?}");
        });
        runtime.spawn(mind::live(Arc::clone(&mind), commands, events, ordered));
        Self { key, mind, runtime: Some(runtime), orders }
    }

    fn order(&self, order: Order) {
        self.orders.blocking_send(order).expect("the impostor lives");
    }

    fn mind(&self) -> MutexGuard<'_, Mind> {
        self.mind.lock().expect("the impostor lives")
    }

    /// Connects to a node, by the addresses that it told when it came up. What happened before is not forgotten.
    pub fn dial(&self, node: &Node) {
        let listen = node.greeting()["listen"].as_array().cloned().unwrap_or_default();
        let addresses = listen.iter().filter_map(|address| address.as_str().map(str::to_owned));
        self.order(Order::Dial(device(node), addresses.collect()));
    }

    /// Connects to a node, again and again as nodes do, until it has let us in.
    pub fn enter(&self, node: &Node) {
        wait_for("the impostor is let in", PATIENCE, || {
            self.dial(node);
            std::thread::sleep(DIAL_TIME);
            self.mind().accepted.then_some(())
        });
    }

    /// Whether a peer was dropped, by us or by itself.
    #[must_use]
    pub fn was_dropped(&self) -> bool {
        self.mind().dropped
    }

    /// Every byte of frames and gossip that it was told.
    #[must_use]
    pub fn heard(&self) -> Vec<u8> {
        self.mind().heard.clone()
    }

    /// The session and roster records that it was told, however they came.
    #[must_use]
    pub fn records_seen(&self) -> BTreeSet<RecordId> {
        self.mind().seen.clone()
    }

    /// How many records the sync machine has sent.
    #[must_use]
    pub fn records_sent(&self) -> u64 {
        self.mind().sent()
    }

    /// Signs a record of a session that it holds, on top of all that it holds of it. Nothing is sent, and no rule of a
    /// session is asked.
    ///
    /// # Panics
    /// When it does not learn of the session.
    #[must_use]
    pub fn sign(&self, session: &str, at_ms: u64, say: impl Fn(&Session) -> Payload) -> Signed<Verified> {
        wait_for("the impostor knows the session", PATIENCE, || {
            let mind = self.mind();
            let held = mind.session(session)?;
            let record = Record {
                workspace: mind.roster.workspace(),
                stream: held.key(),
                author: device_key(&self.key),
                roster: mind.roster.heads().iter().copied().collect(),
                deps: held.heads().iter().copied().collect(),
                at_ms,
                payload: say(held),
            };
            Some(Signed::sign(record, &self.key).expect("it is inside the bounds"))
        })
    }

    /// Tells everybody by gossip, and returns when it went out.
    pub fn gossip(&self, record: &Signed<Verified>) {
        wait_for("somebody takes part in the gossip", PATIENCE, || {
            self.mind().unpublished.remove(&record.id());
            self.order(Order::Publish(record.id(), record.wire().to_vec()));
            std::thread::sleep(REFUSAL_TIME);
            (!self.mind().unpublished.contains(&record.id())).then_some(())
        });
        self.mind().keep(record.clone());
    }

    /// Offers it to everybody by the sync machine, and returns when one more record was sent.
    pub fn exchange(&self, record: &Signed<Verified>) {
        let before = self.records_sent();
        self.mind().keep(record.clone());
        self.order(Order::Think);
        wait_for("a peer fetches it", PATIENCE, || (self.records_sent() > before).then_some(()));
    }
}

/// Goes on from the agent's newest record.
#[must_use]
pub fn turn(session: &Session, attempt: AttemptId) -> Turn {
    Turn { attempt, prev: session.facts().tips.iter().next().copied() }
}

fn device(node: &Node) -> DeviceKey {
    node.device().parse().expect("a key")
}

impl Drop for Impostor {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.mind.lock().map(|mind| mind.log.join("\n"));
            eprintln!("--- impostor ---\n{}", log.unwrap_or_default());
        }
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(3));
        }
    }
}
