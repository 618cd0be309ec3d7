//! The spelling of patterns in error messages, where it differs from today's model.
//!
//! Why: AWS's models lost their anchors over the years, but the service still prints the older
//! spelling, and tools compare texts. Matching always uses the model's pattern, never these.
//! Invariants: a shape that is not in the table prints the model's own pattern.

/// Older spellings by shape. `seen`: the text was sighted in AWS's answers (facts 2.5 and 2.6).
/// `inferred`: the spelling of the service model of 2023 (botocore 1.34.0), not sighted.
const PRINTED: [(&str, &str); 16] = [
    ("AlarmName", r"^(?!\s*$).+"), // inferred
    ("ClarifyMimeType", r"^[a-zA-Z0-9](-*[a-zA-Z0-9])*\/[a-zA-Z0-9](-*[a-zA-Z0-9+.])*"), // inferred
    ("ContainerHostname", "^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"), // inferred
    ("CsvContentType", r"^[a-zA-Z0-9](-*[a-zA-Z0-9])*\/[a-zA-Z0-9](-*[a-zA-Z0-9.])*"), // inferred
    ("DestinationS3Uri", "^(https|s3)://([^/])/?(.*)$"), // inferred
    ("EndpointConfigName", "^[a-zA-Z0-9](-*[a-zA-Z0-9])*"), // seen
    ("EndpointName", "^[a-zA-Z0-9](-*[a-zA-Z0-9])*"), // seen
    ("InferenceSpecificationName", "^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$"), // inferred
    ("JsonContentType", r"^[a-zA-Z0-9](-*[a-zA-Z0-9])*\/[a-zA-Z0-9](-*[a-zA-Z0-9.])*"), // inferred
    ("ModelName", "^[a-zA-Z0-9](-*[a-zA-Z0-9])*"), // seen
    ("RoleArn", r"arn:aws[a-z\-]*:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+"), // seen
    ("S3ModelUri", "^(https|s3)://([^/]+)/?(.*)$"), // inferred
    ("TagKey", r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$"), // inferred
    ("TagValue", r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$"), // inferred
    ("Url", "^(https|s3)://([^/]+)/?(.*)$"), // inferred
    ("VariantName", "^[a-zA-Z0-9](-*[a-zA-Z0-9])*"), // seen
];

/// The pattern as an error message spells it.
pub fn printed_pattern(shape: &str, model: &'static str) -> &'static str {
    match PRINTED.binary_search_by(|(known, _)| (*known).cmp(shape)) {
        Ok(index) => PRINTED[index].1,
        Err(_) => model,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_since_it_is_searched() {
        assert!(PRINTED.is_sorted_by_key(|(shape, _)| *shape));
    }

    #[test]
    fn names_print_the_older_spelling_and_others_the_model_s() {
        assert_eq!(printed_pattern("ModelName", "x"), "^[a-zA-Z0-9](-*[a-zA-Z0-9])*");
        assert_eq!(printed_pattern("SubnetId", "[-0-9a-zA-Z]+"), "[-0-9a-zA-Z]+");
    }
}
