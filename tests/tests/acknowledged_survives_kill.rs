//! What was acknowledged is never lost: two nodes are killed again and again in the middle of writing, and in the end each
//! has every message that either of them took, once.
//!
//! This is the promise that all others rest on. A writer that gets no answer asks again with the same request id, at
//! whichever node answers, as a client would: so a message may be written on both, and must be shown once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, RwLock};
use std::thread;
use std::time::Duration;

use serde_json::json;
use starling_tests::{Api, Node, PATIENCE, Pair, entries, pair, pause, processes_of, wait_for};

/// Kills, of either node, unless `STARLING_KILLS` says otherwise.
const KILLS: usize = 20;
/// Fixes who is killed and when, unless `STARLING_SEED` says otherwise; what is being written then is up to the scheduler.
const SEED: u64 = 0x5eed;
/// Sessions that are written to at least; more for longer runs, so that none gets full.
const SESSIONS: usize = 4;
/// Kills that one more session is good for.
const KILLS_A_SESSION: usize = 10;
/// Writers, half of them at home on each node.
const WRITERS: usize = 4;
/// Between two messages of a writer: enough to be killed in the middle, too few to fill a session.
const PACE: Duration = Duration::from_millis(8);

/// What the writers share.
struct Load {
    sessions: Vec<String>,
    /// The nodes' interfaces; `None` while a node is down.
    doors: [RwLock<Option<Api>>; 2],
    /// Body of each acknowledged message, by request id.
    acknowledged: Mutex<BTreeMap<String, String>>,
    retried: AtomicUsize,
    over: AtomicBool,
}

impl Load {
    fn set_door(&self, node: usize, api: Option<Api>) {
        *self.doors[node].write().unwrap() = api;
    }

    /// Writes until it is over. Only then an unanswered message may stay so.
    fn write(&self, home: usize) {
        let mut number = 0;
        while !self.over.load(Ordering::Relaxed) {
            number += 1;
            let request = format!("r-{home}-{number}");
            let body = format!("message {number} of writer {home}");
            let path = format!("/im/quick-sessions/{}/messages", self.sessions[number % self.sessions.len()]);
            self.insist(home, &path, &request, &body);
            pause(PACE);
        }
    }

    fn insist(&self, home: usize, path: &str, request: &str, body: &str) {
        for attempt in 0.. {
            let door = self.doors[(home + attempt) % 2].read().unwrap().clone();
            let asked = json!({ "body": body, "request_id": request });
            let answer = door.and_then(|api| api.try_post(path, &asked));
            match answer.map(|answer| (answer.status, answer)) {
                Some((200 | 201, _)) => {
                    self.acknowledged.lock().unwrap().insert(request.to_owned(), body.to_owned());
                    return;
                }
                // A node that stops says so; any other refusal is none that a writer expects.
                Some((503, _)) | None => {}
                Some((_, answer)) => panic!("{request} was refused: {answer:?}"),
            }
            if self.over.load(Ordering::Relaxed) {
                return;
            }
            self.retried.fetch_add(1, Ordering::Relaxed);
            pause(PACE);
        }
    }
}

/// A small generator (xorshift64): the choices are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

#[test]
fn nothing_acknowledged_is_lost_by_kills() {
    let mut pair = pair();
    let kills = setting("STARLING_KILLS").map_or(KILLS, |kills| usize::try_from(kills).unwrap());
    let numbers = 0..SESSIONS.max(kills / KILLS_A_SESSION);
    let sessions = numbers.map(|number| pair.a.open("coder", &format!("session {number}"))).collect();
    pair.in_step();
    let load = Load {
        sessions,
        doors: [RwLock::new(Some(pair.a.api())), RwLock::new(Some(pair.b.api()))],
        acknowledged: Mutex::default(),
        retried: AtomicUsize::new(0),
        over: AtomicBool::new(false),
    };
    thread::scope(|scope| {
        for home in 0..WRITERS {
            let load = &load;
            scope.spawn(move || load.write(home));
        }
        // A failed assertion must end the writers too, or the scope would wait for them for ever.
        let killed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            kill_again_and_again(&mut pair, &load, kills)
        }));
        load.over.store(true, Ordering::Relaxed);
        if let Err(panic) = killed {
            std::panic::resume_unwind(panic);
        }
    });

    let acknowledged = load.acknowledged.into_inner().unwrap();
    let retried = load.retried.into_inner();
    eprintln!("{} messages acknowledged, {retried} retries", acknowledged.len());
    assert!(
        acknowledged.len() > 10 * kills && retried > kills / 2,
        "there was too little load to lose anything"
    );
    for id in &load.sessions {
        pair.a.settled(id);
    }
    pair.in_step();
    for id in &load.sessions {
        assert_eq!(pair.a.show(id), pair.b.show(id), "both show the same of {id}");
    }
    let written: BTreeSet<_> = acknowledged.into_values().collect();
    for node in [&pair.a, &pair.b] {
        let shown = messages(node, &load.sessions);
        let lost: Vec<_> = written.iter().filter(|body| !shown.contains_key(*body)).collect();
        assert!(lost.is_empty(), "{} of {} are lost: {lost:?}", lost.len(), written.len());
        let twice: Vec<_> = shown.iter().filter(|(_, times)| **times > 1).collect();
        assert!(twice.is_empty(), "shown more than once: {twice:?}");
    }
    let _tree = pair.same_tree();
    for node in [&pair.a, &pair.b] {
        // The node may just be joining packs, and fsck complains of those that go meanwhile.
        wait_for("a sound export", PATIENCE, || (node.git(&["fsck", "--strict"]).code == 0).then_some(()));
    }
}

fn kill_again_and_again(pair: &mut Pair, load: &Load, kills: usize) {
    let mut dice = Dice(setting("STARLING_SEED").unwrap_or(SEED).max(1));
    for round in 0..kills {
        pause(Duration::from_millis(50 + dice.below(350)));
        let victims: &[usize] = match dice.below(5) {
            0 | 1 => &[0],
            2 | 3 => &[1],
            _ => &[0, 1],
        };
        let nodes = [&mut pair.a, &mut pair.b];
        for victim in victims {
            load.set_door(*victim, None);
            nodes[*victim].kill9();
        }
        for victim in victims {
            let home = nodes[*victim].home();
            wait_for("no agent survives its node", PATIENCE, || processes_of(&home).is_empty().then_some(()));
            nodes[*victim].up();
            load.set_door(*victim, Some(nodes[*victim].api()));
        }
        eprintln!("kill {round} of {victims:?}");
    }
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

/// How often each of alice's messages is shown.
fn messages(node: &Node, sessions: &[String]) -> BTreeMap<String, usize> {
    let mut shown = BTreeMap::new();
    for (_, author, body) in sessions.iter().flat_map(|id| entries(&node.show(id))) {
        if author == "alice" {
            *shown.entry(body).or_default() += 1;
        }
    }
    shown
}
