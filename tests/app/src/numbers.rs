//! `log-numbers-ms=M`: a number every M ms, in turns on both streams, and in the end how many there were.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// What prints them.
pub(crate) struct Numbers {
    next: Arc<Mutex<u64>>,
}

impl Numbers {
    /// Begins with 0.
    pub(crate) fn start(version: &str, every: Duration) -> Self {
        let next = Arc::new(Mutex::new(0));
        let (version, printed) = (version.to_owned(), Arc::clone(&next));
        thread::spawn(move || {
            loop {
                let mut next = lock(&printed);
                if next.is_multiple_of(2) {
                    println!("{version} number {next}");
                } else {
                    eprintln!("{version} number {next}");
                }
                *next += 1;
                drop(next);
                thread::sleep(every);
            }
        });
        Self { next }
    }

    /// Says how many there were; there will be no more.
    pub(crate) fn end(self, version: &str) {
        let next = lock(&self.next);
        println!("{version} printed {next} numbers");
        // Held for good: the process ends now.
        std::mem::forget(next);
    }
}

fn lock(next: &Mutex<u64>) -> MutexGuard<'_, u64> {
    next.lock().unwrap_or_else(PoisonError::into_inner)
}
