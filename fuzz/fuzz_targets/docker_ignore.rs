//! Looks for inputs that break what `gokku_inputs::docker_ignore` checks.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gokku_inputs::docker_ignore::check(data));
