//! Looks for inputs that break what `gokku_inputs::control_api` checks.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gokku_inputs::control_api::check(data));
