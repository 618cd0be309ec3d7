//! A number as text at the end of a head: the length of a body.
//!
//! Why: formatting by the standard library goes through traits and padding that a length has not.

/// The most digits that a number has.
const DIGITS_MAX: usize = 20;

/// Appends it.
pub(crate) fn push_decimal(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; DIGITS_MAX];
    let mut at = DIGITS_MAX;
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_number_is_written_as_the_standard_library_writes_it(
            number in prop_oneof![any::<u64>(), 0..2000_u64, Just(u64::MAX)],
        ) {
            let mut out = b"x".to_vec();
            push_decimal(&mut out, number);
            prop_assert_eq!(String::from_utf8(out).unwrap(), format!("x{number}"));
        }
    }
}
