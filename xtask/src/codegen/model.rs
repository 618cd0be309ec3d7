//! The service model as botocore publishes it, read strictly.
//!
//! Why: a trait that we do not know may mean a rule that we do not keep; reading with every key
//! named turns such a silent change into a stopped run.
//! Invariants: members keep the model's order; documentation is dropped while reading; the rest of
//! codegen sees no JSON.

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// One service.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Service {
    #[serde(rename = "version")]
    _version: Option<String>,
    pub(crate) metadata: BTreeMap<String, Value>,
    pub(crate) operations: BTreeMap<String, Operation>,
    pub(crate) shapes: BTreeMap<String, Shape>,
    #[serde(rename = "documentation")]
    _documentation: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Operation {
    pub(crate) name: String,
    pub(crate) http: Http,
    pub(crate) input: Reference,
    pub(crate) output: Option<Reference>,
    #[serde(rename = "errors")]
    _errors: Option<Vec<Reference>>,
    #[serde(rename = "documentation")]
    _documentation: Option<String>,
    #[serde(rename = "readonly")]
    _readonly: Option<bool>,
    #[serde(rename = "idempotent")]
    _idempotent: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Http {
    pub(crate) method: String,
    pub(crate) request_uri: String,
    pub(crate) response_code: Option<u16>,
}

/// A member, or an input or output: a shape's name and the traits of the place where it stands.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Reference {
    pub(crate) shape: String,
    pub(crate) location: Option<String>,
    pub(crate) location_name: Option<String>,
    #[serde(default)]
    pub(crate) jsonvalue: bool,
    #[serde(default)]
    pub(crate) eventpayload: bool,
    #[serde(rename = "box")]
    _box: Option<bool>,
    #[serde(rename = "idempotencyToken")]
    _idempotency_token: Option<bool>,
    #[serde(rename = "deprecated")]
    _deprecated: Option<bool>,
    #[serde(rename = "deprecatedMessage")]
    _deprecated_message: Option<String>,
    #[serde(rename = "documentation")]
    _documentation: Option<String>,
}

/// One shape with all its traits.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Shape {
    #[serde(rename = "type")]
    pub(crate) kind: Kind,
    #[serde(default, deserialize_with = "in_order")]
    pub(crate) members: Vec<(String, Reference)>,
    #[serde(default)]
    pub(crate) required: Vec<String>,
    pub(crate) min: Option<Number>,
    pub(crate) max: Option<Number>,
    pub(crate) pattern: Option<String>,
    #[serde(rename = "enum", default)]
    pub(crate) values: Vec<String>,
    pub(crate) member: Option<Reference>,
    pub(crate) key: Option<Reference>,
    pub(crate) value: Option<Reference>,
    #[serde(default)]
    pub(crate) sensitive: bool,
    #[serde(default)]
    pub(crate) union: bool,
    pub(crate) payload: Option<String>,
    #[serde(default)]
    pub(crate) event: bool,
    #[serde(default)]
    pub(crate) eventstream: bool,
    #[serde(rename = "box")]
    _box: Option<bool>,
    #[serde(rename = "exception")]
    _exception: Option<bool>,
    #[serde(rename = "fault")]
    _fault: Option<bool>,
    #[serde(rename = "synthetic")]
    _synthetic: Option<bool>,
    #[serde(rename = "error")]
    _error: Option<Value>,
    #[serde(rename = "documentation")]
    _documentation: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Structure,
    List,
    Map,
    String,
    Integer,
    Long,
    Float,
    Double,
    Boolean,
    Timestamp,
    Blob,
}

/// A bound, which the model writes with or without a fraction.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(untagged)]
pub(crate) enum Number {
    Whole(i64),
    Fraction(f64),
}

impl Number {
    pub(crate) fn whole(self) -> Result<i64> {
        match self {
            Self::Whole(value) => Ok(value),
            Self::Fraction(value) => bail!("the bound {value} should be a whole number"),
        }
    }

    pub(crate) fn fraction(self) -> f64 {
        match self {
            Self::Whole(value) => value as f64,
            Self::Fraction(value) => value,
        }
    }
}

impl Service {
    pub(crate) fn parse(json: &[u8]) -> Result<Self> {
        serde_json::from_slice(json).context("the model has a form or a trait that is not known")
    }

    pub(crate) fn shape(&self, name: &str) -> Result<&Shape> {
        self.shapes.get(name).with_context(|| format!("the model has no shape `{name}`"))
    }

    /// Everything that the control plane's code takes for granted.
    pub(crate) fn assert_json(&self, implemented: &[&str]) -> Result<()> {
        self.assert_metadata(&[
            ("protocol", "json"),
            ("jsonVersion", "1.1"),
            ("targetPrefix", "SageMaker"),
            ("signatureVersion", "v4"),
            ("signingName", "sagemaker"),
            ("apiVersion", "2017-07-24"),
        ])?;
        for (name, operation) in &self.operations {
            ensure!(*name == operation.name, "operation `{name}` calls itself otherwise");
            ensure!(
                operation.http.method == "POST" && operation.http.request_uri == "/",
                "operation `{name}` is not `POST /`",
            );
        }
        for name in implemented {
            ensure!(self.operations.contains_key(*name), "the model has no operation `{name}`");
        }
        Ok(())
    }

    /// Everything that the data plane's code takes for granted.
    pub(crate) fn assert_rest_json(&self) -> Result<()> {
        self.assert_metadata(&[
            ("protocol", "rest-json"),
            ("signatureVersion", "v4"),
            ("signingName", "sagemaker"),
            ("apiVersion", "2017-05-13"),
        ])?;
        for (name, operation) in &self.operations {
            ensure!(
                operation.http.method == "POST"
                    && operation.http.request_uri.starts_with("/endpoints/{EndpointName}/"),
                "operation `{name}` is not a POST below `/endpoints/{{EndpointName}}/`",
            );
        }
        Ok(())
    }

    fn assert_metadata(&self, expected: &[(&str, &str)]) -> Result<()> {
        for (key, value) in expected {
            let found = self.metadata.get(*key).and_then(Value::as_str);
            ensure!(found == Some(*value), "the model's `{key}` should be `{value}`, it is {found:?}");
        }
        Ok(())
    }
}

/// Reads an object as a list of pairs, because a map type of ours would lose the model's order.
fn in_order<'de, D>(deserializer: D) -> std::result::Result<Vec<(String, Reference)>, D::Error>
where
    D: serde::Deserializer<'de>,
{
    Map::<String, Value>::deserialize(deserializer)?
        .into_iter()
        .map(|(name, value)| match Reference::deserialize(&value) {
            Ok(reference) => Ok((name, reference)),
            Err(error) => Err(serde::de::Error::custom(format!("member `{name}`: {error}"))),
        })
        .collect()
}
