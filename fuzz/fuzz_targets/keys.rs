//! Looks for inputs that break what `gokku_inputs::keys` checks.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gokku_inputs::keys::check(data));
