//! What a container may use of the machine: `resources` in `gokku.yml`.

use crate::text::size;

/// Limits; memory and processor time that are not said are not limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resources {
    /// Memory, in bytes.
    pub memory: Option<u64>,
    /// Processor time, in billionths of a processor.
    pub nano_cpus: Option<u64>,
    /// How many processes and threads.
    pub pids: u32,
}

/// How many processes and threads a container may have, where nothing else is said: a server has some ten thousands of
/// them in all, and one that makes more and more is to be ended by its own limit.
pub const PIDS: u32 = 4096;

impl Default for Resources {
    fn default() -> Self {
        Self {
            memory: None,
            nano_cpus: None,
            pids: PIDS,
        }
    }
}

/// The least memory that the Docker Engine takes: 6 MiB.
const LEAST_MEMORY: u64 = 6 << 20;
/// One processor.
const ONE: u64 = 1_000_000_000;

/// An amount of memory: a whole number and `b`, `k`, `m` or `g`, each 1024 times the one before, as Docker has it.
pub fn memory(text: &str) -> Option<u64> {
    size::bytes(text).filter(|bytes| *bytes >= LEAST_MEMORY)
}

/// A number of processors: `2`, `0.5`, from 0.01 to 1024, in billionths.
pub fn cpus(text: &str) -> Option<u64> {
    let (before, after) = text.split_once('.').unwrap_or((text, "0"));
    if after.is_empty() || after.len() > 9 {
        return None;
    }
    let parts = size::whole(&format!("{after:0<9}"))?;
    let nano = size::whole(before)?.checked_mul(ONE)?.checked_add(parts)?;
    (ONE / 100..=1024 * ONE).contains(&nano).then_some(nano)
}

/// A number of processes: from 1 to 4194304, the kernel's most.
pub fn pids(text: &str) -> Option<u32> {
    let number = u32::try_from(size::whole(text)?).ok()?;
    (1..=1 << 22).contains(&number).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts() {
        for (text, bytes) in [
            ("512m", Some(512 << 20)),
            ("2g", Some(2 << 30)),
            ("6291456b", Some(6 << 20)),
            ("8192k", Some(8 << 20)),
            ("5m", None),
            ("512", None),
            ("512M", None),
            ("1.5g", None),
            ("-1g", None),
            ("+1g", None),
            ("g", None),
            ("", None),
            ("99999999999g", None),
            ("9223372036854775807b", Some(i64::MAX as u64)),
            ("9223372036854775808b", None),
        ] {
            assert_eq!(memory(text), bytes, "{text:?}");
        }
        for (text, nano) in [
            ("1", Some(1_000_000_000)),
            ("0.5", Some(500_000_000)),
            ("1.25", Some(1_250_000_000)),
            ("0.01", Some(10_000_000)),
            ("0.009", None),
            ("0", None),
            ("1025", None),
            (".5", None),
            ("1.", None),
            ("1.0000000001", None),
            ("half", None),
        ] {
            assert_eq!(cpus(text), nano, "{text:?}");
        }
        assert_eq!((pids("100"), pids("0"), pids("1k")), (Some(100), None, None));
    }
}
