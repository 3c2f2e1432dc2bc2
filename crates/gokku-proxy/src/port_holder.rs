//! Who has a port: read from `/proc`, see proc(5).

use std::fs;

use gokku_core::machine::listeners::listeners;

/// The program that listens on a TCP port, `nginx (process 812)`; as much as may be known.
pub fn port_holder(port: u16) -> String {
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"].iter().find_map(|table| {
        let text = fs::read_to_string(table).ok()?;
        listeners(&text)
            .into_iter()
            .find(|listener| listener.port == port)
            .map(|listener| listener.inode)
    });
    inode
        .and_then(program)
        .unwrap_or_else(|| "another program".to_owned())
}

fn program(inode: u64) -> Option<String> {
    let wanted = format!("socket:[{inode}]");
    for process in fs::read_dir("/proc").ok()?.flatten() {
        let name = process.file_name();
        let Some(pid) = name
            .to_str()
            .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
        else {
            continue;
        };
        let Ok(files) = fs::read_dir(process.path().join("fd")) else {
            continue;
        };
        let has_it = files
            .flatten()
            .any(|file| fs::read_link(file.path()).is_ok_and(|target| target.as_os_str() == wanted.as_str()));
        if has_it {
            let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            return Some(format!("{} (process {pid})", name.trim()));
        }
    }
    None
}
