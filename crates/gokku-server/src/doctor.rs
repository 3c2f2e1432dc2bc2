//! What is missing on this server, and what mends it.

use std::process::{Command, Stdio};

use serde::Serialize;

use crate::NETWORK;
use crate::server::Server;

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// What.
    pub what: &'static str,
    /// Whether it is as it should be.
    pub good: bool,
    /// What was found.
    pub found: String,
    /// The command that mends it, when it is not.
    pub mend: Option<String>,
}

/// Looks at everything.
pub async fn examine(server: &Server) -> Vec<Finding> {
    let mut findings = vec![
        program("git", &["--version"], "apt-get install --yes git"),
        program("sshd", &["-V"], "apt-get install --yes openssh-server"),
    ];
    match server.engine().await {
        Ok(engine) => {
            findings.push(good(
                "Docker Engine",
                format!("{}, API {}", engine.version(), engine.api()),
            ));
            findings.push(match engine.ensure_network(NETWORK).await {
                Ok(()) => good("network", NETWORK.to_owned()),
                Err(error) => bad(
                    "network",
                    error.to_string(),
                    format!("docker network create {NETWORK}"),
                ),
            });
        }
        Err(error) => {
            let installed = Command::new("dockerd")
                .arg("--version")
                .stdout(Stdio::null())
                .status()
                .is_ok();
            let mend = if installed {
                "systemctl start docker"
            } else {
                "apt-get install --yes docker.io"
            };
            findings.push(bad("Docker Engine", error.message, mend.to_owned()));
        }
    }
    findings.push(match server.switch().status().await {
        Ok(status) if status.version != server.version => bad(
            "traffic switch",
            format!(
                "it runs version {}, this program is {}",
                status.version, server.version
            ),
            format!("kill {} && gokku proxy run", status.pid),
        ),
        Ok(status) => match status.trouble {
            Some(trouble) => bad(
                "traffic switch",
                trouble,
                "gokku restart -a APP, for each app".to_owned(),
            ),
            None => good(
                "traffic switch",
                format!("process {}, {} routes", status.pid, status.routes.len()),
            ),
        },
        Err(error) => bad("traffic switch", error.to_string(), "gokku proxy run".to_owned()),
    });
    let folder = server.root.path();
    findings.push(match tempfile::tempfile_in(folder) {
        Ok(_) => good("folder", folder.display().to_string()),
        Err(error) => bad(
            "folder",
            format!("{}: {error}", folder.display()),
            "sudo -i".to_owned(),
        ),
    });
    findings
}

fn good(what: &'static str, found: String) -> Finding {
    Finding {
        what,
        good: true,
        found,
        mend: None,
    }
}

fn bad(what: &'static str, found: String, mend: String) -> Finding {
    Finding {
        what,
        good: false,
        found,
        mend: Some(mend),
    }
}

fn program(name: &'static str, args: &[&str], mend: &str) -> Finding {
    let places = [name.to_owned(), format!("/usr/sbin/{name}")];
    let output = places
        .iter()
        .find_map(|place| Command::new(place).args(args).stdin(Stdio::null()).output().ok());
    match output {
        Some(output) => {
            let text = if output.stdout.is_empty() {
                output.stderr
            } else {
                output.stdout
            };
            good(
                name,
                String::from_utf8_lossy(&text)
                    .lines()
                    .next()
                    .unwrap_or("installed")
                    .to_owned(),
            )
        }
        None => bad(name, "it is not installed".to_owned(), mend.to_owned()),
    }
}
