//! An input read as a list of choices. Used up, it gives the first choice for ever, so that a short input is a plain one
//! and every cut of an input is an input. Deliberately simpler than a general library: a byte is a choice, which keeps
//! inputs readable and the corpus stable.

/// The choices that are left.
#[derive(Debug, Clone)]
pub struct Choices<'a> {
    bytes: &'a [u8],
}

impl<'a> Choices<'a> {
    /// All choices of an input.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// Whether all are used up.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The next byte; 0 when used up.
    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.bytes.split_first() else {
            return 0;
        };
        self.bytes = rest;
        *first
    }

    /// A number below `n`, which is at least 1 and at most 256.
    pub fn below(&mut self, n: usize) -> usize {
        usize::from(self.byte()) % n
    }

    /// One of `items`; `None` if there are none.
    pub fn pick<T: Copy>(&mut self, items: &[T]) -> Option<T> {
        let at = usize::from(self.byte()).checked_rem(items.len())?;
        items.get(at).copied()
    }

    /// One of `items`, counted from the last; `None` if there are none.
    pub fn recent<T: Copy>(&mut self, items: &[T]) -> Option<T> {
        let back = usize::from(self.byte()).checked_rem(items.len())?;
        items.iter().rev().nth(back).copied()
    }

    /// The next bytes, with their number (two bytes, the low one first) before them; what is left if there are fewer.
    pub fn bytes(&mut self) -> &'a [u8] {
        let len = usize::from(u16::from_le_bytes([self.byte(), self.byte()]));
        let (taken, rest) = self.bytes.split_at(len.min(self.bytes.len()));
        self.bytes = rest;
        taken
    }

    /// What is left.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.bytes
    }
}

/// An order other than the one in which things were made.
#[derive(Debug, Clone, Copy)]
pub struct Order(u8);

impl Order {
    /// Draws one: 0 is the reverse, every other byte a permutation.
    pub fn draw(choices: &mut Choices<'_>) -> Self {
        Self(choices.byte())
    }

    /// `items` in this order.
    #[must_use]
    pub fn of<T: Clone>(self, items: &[T]) -> Vec<T> {
        let mut items: Vec<T> = items.iter().rev().cloned().collect();
        if self.0 == 0 {
            return items;
        }
        let mut state = u64::from(self.0).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        for at in (1..items.len()).rev() {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            items.swap(at, (state % (at as u64 + 1)) as usize);
        }
        items
    }
}
