//! Looks for inputs that break what `gokku_inputs::proxy_header` checks.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gokku_inputs::proxy_header::check(data));
