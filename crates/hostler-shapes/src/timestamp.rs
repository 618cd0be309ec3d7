//! A point in time as the JSON protocol writes it: epoch seconds with at most three decimals.
//!
//! Why: AWS answers `1529870369.986` and `1529870804`, and SDKs in typed languages insist on a
//! number. Whole milliseconds inside keep comparisons and sorting exact, which seconds in a float
//! would not.
//! Invariants: what was written reads back as the same value; between -2^53 and 2^53 milliseconds.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

const MILLIS_PER_SECOND: i64 = 1000;

/// Beyond this, milliseconds are no longer exact in the JSON number.
const MILLIS_MAX: i64 = 1 << 53;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The time so many milliseconds after the epoch, kept within the representable range.
    pub const fn from_millis(millis: i64) -> Self {
        if millis > MILLIS_MAX {
            Self(MILLIS_MAX)
        } else if millis < -MILLIS_MAX {
            Self(-MILLIS_MAX)
        } else {
            Self(millis)
        }
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// The time so many seconds after the epoch, rounded to a millisecond; `None` out of range.
    pub fn from_seconds(seconds: f64) -> Option<Self> {
        let millis = (seconds * MILLIS_PER_SECOND as f64).round();
        (millis.abs() <= MILLIS_MAX as f64).then_some(Self(millis as i64))
    }

    /// Seconds since the epoch.
    pub fn as_seconds(self) -> f64 {
        self.0 as f64 / MILLIS_PER_SECOND as f64
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 % MILLIS_PER_SECOND == 0 {
            serializer.serialize_i64(self.0 / MILLIS_PER_SECOND)
        } else {
            serializer.serialize_f64(self.as_seconds())
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Seconds;

        impl serde::de::Visitor<'_> for Seconds {
            type Value = Timestamp;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("epoch seconds as a number")
            }

            fn visit_i64<E: serde::de::Error>(self, seconds: i64) -> Result<Timestamp, E> {
                self.visit_f64(seconds as f64)
            }

            fn visit_u64<E: serde::de::Error>(self, seconds: u64) -> Result<Timestamp, E> {
                self.visit_f64(seconds as f64)
            }

            fn visit_f64<E: serde::de::Error>(self, seconds: f64) -> Result<Timestamp, E> {
                Timestamp::from_seconds(seconds).ok_or_else(|| E::custom("epoch seconds out of range"))
            }
        }

        deserializer.deserialize_f64(Seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, millis: i64, back: &str) {
        let time: Timestamp = serde_json::from_str(json).unwrap();
        assert_eq!(time.as_millis(), millis, "{json}");
        assert_eq!(serde_json::to_string(&time).unwrap(), back);
    }

    #[test]
    fn numbers_with_and_without_a_fraction_are_read_and_written_as_aws_writes_them() {
        // Facts 4.3: both forms were seen from AWS.
        check("1529870369.986", 1_529_870_369_986, "1529870369.986");
        check("1529870804", 1_529_870_804_000, "1529870804");
        check("1529870804.0", 1_529_870_804_000, "1529870804");
        check("1529870804.0004", 1_529_870_804_000, "1529870804");
        check("-1.5", -1500, "-1.5");
        check("1.5298708e9", 1_529_870_800_000, "1529870800");
    }

    #[test]
    fn text_and_absurd_numbers_are_refused() {
        for json in ["\"2018-06-24T20:06:44Z\"", "1e300", "-1e17", "true", "null"] {
            assert!(serde_json::from_str::<Timestamp>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn every_millisecond_reads_back_as_itself() {
        for millis in (1_529_870_369_000..1_529_870_371_000).chain([i64::MAX, i64::MIN, -1, 0, 1]) {
            let time = Timestamp::from_millis(millis);
            let json = serde_json::to_string(&time).unwrap();
            assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), time, "{json}");
        }
    }
}
