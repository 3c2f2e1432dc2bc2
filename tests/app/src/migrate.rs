//! `/app migrate [ARGS]`: a migration that prints what it was given, takes as long and ends as it is told.

use std::thread;
use std::time::Duration;

use crate::behaviour::Behaviour;

/// Runs it; the exit code.
pub(crate) fn run(behaviour: &Behaviour, args: &[String]) -> i32 {
    println!("migrating");
    for arg in args {
        println!("argument: {arg}");
    }
    let sleep = number("MIGRATE_SLEEP_MS").map_or(behaviour.migrate_sleep, Duration::from_millis);
    thread::sleep(sleep);
    let code = number("MIGRATE_EXIT").unwrap_or(behaviour.migrate_exit);
    if code == 0 {
        println!("migrated");
    } else {
        eprintln!("migration failed with {code}");
    }
    code
}

fn number<N: std::str::FromStr>(name: &str) -> Option<N> {
    std::env::var(name).ok()?.parse().ok()
}
