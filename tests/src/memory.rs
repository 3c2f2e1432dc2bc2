//! What a process has of the memory.

/// How many kilobytes of memory a process has, see proc(5).
#[track_caller]
pub fn memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("a process that lives");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .expect("what proc(5) promises");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
