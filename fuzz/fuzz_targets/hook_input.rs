//! Looks for inputs that break what `gokku_inputs::hook_input` checks.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gokku_inputs::hook_input::check(data));
