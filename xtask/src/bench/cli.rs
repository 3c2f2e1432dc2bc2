//! Commands that people wait for.

use std::time::Instant;

use gokku_tests::Server;

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
    let version = times(rounds, || server.gokku(["--version"]).ok());

    println!("ms, {rounds} rounds each");
    println!("gokku --version            {}", spread(&version));
    for (what, figures, aim) in [
        ("gokku config get           ", get, 10.0),
        ("gokku status, 100 apps     ", all, 100.0),
    ] {
        println!(
            "{what}{}  aim {aim}: {}",
            spread(&figures),
            verdict(median(&figures), aim)
        );
    }
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
