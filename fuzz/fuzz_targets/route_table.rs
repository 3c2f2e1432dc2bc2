//! Looks for inputs that break what `gokku_inputs::route_table` checks.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gokku_inputs::route_table::check(data));
