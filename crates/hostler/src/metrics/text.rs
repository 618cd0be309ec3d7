//! The two forms of text that Prometheus reads: OpenMetrics, and the older one, version 0.0.4.
//!
//! Why: prometheus-client writes OpenMetrics; `promtool check metrics`, old servers and most agents read the other. They
//! differ in how a counter is announced, in units and in the end.
//! Invariants: samples are the same in both.

use http::{HeaderMap, header};

const OPEN_METRICS: &str = "application/openmetrics-text";

/// A form of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    OpenMetrics,
    Plain,
}

impl Form {
    /// OpenMetrics for who names it, the older form for all others.
    pub(super) fn asked_for(headers: &HeaderMap) -> Self {
        let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let names = |part: &str| {
            let mut words = part.split(';').map(str::trim);
            let is_it = words.next().is_some_and(|media| media.eq_ignore_ascii_case(OPEN_METRICS));
            is_it && !words.any(|word| matches!(word, "q=0" | "q=0.0"))
        };
        let is_named = accepted.flat_map(|value| value.split(',')).any(names);
        if is_named { Self::OpenMetrics } else { Self::Plain }
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Plain => "text/plain; version=0.0.4; charset=utf-8",
        }
    }

    /// A page of OpenMetrics in this form.
    pub(super) fn of(self, page: String) -> String {
        match self {
            Self::OpenMetrics => page,
            Self::Plain => plain(&page),
        }
    }
}

/// A counter bears the name of its samples here, an info is a gauge; units and the end are not there.
fn plain(page: &str) -> String {
    let mut out = String::with_capacity(page.len());
    let mut help = None;
    for line in page.lines() {
        if line.starts_with("# UNIT ") || line == "# EOF" {
            continue;
        }
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ');
            continue;
        }
        let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) else {
            out.push_str(line);
            out.push('\n');
            continue;
        };
        let (suffix, kind) = match kind {
            "counter" => ("_total", "counter"),
            "info" => ("_info", "gauge"),
            kind => ("", kind),
        };
        if let Some((name, text)) = help.take() {
            out.push_str(&format!("# HELP {name}{suffix} {text}\n"));
        }
        out.push_str(&format!("# TYPE {name}{suffix} {kind}\n"));
    }
    out
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_counter_is_announced_by_the_name_of_its_samples() {
        let page = "# HELP a_x How so.\n# TYPE a_x counter\n# UNIT a_x x\na_x_total{b=\"c d\"} 1\n\
                    # HELP b What.\n# TYPE b info\nb_info{v=\"1\"} 1\n\
                    # HELP g_s Now.\n# TYPE g_s gauge\ng_s 2\n# EOF\n";
        let expected = "# HELP a_x_total How so.\n# TYPE a_x_total counter\na_x_total{b=\"c d\"} 1\n\
                        # HELP b_info What.\n# TYPE b_info gauge\nb_info{v=\"1\"} 1\n\
                        # HELP g_s Now.\n# TYPE g_s gauge\ng_s 2\n";
        assert_eq!(Form::Plain.of(page.to_owned()), expected);
        assert_eq!(Form::OpenMetrics.of(page.to_owned()), page);
    }

    #[test]
    fn open_metrics_is_for_who_names_it() {
        let asked = |accept: &'static str| {
            Form::asked_for(&HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]))
        };
        // As Prometheus 2.42 asks.
        let prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                          text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        assert_eq!(asked(prometheus), Form::OpenMetrics);
        for plain in ["*/*", "text/plain", "", "application/openmetrics-text;q=0,text/plain"] {
            assert_eq!(asked(plain), Form::Plain, "{plain}");
        }
        assert_eq!(Form::asked_for(&HeaderMap::new()), Form::Plain);
    }
}
