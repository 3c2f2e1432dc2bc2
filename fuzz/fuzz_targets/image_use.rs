//! Looks for inputs that break what `gokku_inputs::image_use` checks.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gokku_inputs::image_use::check(data));
