//! How replicas meet: a pure sync machine (`proto`) and, behind the feature `transport`, the libp2p swarm that carries
//! its frames. `proto` decides what to say and to whom; `transport` moves bytes and knows nothing of records. Neither
//! judges a record: that is the business of `starling-crdt`, driven by the node's machine.

#[cfg(feature = "planted")]
pub mod fault;
#[cfg(not(feature = "planted"))]
#[expect(unreachable_pub, reason = "the simulator plants bugs, with the feature `planted`")]
mod fault;
pub mod proto;
#[cfg(feature = "transport")]
pub mod transport;
