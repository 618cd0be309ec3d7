//! Hexadecimal digits of hashes and ids, by tables.
//!
//! Why: every request reads one signature and writes two hashes; a general library decided for each digit what it is,
//! which took more instructions than the rest of reading the signature.
//! Invariants: written in lower case, read in either. Only 64 digits are a hash.

/// The two digits of each byte.
const PAIRS: [[u8; 2]; 256] = {
    let digits = b"0123456789abcdef";
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        pairs[byte] = [digits[byte >> 4], digits[byte & 0xf]];
        byte += 1;
    }
    pairs
};

/// What no digit stands for; it has bits that no digit has.
const NONE: u8 = 0xff;

/// What each digit stands for.
const VALUES: [u8; 256] = {
    let mut values = [NONE; 256];
    let mut value: u8 = 0;
    while value < 16 {
        let [_, digit] = PAIRS[value as usize];
        values[digit as usize] = value;
        values[digit.to_ascii_uppercase() as usize] = value;
        value += 1;
    }
    values
};

/// The digits of a byte.
pub(crate) fn digits_of(byte: u8) -> [u8; 2] {
    PAIRS[usize::from(byte)]
}

/// The digits of a hash.
pub(crate) fn write_hash(hash: &[u8; 32]) -> [u8; 64] {
    let mut digits = [0; 64];
    for (pair, byte) in digits.as_chunks_mut().0.iter_mut().zip(hash) {
        *pair = digits_of(*byte);
    }
    digits
}

/// The hash of some digits; none when they are not 64, or something else.
pub(crate) fn read_hash(text: &str) -> Option<[u8; 32]> {
    let digits: &[u8; 64] = text.as_bytes().try_into().ok()?;
    let (mut hash, mut seen) = ([0; 32], 0);
    for (byte, [high, low]) in hash.iter_mut().zip(digits.as_chunks().0) {
        let (high, low) = (VALUES[usize::from(*high)], VALUES[usize::from(*low)]);
        seen |= high | low;
        *byte = high << 4 | low;
    }
    (seen < 16).then_some(hash)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn digits_are_those_of_a_general_library(hash: [u8; 32], text in "[0-9a-fA-F]{62}[0-9a-fA-Fg@/:` é]{1,3}") {
            let written = write_hash(&hash);
            prop_assert_eq!(std::str::from_utf8(&written).unwrap(), hex::encode(hash));
            prop_assert_eq!(read_hash(&hex::encode(hash)), Some(hash));
            prop_assert_eq!(read_hash(&hex::encode_upper(hash)), Some(hash));
            let mut expected = [0; 32];
            let is_hash = hex::decode_to_slice(&text, &mut expected).is_ok();
            prop_assert_eq!(read_hash(&text), is_hash.then_some(expected));
        }
    }

    #[test]
    fn no_other_byte_is_a_digit() {
        for byte in 0..=0x7f_u8 {
            let text = format!("{}{}", "0".repeat(63), char::from(byte));
            assert_eq!(read_hash(&text).is_some(), byte.is_ascii_hexdigit(), "{byte}");
        }
    }
}
