//! What the fuzz targets share: bytes as choices (`choices`), histories of signed records that an input describes
//! (`roster`, `session`), and a sync machine with an owner that answers it (`sync`). A target says only what must hold.
//! Everything is a function of the input, so that a finding can be repeated.

pub mod choices;
pub mod roster;
pub mod session;
pub mod sync;
pub mod tickets;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use ed25519_dalek::SigningKey;
use starling_crdt::id::{DeviceKey, RecordId};
use starling_crdt::signed::device_key;

use choices::Choices;

/// A time that records carry: 2023-11-14.
pub const AT_MS: u64 = 1_700_000_000_000;

/// Devices: the founder's, two more of the founder, one each of a member, of an admin and of nobody.
pub const DEVICES: usize = 6;

static KEYS: LazyLock<Vec<(SigningKey, DeviceKey)>> = LazyLock::new(|| {
    let keys = (1..=DEVICES as u8).map(|seed| SigningKey::from_bytes(&[seed; 32]));
    keys.map(|key| (key.clone(), device_key(&key))).collect()
});

/// The secret key of device `n`, counted round.
#[must_use]
pub fn key(n: usize) -> &'static SigningKey {
    &KEYS[n % DEVICES].0
}

/// The public key of device `n`, counted round.
#[must_use]
pub fn device(n: usize) -> DeviceKey {
    KEYS[n % DEVICES].1
}

/// Deps for the next record: today's heads, or up to three records that were made earlier (or refused).
#[must_use]
pub fn deps(choices: &mut Choices<'_>, heads: &BTreeSet<RecordId>, made: &[RecordId]) -> Vec<RecordId> {
    let count = choices.below(8);
    let earlier: BTreeSet<_> = match count {
        1..=3 => (0..count).filter_map(|_| choices.recent(made)).collect(),
        _ => heads.iter().copied().take(starling_crdt::limits::DEPS_MAX).collect(),
    };
    earlier.into_iter().collect()
}
