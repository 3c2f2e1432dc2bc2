//! Changes inputs, the same way each time.

use std::path::PathBuf;

/// What tends to matter where texts are read.
const PIECES: [&[u8]; 24] = [
    b"\n",
    b"\r\n",
    b"\0",
    b" ",
    b"\t",
    b"\"",
    b"'",
    b"\\",
    b"#",
    b"=",
    b":",
    b"-",
    b"/",
    b"..",
    b"*",
    b"{",
    b"[",
    b"]",
    b"0",
    b"-1",
    b"99999999999999999999",
    b"\xff",
    b"\xc3\xa9",
    b"\xef\xbb\xbf",
];

/// The longest input that is made.
const LONGEST: usize = 16 * 1024;

/// Makes an input from another.
pub(crate) struct Mutator {
    state: u64,
    others: Vec<Vec<u8>>,
}

impl Mutator {
    /// From a fixed seed; it also puts pieces of these inputs into one another.
    pub(crate) fn new(inputs: &[(PathBuf, Vec<u8>)]) -> Self {
        Self {
            state: 0x9e37_79b9_7f4a_7c15,
            others: inputs.iter().map(|(_, input)| input.clone()).collect(),
        }
    }

    /// Marsaglia's xorshift64.
    fn below(&mut self, limit: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        usize::try_from(self.state % u64::try_from(limit.max(1)).unwrap_or(1)).unwrap_or(0)
    }

    /// The input with one to four things changed.
    pub(crate) fn change(&mut self, input: &[u8]) -> Vec<u8> {
        let mut changed = input.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(changed.len() + 1);
            let end = (at + 1 + self.below(16)).min(changed.len());
            match self.below(6) {
                0 if at < changed.len() => changed[at] ^= 1 << self.below(8),
                1 => drop(changed.drain(at..end)),
                2 => changed.truncate(at),
                3 => {
                    let again = changed[at..end].to_vec();
                    changed.splice(at..at, again);
                }
                4 => {
                    let number = self.below(self.others.len());
                    let other = self.others[number].clone();
                    let from = self.below(other.len() + 1);
                    let to = (from + self.below(64)).min(other.len());
                    changed.splice(at..end, other[from..to].iter().copied());
                }
                _ => {
                    let piece = PIECES[self.below(PIECES.len())];
                    changed.splice(at..at, piece.iter().copied());
                }
            }
        }
        changed.truncate(LONGEST);
        changed
    }
}
