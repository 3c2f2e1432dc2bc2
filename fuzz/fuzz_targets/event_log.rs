//! Looks for inputs that break what `gokku_inputs::event_log` checks.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gokku_inputs::event_log::check(data));
