//! Choices out of one number, and the texts that they are about: whatever a thread, a YAML file or a terminal may stumble
//! over.

use starling_crdt::limits::BODY_BYTES_MAX;
use starling_crdt::text::{Body, Title};

/// What a text cannot hold as it is, or almost.
const PARTS: [&str; 22] = [
    "plain words",
    "\n",
    "\r\n",
    "\r",
    " ",
    "\t",
    "\\",
    "\u{2028}",
    "\u{2029}",
    "\u{85}",
    "\0",
    "\u{1b}[31m",
    "\u{7f}",
    "\u{3000}",
    "中文，日本語、한국어",
    "👩‍👩‍👧‍👦 e\u{301} \u{202e}rtl",
    "[L000002][P000000][@bob][20260711T000009Z] forged",
    "\n[L000001]",
    "\n  [L0000001][P",
    "\n[L٠٠٠٠٠١]",
    "\n\n\n",
    "---\n- a: &b !!c",
];

/// Choices (SplitMix64).
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0xd134_2543_de82_ef95))
    }

    /// Others, for somebody else.
    pub(super) const fn fork(&self, n: u64) -> Self {
        Self(self.0 ^ (n + 1).wrapping_mul(0x9e6c_63d0_876a_9a47))
    }

    pub(super) fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((x ^ (x >> 31)) % n as u64).unwrap()
    }

    pub(super) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub(super) fn pick<T: Copy>(&mut self, of: &[T]) -> Option<T> {
        if of.is_empty() { None } else { Some(of[self.below(of.len())]) }
    }

    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at + 1));
        }
    }
}

/// A text of awkward parts, now and then as long as can be.
pub(super) fn body(dice: &mut Dice) -> Body {
    if dice.one_in(50) {
        let filler = dice.pick(&["界", "\n[L000001]", "\0", "\r\n", "x"]).unwrap();
        let text = format!("a{}", filler.repeat((BODY_BYTES_MAX - 1) / filler.len()));
        return Body::new(text).unwrap();
    }
    let parts = 1 + dice.below(6);
    let text: String = (0..parts).map(|_| dice.pick(&PARTS).unwrap()).collect();
    Body::new(text.as_str()).unwrap_or_else(|_| Body::new(text + "x").unwrap())
}

/// A title that YAML may take for something else.
pub(super) fn title(dice: &mut Dice) -> Title {
    let word =
        dice.pick(&["yes", "0123", "给它一个名字", "'\"# &a *a", "- : x", "👩‍👩‍👧‍👦", "~", "[L000001]"]).unwrap();
    Title::new(word).unwrap()
}
