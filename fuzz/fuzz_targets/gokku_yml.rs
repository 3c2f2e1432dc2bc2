//! Looks for inputs that break what `gokku_inputs::gokku_yml` checks.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gokku_inputs::gokku_yml::check(data));
