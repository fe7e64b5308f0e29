//! To whom a node forwards gossip. As in the product, what a node says itself goes to all its neighbours, and what it
//! passes on to a mesh of few: each node picks some, and takes those that picked it as long as it has room.
//!
//! The mesh is not negotiated but follows from who is connected to whom: the six nearest of a distance between nodes that
//! looks random and is the same from both ends. So it is what gossipsub settles on, without the second that this takes,
//! without its scores, and without the repair by lists of what was heard (`IHAVE`): what gossip does not carry,
//! anti-entropy does.

use super::{ConnId, Network};

/// How many a node picks: gossipsub's `mesh_n` in the product's transport.
const MESH: usize = 6;
/// How many it has at most: `mesh_n_high` there.
const MESH_MAX: usize = 12;

/// How far two nodes are from each other.
fn distance(a: usize, b: usize) -> u64 {
    let (low, high) = (a.min(b) as u64, a.max(b) as u64);
    let mut mixed = (low << 32 ^ high).wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

impl Network {
    /// To whom a node forwards what others gossip.
    #[must_use]
    pub fn mesh(&self, node: usize) -> Vec<(ConnId, usize)> {
        let mut mesh = self.neighbours(node);
        mesh.retain(|(_, other)| {
            let (ours, theirs) = (self.place(node, *other), self.place(*other, node));
            ours.min(theirs) < MESH && ours.max(theirs) < MESH_MAX
        });
        mesh
    }

    /// How many of a node's neighbours are nearer than this one; more than the mesh has need not be counted.
    fn place(&self, node: usize, other: usize) -> usize {
        let Some(known) = self.believed.get(node) else { return 0 };
        if known.len() <= MESH {
            return 0;
        }
        let limit = distance(node, other);
        known.keys().filter(|one| distance(node, **one) < limit).take(MESH_MAX).count()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn full(nodes: usize) -> Network {
        let mut net = Network::default();
        for a in 0..nodes {
            for b in 0..a {
                net.connect(a, b);
            }
        }
        net
    }

    #[test]
    fn few_neighbours_are_all_in_the_mesh() {
        let net = full(7);
        assert!((0..7).all(|node| net.mesh(node).len() == 6));
    }

    #[test]
    fn a_mesh_is_small_the_same_from_both_ends_and_in_one_piece() {
        let net = full(60);
        let mesh = |node| net.mesh(node).into_iter().map(|(_, other)| other).collect::<BTreeSet<_>>();
        for node in 0..60 {
            let ours = mesh(node);
            assert!((MESH / 2..=MESH_MAX).contains(&ours.len()), "{node}: {ours:?}");
            assert!(ours.iter().all(|other| mesh(*other).contains(&node)));
        }
        let mut reached = BTreeSet::from([0]);
        for _ in 0..60 {
            reached.extend(reached.clone().into_iter().flat_map(mesh));
        }
        assert_eq!(reached.len(), 60);
    }
}
