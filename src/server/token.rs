//! The name of a connection: unique, even when its slot in the registry is used again.

/// Names one connection: a slot, and how often the slot had been used before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) slot: u32,
    pub(super) generation: u32,
}

impl Token {
    pub(super) fn to_u64(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.slot)
    }

    pub(super) fn from_u64(number: u64) -> Self {
        let half = |number: u64| u32::try_from(number & u64::from(u32::MAX)).expect("it has 32 bits");
        Self { slot: half(number), generation: half(number >> 32) }
    }
}
