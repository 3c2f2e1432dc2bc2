//! The app the stories deploy: a small threaded HTTP/1.1 server that says its version in every answer and
//! misbehaves on demand. Not an example of how to write one: that is `examples/hello`.
//!
//! - `/app` serves on `0.0.0.0:$PORT` (8080), and lines on a TCP port where it is told to: see `lines`;
//! - `/app migrate [ARGS]` acts as a migration;
//! - `/app version`, `/app env NAME`, … are what a shell would be used for: see `tools`.
//!
//! What it answers is in `routes`, what it can be told to do wrong in `behaviour`.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::exit,
    reason = "an app logs and exits as it is told"
)]

mod behaviour;
mod http;
mod lines;
mod migrate;
mod numbers;
mod routes;
mod serve;
mod state;
mod tools;
mod websocket;

use std::fs::File;
use std::sync::Arc;

use behaviour::Behaviour;
use numbers::Numbers;
use state::State;

fn main() {
    let behaviour = Behaviour::read();
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let Some(("migrate", args)) = words.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        std::process::exit(migrate::run(&behaviour, args));
    }
    let state = Arc::new(State::new(behaviour));
    if let Some(code) = tools::run(&state, &words) {
        std::process::exit(code);
    }
    println!("version {} starts", state.version);
    if let Some(code) = state.behaviour.exit_at_start {
        eprintln!("cannot start: told to exit with {code}");
        std::process::exit(code);
    }
    // Kept to the end: with the process, the lock goes.
    let _lock = state.behaviour.lock.as_deref().map(locked);
    let numbers = state
        .behaviour
        .log_numbers
        .map(|every| Numbers::start(&state.version, every));
    if let Err(error) = serve::serve(&state) {
        eprintln!("cannot serve: {error}");
        std::process::exit(1);
    }
    if let Some(numbers) = numbers {
        numbers.end(&state.version);
    }
    println!("version {} stopped", state.version);
}

/// A file that no other process has locked.
fn locked(path: &str) -> File {
    let file = File::create(path);
    match file.as_ref().map(File::try_lock) {
        Ok(Ok(())) => {}
        wrong => {
            eprintln!("{path} is not to be had: {wrong:?}");
            std::process::exit(75);
        }
    }
    file.unwrap_or_else(|_| std::process::exit(75))
}
