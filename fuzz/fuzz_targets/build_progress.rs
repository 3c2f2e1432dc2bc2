//! Looks for inputs that break what `gokku_inputs::build_progress` checks.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gokku_inputs::build_progress::check(data));
