//! How much memory a decoder may take.
//!
//! Why: "no unbounded memory" is a claim about the peak while one input is decoded, so the allocator counts and the
//! harness says, as a function of the input's size, what is too much.
//! Invariants: only what the decoder itself holds counts, not what the harness compares it with. The count is the
//! program's, so nothing else may run meanwhile.

use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// What any decoder may take besides its share of the input: buffers of a fixed size.
pub(crate) const BASE_BYTES: usize = 1 << 20;

/// Decodes, and panics when the peak of its memory was above `bytes_max`.
pub(crate) fn within<T>(bytes_max: usize, decode: impl FnOnce() -> T) -> T {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let decoded = decode();
    let peak = ALLOCATOR.peak_usage().saturating_sub(before);
    assert!(peak <= bytes_max, "decoding took {peak} bytes of memory, the bound is {bytes_max}");
    decoded
}

/// The bound for a decoder that may take `times` its input.
pub(crate) fn times(times: usize, input: &[u8]) -> usize {
    BASE_BYTES + times * input.len()
}

/// The most memory that was in use since it was last asked.
pub fn peak_bytes() -> usize {
    let peak = ALLOCATOR.peak_usage();
    ALLOCATOR.reset_peak_usage();
    peak
}
