//! The settings of metrics and usage.

use std::path::Path;

use hostler_types::Secret;

/// At about 8 kB for each variant a scrape stays below a few megabytes.
const ENDPOINTS_SHOWN_DEFAULT: usize = 200;
/// A year and a month to look at it.
const USAGE_DAYS_DEFAULT: u32 = 400;
/// More than any token has.
const TOKEN_BYTES_MAX: usize = 4096;

/// What a server goes by.
#[derive(Debug, Clone)]
pub(crate) struct MetricsSettings {
    /// What a reader sends.
    pub(crate) token: Option<Secret>,
    /// Endpoints with series of their own.
    pub(crate) endpoints_shown_max: usize,
    /// For so long it is kept what was used.
    pub(crate) usage_days: u32,
}

/// As they are written.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) metrics_token_file: Option<std::path::PathBuf>,
    pub(super) metrics_endpoints_max: Option<usize>,
    pub(super) usage_days: Option<u32>,
}

impl Written {
    pub(super) fn resolve(self, mistakes: &mut Vec<String>) -> MetricsSettings {
        let token = self.metrics_token_file.as_deref().and_then(|path| match read_token(path) {
            Ok(token) => Some(token),
            Err(mistake) => {
                mistakes.push(format!("metrics_token_file = \"{}\": {mistake}", path.display()));
                None
            }
        });
        let usage_days = self.usage_days.unwrap_or(USAGE_DAYS_DEFAULT);
        if !(1..=3660).contains(&usage_days) {
            mistakes.push(format!("usage_days = {usage_days} is not between 1 and 3660"));
        }
        let endpoints_shown_max = self.metrics_endpoints_max.unwrap_or(ENDPOINTS_SHOWN_DEFAULT);
        if endpoints_shown_max > 10_000 {
            mistakes.push(format!("metrics_endpoints_max = {endpoints_shown_max} is more than 10000"));
        }
        MetricsSettings { token, endpoints_shown_max, usage_days }
    }
}

fn read_token(path: &Path) -> Result<Secret, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("reading it failed: {error}"))?;
    let token = text.trim();
    let is_one = !token.is_empty() && token.len() <= TOKEN_BYTES_MAX;
    if !is_one || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!("it must hold one token of 1 to {TOKEN_BYTES_MAX} printable characters"));
    }
    Ok(Secret::new(token))
}
