//! Looks for inputs that break what `gokku_inputs::certificates` checks.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gokku_inputs::certificates::check(data));
