//! Everything at once: three nodes, people who write, archive, stop and retry, agents of every kind, cuts, crashes,
//! broken disks, lost gossip and pauses. In the end, without faults, all are equal and every session can go on.

use starling_crdt::id::SessionId;
use starling_crdt::view::Author;
use starling_node::machine::request::{Change, Request};
use starling_simulations::scenario::Latency;
use starling_simulations::world::Crashes;
use starling_simulations::{Behaviour, World};

use super::common::{MINUTE, await_answer, over};

const BEHAVIOURS: [Behaviour; 7] = [
    Behaviour::Good,
    Behaviour::Slow(700),
    Behaviour::TextOnly,
    Behaviour::TitleWhenAsked,
    Behaviour::NoTitle,
    Behaviour::Crash,
    Behaviour::Silent,
];

struct Chaos {
    nodes: [usize; 3],
    sessions: Vec<(usize, SessionId)>,
    count: u64,
}

impl Chaos {
    fn begin(world: &mut World) -> Self {
        let a = world.found("alice");
        let b = world.invite(a, None).unwrap();
        let c = world.invite(a, Some("bob")).unwrap();
        world.host(b, "scribe").unwrap();
        world.host(c, "poet").unwrap();
        world.converge(MINUTE).unwrap();
        world.net.gossip_loss_percent = world.draw(0, 60);
        world.net.latency = Latency::Uniform(1, world.draw(5, 600));
        world.disk_ms.1 = world.draw(2, 150);
        Self { nodes: [a, b, c], sessions: Vec::new(), count: 0 }
    }

    fn node(&self, world: &mut World) -> usize {
        self.nodes[world.draw(0, 2) as usize]
    }

    fn session(&self, world: &mut World) -> Option<(usize, SessionId)> {
        let last = self.sessions.len().checked_sub(1)?;
        let (node, id) = self.sessions[world.draw(0, last as u64) as usize];
        // Alice has two devices.
        let node = if node < 2 { world.draw(0, 1) as usize } else { node };
        Some((node, id))
    }

    fn act(&mut self, world: &mut World) {
        self.count += 1;
        let text = format!("message {}.", self.count);
        let (one, two) = (self.node(world), self.node(world));
        match world.draw(0, 14) {
            0..=2 => {
                let agent = ["scribe", "poet"][world.draw(0, 1) as usize];
                if let Ok(id) = world.create(one, agent, &text) {
                    self.sessions.push((one, id));
                }
            }
            3..=6 => {
                if let Some((node, id)) = self.session(world) {
                    let _refused_or_lost = world.say(node, id, &text);
                }
            }
            7 => {
                if let Some((node, id)) = self.session(world) {
                    let changes = [Change::Archive, Change::Unarchive, Change::Stop, Change::Retry];
                    let change = changes[world.draw(0, 3) as usize].clone();
                    let _refused_or_lost = world.change(node, id, change);
                }
            }
            8 => world.nodes[one].behaviour = BEHAVIOURS[world.draw(0, 6) as usize],
            9 if one != two => world.cut(one, two),
            10 if one != two => world.heal(one, two),
            11 => world.nodes[one].disk.break_down(),
            12 => {
                let pause = world.draw(0, 1) == 0;
                let _lost = world.request(one, Request::Pause(pause));
            }
            13 => {
                world.crash(one);
                world.run_for(300);
                world.start(one);
            }
            _ => {}
        }
        let wait = world.draw(0, 700);
        world.run_for(wait);
    }

    fn end(self, world: &mut World) {
        world.crashes = None;
        world.net.gossip_loss_percent = 0;
        world.net.latency = Latency::Uniform(1, 40);
        for (one, two) in [(0, 1), (0, 2), (1, 2)] {
            world.heal(self.nodes[one], self.nodes[two]);
        }
        world.run_for(3_000);
        for node in self.nodes {
            world.nodes[node].disk.mend();
            world.start(node);
            world.nodes[node].behaviour = Behaviour::Good;
            world.ask(node, Request::Pause(false)).unwrap();
        }
        world.converge(5 * MINUTE).unwrap();
        for (node, id) in world.acked.clone() {
            assert!(world.nodes[node].holds(&id), "#{node} lost {id}");
        }
        for (node, id) in self.sessions {
            let before = world.show(node, id).unwrap();
            let _not_archived = world.change(node, id, Change::Unarchive);
            world.say(node, id, &format!("and {id}?")).unwrap();
            await_answer(world, node, id);
            world.converge(2 * MINUTE).unwrap();
            let views = self.nodes.map(|node| world.show(node, id).unwrap());
            assert_eq!(views[0], views[1]);
            assert_eq!(views[0], views[2]);
            let view = &views[0];
            assert!(view.title.is_some() && view.fork.is_none());
            assert_eq!(view.lines.last().map(|line| line.author), Some(Author::Agent));
            assert!(view.lines.iter().all(|line| line.sealed));
            let sealed: Vec<_> = before.lines.iter().filter(|line| line.sealed).collect();
            assert!(sealed.iter().zip(&view.lines).all(|(was, is)| *was == is));
        }
    }
}

#[test]
fn after_any_history_everybody_is_equal_and_every_session_goes_on() {
    // CHAOS_SEEDS=100..900 looks further.
    let seeds = std::env::var("CHAOS_SEEDS").unwrap_or_else(|_| "0..30".to_owned());
    let (first, last) = seeds.split_once("..").unwrap();
    let (first, last) = (first.parse().unwrap(), last.parse().unwrap());
    over(first..last, |world| {
        let mut chaos = Chaos::begin(world);
        for _ in 0..40 {
            chaos.act(world);
        }
        world.crashes = Some(Crashes { one_in: 150, away_ms: (10, 3_000) });
        for _ in 0..20 {
            chaos.act(world);
        }
        chaos.end(world);
    });
}
