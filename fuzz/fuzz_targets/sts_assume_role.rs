//! The harness `sts_assume_role` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hostler_fuzz::run("sts_assume_role", data));
