//! What a process has of the memory.

/// How many kilobytes of memory a process has, see proc(5).
#[track_caller]
pub fn memory(process: u32) -> u64 {
    kilobytes(process, "VmRSS:")
}

/// How many of these are its own, and no pages of a file that whoever else runs the same program has, too.
#[track_caller]
pub fn own_memory(process: u32) -> u64 {
    kilobytes(process, "RssAnon:")
}

#[track_caller]
fn kilobytes(process: u32, of: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("a process that lives");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(of))
        .expect("what proc(5) promises");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
