//! Commands that people wait for.

use std::time::Instant;

use gokku_tests::{Laptop, Output, Server, Sshd, free_port, unique};

use super::numbers::{median, spread, verdict};

const APPS: usize = 100;

pub(super) fn run(rounds: usize) {
    let server = Server::new();
    let app = server.create("bench");
    app.gokku(["config", "set", "KEY=value"]).ok();
    app.working_copy().release("v1").ok();
    let get = times(rounds, || app.gokku(["config", "get", "KEY"]).ok());
    for number in 1..APPS {
        server.create(&format!("bench-{number}"));
    }
    let all = times(rounds, || server.gokku(["status"]).ok());
    let (bare, forwarded) = from_a_laptop(rounds);
    let version = times(rounds, || server.gokku(["--version"]).ok());

    println!("ms, {rounds} rounds each");
    println!("gokku --version            {}", spread(&version, 1));
    println!("ssh server true            {}", spread(&bare, 1));
    println!("forwarded config get       {}", spread(&forwarded, 1));
    let more: Vec<f64> = forwarded
        .iter()
        .zip(&bare)
        .map(|(forwarded, bare)| forwarded - bare)
        .collect();
    for (what, figures, aim) in [
        ("  more than a bare ssh     ", more, 15.0),
        ("gokku config get           ", get, 10.0),
        ("gokku status, 100 apps     ", all, 100.0),
    ] {
        println!(
            "{what}{}  aim {aim}: {}",
            spread(&figures, 1),
            verdict(median(&figures), aim)
        );
    }
}

/// A bare command over a shared connection, and a forwarded one, in turns.
fn from_a_laptop(rounds: usize) -> (Vec<f64>, Vec<f64>) {
    let server = Server::new();
    let sshd = Sshd::start(&server);
    let laptop = Laptop::new(&sshd);
    let place = laptop.home().join("connection");
    sshd.install_client_with(
        &laptop.programs(),
        &format!(
            "-o ControlMaster=auto -o ControlPersist=yes -o ControlPath='{}'",
            place.display()
        ),
    );
    let app = unique("bench");
    let dev = laptop.project(&app, free_port());
    let remote = format!("{app}-production");
    dev.gokku(["remote", "add", &remote, &sshd.destination()]).ok();
    dev.gokku(["config", "set", "KEY=value", "-a", &remote]).ok();
    let bare = || Output::of(laptop.command("ssh").args(["server", "true"])).ok();
    let forwarded = || dev.gokku(["config", "get", "KEY", "-a", &remote]).ok();
    let both = (0..rounds)
        .map(|_| (times(1, bare)[0], times(1, forwarded)[0]))
        .unzip();
    Output::of(laptop.command("ssh").args(["-O", "exit", "server"])).ok();
    both
}

fn times<T>(rounds: usize, mut act: impl FnMut() -> T) -> Vec<f64> {
    // Once for the page cache.
    act();
    (0..rounds)
        .map(|_| {
            let began = Instant::now();
            act();
            began.elapsed().as_secs_f64() * 1000.0
        })
        .collect()
}
