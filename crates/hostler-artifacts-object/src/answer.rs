//! What the service said when it refused: its status, code and message.
//!
//! Why: `object_store` keeps its error type to itself, so the HTTP client notes each refusal beside the request, and the
//! reader makes our error of it.
//! Invariants: texts are bounded; nothing of a request is kept.

use std::sync::{Arc, Mutex, PoisonError};

use hostler_artifacts::{ArtifactSource, FetchError};
use http::{HeaderMap, StatusCode};

/// Characters of a service's message that are passed on.
const MESSAGE_CHARS_MAX: usize = 300;
/// Where S3 says which region a bucket is in.
const BUCKET_REGION_HEADER: &str = "x-amz-bucket-region";
/// Codes that mean "these session credentials no longer count", as opposed to "this may not be done".
const STALE_SESSION_CODES: [&str; 5] =
    ["ExpiredToken", "InvalidToken", "InvalidAccessKeyId", "TokenRefreshRequired", "ExpiredTokenException"];

/// A refusal.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) code: Option<String>,
    message: Option<String>,
    bucket_region: Option<String>,
}

/// Travels with a request and brings the last refusal back.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observer(Arc<Mutex<Option<Answer>>>);

impl Observer {
    pub(crate) fn note(&self, answer: Option<Answer>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = answer;
    }

    /// What the last request was answered with; none when it succeeded or got no answer.
    pub(crate) fn last(&self) -> Option<Answer> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Answer {
    pub(crate) fn read(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let body = String::from_utf8_lossy(body);
        let region = headers.get(BUCKET_REGION_HEADER).and_then(|value| value.to_str().ok());
        Self {
            status,
            code: element(&body, "Code"),
            message: element(&body, "Message"),
            bucket_region: region.map(str::to_owned).or_else(|| element(&body, "Region")),
        }
    }

    /// Other credentials of the same role may be accepted.
    pub(crate) fn is_stale_session(&self) -> bool {
        self.code.as_deref().is_some_and(|code| STALE_SESSION_CODES.contains(&code))
    }

    /// Whether a HEAD hides why: its answers have no body.
    pub(crate) fn is_mute_refusal(&self) -> bool {
        let is_refusal = matches!(self.status.as_u16(), 400 | 401 | 403);
        is_refusal && self.code.is_none()
    }

    /// Our error for it; `region` is the one that the request was signed for.
    pub(crate) fn into_error(self, source: &ArtifactSource, region: &str) -> FetchError {
        let (uri, detail) = (source.uri.clone(), self.text());
        if let Some(elsewhere) = self.elsewhere(region) {
            let detail = format!(
                "its bucket is not in region `{region}` but in {elsewhere}; SageMaker reads model data in the model's \
                 own region: create the model there, or copy the data to a bucket in `{region}`"
            );
            return FetchError::Unreadable { uri, detail };
        }
        match self.status {
            StatusCode::NOT_FOUND => FetchError::Missing { uri },
            // The second: it became shorter than what was read of it already.
            StatusCode::PRECONDITION_FAILED | StatusCode::RANGE_NOT_SATISFIABLE => {
                FetchError::Changed { uri }
            }
            _ if self.is_stale_session() => {
                FetchError::Forbidden { uri, role_arn: source.role_arn.clone(), detail }
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                FetchError::Forbidden { uri, role_arn: source.role_arn.clone(), detail }
            }
            status
                if status.is_server_error()
                    || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT) =>
            {
                FetchError::Interrupted { uri, detail }
            }
            _ => FetchError::Unreadable { uri, detail },
        }
    }

    /// The region of the bucket, when that is what is wrong: S3 says 301 or 307, or 400 when the signature's scope is the
    /// first thing it looks at.
    fn elsewhere(&self, region: &str) -> Option<String> {
        let is_about_region = self.status.is_redirection()
            || (self.status == StatusCode::BAD_REQUEST
                && matches!(self.code.as_deref(), None | Some("AuthorizationHeaderMalformed")));
        let told = self.bucket_region.as_deref().filter(|told| *told != region);
        match told {
            Some(told) if is_about_region => Some(format!("`{told}`")),
            None if self.status.is_redirection() => Some("another one".to_owned()),
            _ => None,
        }
    }

    fn text(&self) -> String {
        match (&self.code, &self.message) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            (Some(code), None) => code.clone(),
            _ => format!("the service answered {}", self.status),
        }
    }
}

/// The text of the first `<name>` in a flat XML document.
fn element(document: &str, name: &str) -> Option<String> {
    let (_, rest) = document.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    let text = text
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&#13;", "\r")
        .replace("&amp;", "&");
    Some(text.chars().take(MESSAGE_CHARS_MAX).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s3_errors_are_read() {
        let body = b"<?xml version=\"1.0\"?>\n<Error><Code>AccessDenied</Code><Message>a &lt;b&gt; &amp;lt;</Message></Error>";
        let answer = Answer::read(StatusCode::FORBIDDEN, &HeaderMap::new(), body);
        assert_eq!(answer.text(), "AccessDenied: a <b> &lt;");
        assert!(!answer.is_stale_session() && !answer.is_mute_refusal());
        let mute = Answer::read(StatusCode::FORBIDDEN, &HeaderMap::new(), b"");
        assert_eq!(mute.text(), "the service answered 403 Forbidden");
        assert!(mute.is_mute_refusal());
    }
}
