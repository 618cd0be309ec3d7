//! The harness `sigv4_chunked` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hostler_fuzz::run("sigv4_chunked", data));
