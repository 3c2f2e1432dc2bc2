//! `curl`, which looks at certificates as browsers do.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

/// Returns what `curl` gets by https of a host, whatever the status, or why it gets nothing. It accepts what is issued below the
/// certificate in the file `root`, and asks `at` for the host.
pub fn curl(root: &Path, at: SocketAddr, host: &str, path: &str) -> Result<String, String> {
    let port = at.port();
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "60", "--cacert"])
        .arg(root)
        .args(["--resolve", &format!("{host}:{port}:{}", at.ip())])
        .arg(format!("https://{host}:{port}{path}"))
        .output()
        .expect("curl runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(text(&output.stderr))
    }
}
