//! Looks for inputs that break what `gokku_inputs::proc_receive` checks.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gokku_inputs::proc_receive::check(data));
