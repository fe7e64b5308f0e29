//! Latencies, slow and blocked lines, and the mesh of gossip, each by itself.

use rand_chacha::rand_core::SeedableRng;

use super::*;

fn frame(bytes: usize) -> Packet {
    Packet::Frame(vec![0; bytes])
}

fn linked() -> (Network, ConnId) {
    let mut net = Network::default();
    let conn = net.connect(0, 1).unwrap();
    (net, conn)
}

#[test]
fn a_tail_has_its_three_quantiles() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut drawn: Vec<u64> = (0..20_000).map(|_| Latency::Tailed(40, 200, 3_000).draw(&mut rng)).collect();
    drawn.sort_unstable();
    assert!((38..=42).contains(&drawn[10_000]), "half: {}", drawn[10_000]);
    assert!((150..=260).contains(&drawn[19_800]), "99 of 100: {}", drawn[19_800]);
    assert!(drawn[0] >= 20 && drawn[19_999] <= 3_000 && drawn[19_999] > 2_500);
}

#[test]
fn packets_wait_for_a_slow_line_one_behind_the_other() {
    let (mut net, conn) = linked();
    net.bytes_per_s = 1_000;
    let Put::Starts(first) = net.put(conn, 1, frame(1_500)) else { panic!("an idle line starts") };
    assert!(matches!(net.put(conn, 1, frame(200)), Put::Waits));
    assert!(matches!(net.put(conn, 0, frame(200)), Put::Starts(200)), "the other way is free");
    let (sent, second) = net.serve(conn, 1);
    assert!((first, sent.len(), second) == (1_000, 0, Some(500)));
    let (sent, third) = net.serve(conn, 1);
    assert!((sent.len(), sent[0].bytes(), third) == (1, 1_500, Some(200)));
    let (sent, end) = net.serve(conn, 1);
    assert!((sent.len(), sent[0].bytes(), end) == (1, 200, None));
}

#[test]
fn a_line_that_is_slow_no_more_sends_what_waited() {
    let (mut net, conn) = linked();
    let (slow, blocked) = net.begin(Trouble::Slow(1, 10));
    assert!(blocked.is_empty());
    for _ in 0..5 {
        net.put(conn, 1, frame(1_000));
    }
    assert!(net.serve(conn, 1).0.is_empty());
    net.end(slow);
    let (sent, again) = net.serve(conn, 1);
    assert_eq!((sent.len(), again), (5, None));
    assert!(matches!(net.put(conn, 1, frame(9)), Put::Leaves(_)));
}

#[test]
fn gossip_that_finds_a_full_line_is_lost_and_frames_are_not() {
    let (mut net, conn) = linked();
    net.bytes_per_s = 1;
    let rumour = || {
        let id = starling_crdt::id::RecordId::from_bytes([0; 32]);
        Packet::Gossip(Rumour { id, data: [0; 9].as_slice().into(), hops: 1, copy: false })
    };
    for _ in 0..GOSSIP_QUEUED_MAX {
        assert!(!matches!(net.put(conn, 1, rumour()), Put::Lost));
    }
    assert!(matches!(net.put(conn, 1, rumour()), Put::Lost));
    assert!(matches!(net.put(conn, 1, frame(1)), Put::Waits));
}

#[test]
fn the_share_of_slow_nodes_is_exact() {
    let mut net = Network::default();
    for percent in [0, 1, 17, 50, 99, 100] {
        let lines = Lines { slow_percent: percent, slow_bytes_per_s: 5, ..Lines::default() };
        net.set_lines(&lines, 33);
        let slow = (0..100).filter(|node| net.rate(*node, *node) == 5).count();
        assert_eq!(slow as u64, percent);
    }
}

#[test]
fn nothing_overtakes_what_a_blocked_line_holds() {
    let (mut net, conn) = linked();
    let (cut, blocked) = net.begin(Trouble::OneWay(0, 1));
    assert_eq!(blocked, [(conn, [0, 1])]);
    assert_eq!(net.passage(conn, 1, 0), Passage::Open, "the other way");
    assert_eq!(net.passage(conn, 0, 1), Passage::Blocked);
    net.hold(conn, 1, frame(1));
    assert!(net.take_held(conn, 0, 1).is_empty());
    assert!(net.waits_out(conn, cut));
    assert_eq!(net.end(cut), [(conn, 1)]);
    assert!(!net.waits_out(conn, cut));
    assert_eq!(net.passage(conn, 0, 1), Passage::Blocked, "until what is held has arrived");
    net.hold(conn, 1, frame(2));
    let bytes: Vec<u64> = net.take_held(conn, 0, 1).iter().map(Packet::bytes).collect();
    assert_eq!(bytes, [1, 2]);
    assert_eq!(net.passage(conn, 0, 1), Passage::Open);
}

#[test]
fn troubles_overlap_and_each_ends_by_itself() {
    let mut net = Network::default();
    let (sides, _) = net.begin(Trouble::Partition(vec![0, 1]));
    let (alone, _) = net.begin(Trouble::Offline(1));
    let (storm, _) = net.begin(Trouble::Storm(90));
    assert!(net.is_open(2, 3) && !net.is_open(0, 2) && !net.is_open(0, 1));
    assert_eq!(net.loss_percent(), 90);
    net.end(sides);
    net.end(storm);
    assert!(net.is_open(0, 2) && !net.is_open(0, 1) && !net.is_open(1, 2));
    assert_eq!(net.loss_percent(), 0);
    net.end(alone);
    assert!(net.is_open(0, 1));
}

#[test]
fn each_end_lets_go_for_itself() {
    let (mut net, conn) = linked();
    assert!(net.connect(1, 0).is_none(), "there is one");
    assert!(net.let_go(conn, 0) && !net.let_go(conn, 0));
    assert_eq!((net.between(0, 1), net.between(1, 0)), (None, Some(conn)));
    let next = net.connect(1, 0).unwrap();
    assert_eq!((net.between(0, 1), net.between(1, 0)), (Some(next), Some(next)));
    assert_eq!(net.vanish(1), [(next, 0)], "the other one is over");
    assert_eq!(net.connections(), 1);
    assert!(net.neighbours(1).is_empty() && net.neighbours(0) == [(next, 1)]);
}
