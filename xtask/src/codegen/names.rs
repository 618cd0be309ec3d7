//! Rust names for the model's names.
//!
//! Why: Rust code should read as Rust while the wire keeps the model's spelling.
//! Invariants: pure; the wire name of a field is stated explicitly wherever serde's own rule would
//! not give it back.

use anyhow::{Result, ensure};

/// `VolumeSizeInGB` becomes `volume_size_in_gb`, `EnableSSMAccess` becomes `enable_ssm_access`.
pub(crate) fn snake_case(name: &str) -> String {
    if name == "ETag" {
        return "etag".to_owned();
    }
    let letters: Vec<char> = name.chars().collect();
    let mut out = String::new();
    for (index, letter) in letters.iter().enumerate() {
        if letter.is_ascii_uppercase() && index > 0 {
            let after_word = !letters[index - 1].is_ascii_uppercase();
            let starts_word = letters.get(index + 1).is_some_and(char::is_ascii_lowercase);
            if after_word || starts_word {
                out.push('_');
            }
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

/// What serde's `rename_all = "PascalCase"` makes of a field's name.
pub(crate) fn serde_pascal_case(field: &str) -> String {
    field.split('_').map(capitalised).collect()
}

/// `ProductionVariant` becomes `PRODUCTION_VARIANT`.
pub(crate) fn constant_case(name: &str) -> String {
    snake_case(name).to_ascii_uppercase()
}

/// A field's name as Rust source: keywords become raw identifiers.
pub(crate) fn field(name: &str) -> String {
    let snake = snake_case(name);
    match snake.as_str() {
        "type" | "match" | "move" | "ref" | "use" | "where" | "enum" | "struct" | "mod" => {
            format!("r#{snake}")
        }
        _ => snake,
    }
}

/// An enum value as the name of a variant: `ml.m5.large` becomes `MlM5Large`.
pub(crate) fn variant(value: &str) -> Result<String> {
    let name: String = value
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .map(|word| {
            let shouted = word.len() > 1 && !word.chars().any(|c| c.is_ascii_lowercase());
            if shouted { capitalised(&word.to_ascii_lowercase()) } else { capitalised(word) }
        })
        .collect();
    ensure!(
        name.starts_with(|first: char| first.is_ascii_uppercase()) && name != "Self",
        "the enum value `{value}` gives no Rust name",
    );
    Ok(name)
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    match letters.next() {
        Some(first) => first.to_ascii_uppercase().to_string() + letters.as_str(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn member_names_become_snake_case_with_acronyms_kept_together() {
        for (name, expected) in [
            ("ModelName", "model_name"),
            ("VolumeSizeInGB", "volume_size_in_gb"),
            ("EnableSSMAccess", "enable_ssm_access"),
            ("S3OutputPath", "s3_output_path"),
            ("Ec2CapacityReservationId", "ec2_capacity_reservation_id"),
            ("ETag", "etag"),
            ("KmsKeyId", "kms_key_id"),
        ] {
            assert_eq!(snake_case(name), expected);
        }
    }

    #[test]
    fn enum_values_become_variant_names() {
        for (value, expected) in [
            ("InService", "InService"),
            ("ml.m5.large", "MlM5Large"),
            ("ALL_AT_ONCE", "AllAtOnce"),
            ("al2-ami-sagemaker-inference-gpu-2", "Al2AmiSagemakerInferenceGpu2"),
            ("ml.p4d.24xlarge", "MlP4d24xlarge"),
        ] {
            assert_eq!(variant(value).unwrap(), expected);
        }
        assert!(variant("2xlarge").is_err());
    }
}
