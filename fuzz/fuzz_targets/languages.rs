//! Looks for inputs that break what `gokku_inputs::languages` checks.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gokku_inputs::languages::check(data));
