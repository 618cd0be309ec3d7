//! Why a call to the engine brought nothing.

use std::io;

/// Shown of what an engine says.
const MESSAGE_CHARS_MAX: usize = 600;

/// Why a call to the engine brought nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EngineError {
    /// Nobody answers at the socket.
    #[error("the container engine at {address} cannot be reached: {cause}")]
    Unreachable { address: String, cause: io::Error },
    /// The connection broke, or what came was no answer.
    #[error("the container engine broke off while it was asked to {action}: {detail}")]
    Broken { action: &'static str, detail: String },
    /// No answer in time.
    #[error("the container engine did not {action} within {seconds} s")]
    Late { action: &'static str, seconds: u64 },
    /// It says no.
    #[error("the container engine was asked to {action} and answered {status}: {message}")]
    Refused { action: &'static str, status: u16, message: String },
}

impl EngineError {
    pub(crate) fn broken(action: &'static str, error: &(dyn std::error::Error + 'static)) -> Self {
        let mut detail = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            detail.push_str(": ");
            detail.push_str(&error.to_string());
            cause = error.source();
        }
        Self::Broken { action, detail }
    }

    /// An answer that is no success: engines say why in `{"message": …}`.
    pub(crate) fn refused(action: &'static str, status: u16, body: &[u8]) -> Self {
        #[derive(serde::Deserialize)]
        struct Said {
            message: String,
        }
        let said = serde_json::from_slice::<Said>(body).map(|said| said.message);
        let message = said.unwrap_or_else(|_| String::from_utf8_lossy(body).into_owned());
        Self::Refused { action, status, message: one_line(&message) }
    }

    /// What the engine said, where it said something.
    pub(crate) fn refusal(&self) -> Option<(u16, &str)> {
        match self {
            Self::Refused { status, message, .. } => Some((*status, message)),
            _ => None,
        }
    }
}

/// A text of an engine or a registry, fit to stand in a reason.
pub(crate) fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(MESSAGE_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_engine_says_stands_on_one_line_and_is_bounded() {
        let error = EngineError::refused("start a container", 404, br#"{"message":"no such\n  image"}"#);
        assert_eq!(error.refusal(), Some((404, "no such image")));
        let long = "x".repeat(10_000);
        let error = EngineError::refused("start a container", 500, long.as_bytes());
        assert_eq!(error.refusal().unwrap().1.len(), MESSAGE_CHARS_MAX);
    }
}
