//! Looks for inputs that break what `gokku_inputs::env_file` checks.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gokku_inputs::env_file::check(data));
