//! Forms: the parameters of AWS's query protocol, from a body or from a query string.
//!
//! Why: STS takes its members as `application/x-www-form-urlencoded`; unknown ones are ignored, as AWS does.
//! Invariants: sizes and counts are checked before anything is decoded; of a repeated name the first counts.

use percent_encoding::percent_decode;

/// Bytes of a form; AWS's largest legitimate one is a session policy of a few kilobytes.
pub const FORM_BYTES_MAX: usize = 64 * 1024;
/// Parameters in a form.
pub const FORM_PAIRS_MAX: usize = 512;

/// Why a form cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// Too many bytes.
    #[error("the form has {found} bytes, the limit is {FORM_BYTES_MAX}")]
    TooLong {
        /// How many it has.
        found: usize,
    },
    /// Too many parameters.
    #[error("the form has more than {FORM_PAIRS_MAX} parameters")]
    TooMany,
    /// A name or value that is not UTF-8 when decoded.
    #[error("parameter {position} of the form is not UTF-8")]
    NotUtf8 {
        /// Counted from 1.
        position: usize,
    },
}

/// Decoded parameters in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a form body or a query string.
    pub fn parse(text: &[u8]) -> Result<Self, FormError> {
        if text.len() > FORM_BYTES_MAX {
            return Err(FormError::TooLong { found: text.len() });
        }
        let mut pairs = Vec::new();
        for (index, pair) in text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).enumerate() {
            if index == FORM_PAIRS_MAX {
                return Err(FormError::TooMany);
            }
            let split = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            let (name, value) = (&pair[..split], pair.get(split + 1..).unwrap_or_default());
            let not_utf8 = || FormError::NotUtf8 { position: index + 1 };
            pairs.push((decode(name).ok_or_else(not_utf8)?, decode(value).ok_or_else(not_utf8)?));
        }
        Ok(Self(pairs))
    }

    /// The first value of `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs().find(|(found, _)| *found == name).map(|(_, value)| value)
    }

    /// Everything in order, for lists such as `PolicyArns.member.1.arn`.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

fn decode(text: &[u8]) -> Option<String> {
    let spaced: Vec<u8> = text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    String::from_utf8(percent_decode(&spaced).collect()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_as_botocore_sends_it_is_read() {
        let body = b"Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr&RoleSessionName=a+b&Empty=&Bare";
        let form = Form::parse(body).unwrap();
        assert_eq!(form.get("Action"), Some("AssumeRole"));
        assert_eq!(form.get("RoleArn"), Some("arn:aws:iam::1:role/r"));
        assert_eq!(form.get("RoleSessionName"), Some("a b"));
        assert_eq!(form.get("Empty"), Some(""));
        assert_eq!(form.get("Bare"), Some(""));
        assert_eq!(form.get("Missing"), None);
    }

    #[test]
    fn of_a_repeated_name_the_first_counts() {
        assert_eq!(Form::parse(b"a=1&a=2").unwrap().get("a"), Some("1"));
    }

    #[test]
    fn limits_give_their_own_errors() {
        let long = vec![b'a'; FORM_BYTES_MAX + 1];
        assert_eq!(Form::parse(&long), Err(FormError::TooLong { found: FORM_BYTES_MAX + 1 }));
        let many = b"a=&".repeat(FORM_PAIRS_MAX + 1);
        assert_eq!(Form::parse(&many), Err(FormError::TooMany));
        assert!(Form::parse(&b"a=&".repeat(FORM_PAIRS_MAX)).is_ok());
        assert_eq!(Form::parse(b"a=1&b=%ff"), Err(FormError::NotUtf8 { position: 2 }));
    }
}
