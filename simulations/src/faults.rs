//! Faults, carried out: each changes the network, a disk, a clock or a node, and most put the end of it into the queue.
//! [`World::calm`] ends them all at once.

use crate::fault::Fault;
use crate::network::Trouble;
use crate::node::SimNode;
use crate::scenario::Lines;
use crate::world::World;

impl World {
    /// How the lines between nodes are.
    pub fn set_lines(&mut self, lines: &Lines) {
        let first = self.draw(0, 99);
        self.net.set_lines(lines, first);
    }

    /// Sets every clock off by chance, by at most so many ms.
    pub fn set_clocks(&mut self, skew_ms: u64) {
        self.skew_ms = skew_ms;
        for node in 0..self.nodes.len() {
            self.set_clock(node);
        }
    }

    /// Sets a computer's clock off by chance.
    pub(crate) fn set_clock(&mut self, node: usize) {
        if self.skew_ms == 0 {
            return;
        }
        let skew = i64::try_from(self.skew_ms).unwrap_or(i64::MAX);
        let by = i64::try_from(self.draw(0, 2 * self.skew_ms)).unwrap_or_default() - skew;
        if let Some(sim) = self.nodes.get_mut(node) {
            sim.clock.jump(by);
        }
    }

    /// Makes something go wrong.
    pub fn apply(&mut self, fault: &Fault) {
        match fault {
            Fault::Crash { node, away_ms } => self.crash_for(*node, *away_ms),
            Fault::DiskError { node } => self.with(*node, |sim| sim.disk.break_down()),
            Fault::DiskFull { node, for_ms } => self.fill_disk(*node, *for_ms),
            Fault::LyingSync { node } => self.with(*node, |sim| sim.disk.lie()),
            Fault::ClockJump { node, by_ms } => self.with(*node, |sim| sim.clock.jump(*by_ms)),
            Fault::Sleep { node, for_ms } => self.sleep(*node, *for_ms),
            Fault::Mood { node, mood } => self.with(*node, |sim| sim.behaviour = *mood),
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
            Fault::Lie { node, lie } => self.lie(*node, *lie),
        }
    }

    /// Ends all faults: lines are whole, disks work, clocks stay as they are, and whoever is down starts.
    pub fn calm(&mut self) {
        self.crashes = None;
        self.cuts_at_start = false;
        self.calm_lines();
        for node in 0..self.nodes.len() {
            if let Some(sim) = self.nodes.get_mut(node) {
                sim.disk.mend();
                sim.behaviour = crate::Behaviour::Good;
            }
            self.wake_up(node);
            self.start(node);
        }
    }

    fn with(&mut self, node: usize, change: impl FnOnce(&mut SimNode)) {
        if let Some(sim) = self.nodes.get_mut(node) {
            change(sim);
        }
    }
}
