//! Looks for inputs that break what `gokku_inputs::domain_routes` checks.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gokku_inputs::domain_routes::check(data));
