//! Looks for inputs that break what `gokku_inputs::procfile` checks.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gokku_inputs::procfile::check(data));
