//! `file://` in a `ModelDataUrl`, which AWS's pattern for it does not know.
//!
//! Why: a server on one's own machine may serve what lies on that machine, where its operator allows it. The service
//! model's constraints stay as they are; so such URLs are taken out of the request before it is checked, and put back
//! afterwards. Whether one is allowed is the reader's to say, at CreateModel and at every deployment.
//! Invariants: nothing else of a request is touched; a request without `file://` is not even looked into. A URL that is
//! longer than AWS allows stays, and is refused in AWS's words.

use hostler_shapes::{ContainerDefinition, CreateModelInput};
use serde_json::Value;

const SCHEME: &str = "file://";
/// AWS's limit for a `Url`.
const URL_BYTES_MAX: usize = 1024;

/// The URLs that were taken out.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct LocalUrls {
    primary: Option<String>,
    /// By position in `Containers`.
    listed: Vec<(usize, String)>,
}

impl LocalUrls {
    /// Takes the URLs out of the body of a CreateModel; none where there is nothing to take out.
    pub(crate) fn take_out(body: &[u8]) -> Option<(Vec<u8>, Self)> {
        if !body.windows(SCHEME.len()).any(|window| window == SCHEME.as_bytes()) {
            return None;
        }
        let mut request: Value = serde_json::from_slice(body).ok()?;
        let mut urls =
            Self { primary: request.get_mut("PrimaryContainer").and_then(take), listed: Vec::new() };
        let containers = request.get_mut("Containers").and_then(Value::as_array_mut);
        for (at, container) in containers.into_iter().flatten().enumerate() {
            urls.listed.extend(take(container).map(|url| (at, url)));
        }
        (urls != Self::default()).then(|| (request.to_string().into_bytes(), urls))
    }

    /// Puts them back into the request that was checked without them.
    pub(crate) fn put_back(self, input: &mut CreateModelInput) {
        let put = |container: Option<&mut ContainerDefinition>, url| {
            if let Some(container) = container {
                container.model_data_url = Some(url);
            }
        };
        if let Some(url) = self.primary {
            put(input.primary_container.as_mut(), url);
        }
        for (at, url) in self.listed {
            put(input.containers.as_mut().and_then(|containers| containers.get_mut(at)), url);
        }
    }
}

fn take(container: &mut Value) -> Option<String> {
    let container = container.as_object_mut()?;
    let url = container.get("ModelDataUrl")?.as_str()?;
    let is_local = url.starts_with(SCHEME) && url.len() <= URL_BYTES_MAX;
    let taken = is_local.then(|| url.to_owned())?;
    container.remove("ModelDataUrl");
    Some(taken)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn local_urls_are_taken_out_and_put_back_where_they_were() {
        let body = json!({
            "ModelName": "m",
            "PrimaryContainer": { "Image": "i", "ModelDataUrl": "file:///srv/a" },
            "Containers": [{ "ModelDataUrl": "s3://b/k" }, { "ModelDataUrl": "file:///srv/b" }],
        });
        let (rest, urls) = LocalUrls::take_out(body.to_string().as_bytes()).unwrap();
        let rest: Value = serde_json::from_slice(&rest).unwrap();
        assert_eq!(
            rest,
            json!({
                "ModelName": "m",
                "PrimaryContainer": { "Image": "i" },
                "Containers": [{ "ModelDataUrl": "s3://b/k" }, {}],
            })
        );
        let mut input: CreateModelInput = serde_json::from_value(rest).unwrap();
        urls.put_back(&mut input);
        let url = |container: &ContainerDefinition| container.model_data_url.clone();
        assert_eq!(input.primary_container.as_ref().and_then(url).as_deref(), Some("file:///srv/a"));
        let listed: Vec<_> = input.containers.iter().flatten().map(|one| url(one).unwrap()).collect();
        assert_eq!(listed, ["s3://b/k", "file:///srv/b"]);
    }

    #[test]
    fn other_requests_are_left_alone() {
        for body in [
            "",
            "file://",
            "[]",
            r#"{"PrimaryContainer": "file:///srv/a"}"#,
            r#"{"PrimaryContainer": {"Image": "file:///srv/a", "ModelDataUrl": 1}}"#,
            r#"{"PrimaryContainer": {"ModelDataUrl": "s3://b/file://"}}"#,
            r#"{"PrimaryContainer": {"ModelDataSource": {"S3DataSource": {"S3Uri": "file:///srv/a"}}}}"#,
        ] {
            assert_eq!(LocalUrls::take_out(body.as_bytes()), None, "{body}");
        }
        let long = json!({ "PrimaryContainer": { "ModelDataUrl": format!("file:///{}", "x".repeat(1017)) } });
        assert_eq!(LocalUrls::take_out(long.to_string().as_bytes()), None);
    }
}
