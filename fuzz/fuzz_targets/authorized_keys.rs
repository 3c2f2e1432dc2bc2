//! Looks for inputs that break what `gokku_inputs::authorized_keys` checks.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gokku_inputs::authorized_keys::check(data));
