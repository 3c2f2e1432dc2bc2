//! The four calls of the C library that the standard one has no words for.
#![allow(unsafe_code, reason = "there is no crate here to do it")]

use std::sync::atomic::{AtomicBool, Ordering};

static SIGTERM_CAME: AtomicBool = AtomicBool::new(false);

unsafe extern "C" {
    fn signal(number: i32, handler: extern "C" fn(i32)) -> usize;
    fn close(descriptor: i32) -> i32;
    fn ioctl(descriptor: i32, request: u64, ...) -> i32;
}

extern "C" fn note(_: i32) {
    SIGTERM_CAME.store(true, Ordering::SeqCst);
}

pub(crate) fn heed_sigterm() {
    // SAFETY: the handler only stores an atomic.
    unsafe { signal(15, note) };
}

/// Whether one came since the last question.
pub(crate) fn sigterm_came() -> bool {
    SIGTERM_CAME.swap(false, Ordering::SeqCst)
}

pub(crate) fn close_output() {
    // SAFETY: nothing is printed any more.
    unsafe {
        close(1);
        close(2);
    }
}

pub(crate) fn terminal_size() -> Option<(u16, u16)> {
    const TIOCGWINSZ: u64 = 0x5413;
    let mut size = [0_u16; 4];
    // SAFETY: the request fills a struct of four u16.
    let answer = unsafe { ioctl(0, TIOCGWINSZ, size.as_mut_ptr()) };
    (answer == 0).then_some((size[0], size[1]))
}
