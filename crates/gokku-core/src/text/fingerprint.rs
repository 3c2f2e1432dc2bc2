//! Whether two things are the same, without what they are: FNV-1a of 64 bits over texts with their lengths.
//!
//! It is against mistakes, not against attackers: who can choose what is compared can choose two that are taken for one.

use std::fmt;

/// A sum over texts, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(u64);

impl Default for Fingerprint {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fingerprint {
    /// Adds a text.
    pub fn add(&mut self, text: &str) {
        self.bytes(&text.len().to_le_bytes());
        self.bytes(text.as_bytes());
    }

    /// Adds texts and how many they are, so that none of them is taken for one that comes after.
    pub fn add_each(&mut self, texts: impl IntoIterator<Item = impl AsRef<str>>) {
        let mut count: usize = 0;
        for text in texts {
            self.add(text.as_ref());
            count += 1;
        }
        self.bytes(&count.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
