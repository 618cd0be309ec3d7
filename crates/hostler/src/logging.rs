//! The log: what is logged, and how a line is written.
//!
//! Why: people read text; machines read one JSON object a line, with the fields of its spans beside its own, so that
//! `jq 'select(.endpoint == "digits")'` needs to know no nesting.
//! Invariants: standard error only. In the JSON form every line is one whole object, a panic's too; an event's own
//! field wins over its span's, an inner span's over an outer one's. A name of ours (`timestamp`, `level`, `target`,
//! `message`) is never another's.

use std::fmt;
use std::io::IsTerminal;

use anyhow::Context as _;
use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormattedFields};
use tracing_subscriber::registry::{LookupSpan, Scope};

use crate::cli::LogFormat;

/// What is logged when nothing else is asked for.
const FILTER_DEFAULT: &str = "info";

/// From now on everything that is told is logged.
pub(crate) fn begin(form: LogFormat) -> anyhow::Result<()> {
    let log = tracing_subscriber::fmt().with_env_filter(filter()?).with_writer(std::io::stderr);
    match form {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => {
            log.fmt_fields(JsonFields::new()).event_format(FlatJson).init();
            std::panic::set_hook(Box::new(|panic| {
                let place = panic.location().map(ToString::to_string);
                let words = panic.payload_as_str();
                tracing::error!(place, words, "a panic");
            }));
        }
    }
    Ok(())
}

fn filter() -> anyhow::Result<EnvFilter> {
    let wish = std::env::var("HOSTLER_LOG").unwrap_or_default();
    let wish = if wish.is_empty() { FILTER_DEFAULT } else { &wish };
    EnvFilter::try_new(wish).with_context(|| {
        format!("HOSTLER_LOG = `{wish}` is no filter; try `debug`, or `info,hostler_gateway=debug`")
    })
}

/// One JSON object a line.
struct FlatJson;

impl<S> FormatEvent<S, JsonFields> for FlatJson
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields(Map::new());
        for span in context.event_scope().into_iter().flat_map(Scope::from_root) {
            let extensions = span.extensions();
            let Some(formatted) = extensions.get::<FormattedFields<JsonFields>>() else { continue };
            // What a formatter of JSON wrote is JSON; if it ever is not, its span is missed and the line is whole.
            if let Ok(Value::Object(of_span)) = serde_json::from_str(&formatted.fields) {
                fields.0.extend(of_span);
            }
        }
        event.record(&mut fields);
        let mut line = Map::new();
        let mut timestamp = String::new();
        SystemTime.format_time(&mut Writer::new(&mut timestamp))?;
        let metadata = event.metadata();
        line.insert("timestamp".to_owned(), json!(timestamp));
        line.insert("level".to_owned(), json!(metadata.level().as_str()));
        line.insert("target".to_owned(), json!(metadata.target()));
        line.insert("message".to_owned(), fields.0.remove("message").unwrap_or_default());
        for (name, value) in fields.0 {
            line.entry(name).or_insert(value);
        }
        writeln!(writer, "{}", Value::Object(line))
    }
}

/// The fields of one event.
struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.insert(field.name().to_owned(), json!(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), json!(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), json!(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().to_owned(), json!(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), json!(value));
    }

    /// With all its causes: the last one is what has to be mended.
    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let causes = std::iter::successors(Some(value), |error| error.source());
        let words: Vec<String> = causes.map(ToString::to_string).collect();
        self.0.insert(field.name().to_owned(), json!(words.join(": ")));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), json!(format!("{value:?}")));
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// The lines that `happen` logs.
    fn logged(happen: impl FnOnce()) -> Vec<Value> {
        let written = Written::default();
        let writer = written.clone();
        let log = tracing_subscriber::fmt()
            .fmt_fields(JsonFields::new())
            .event_format(FlatJson)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(log, happen);
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn fields_of_spans_stand_beside_those_of_the_event_and_the_nearest_wins() {
        let lines = logged(|| {
            let run = tracing::error_span!("run", endpoint = "digits", generation = tracing::field::Empty);
            let _run = run.clone().entered();
            run.record("generation", 1);
            tracing::info!("{}", "a \"quoted\"\nmessage");
            let _inner = tracing::error_span!("instance", generation = 2, instance = "i").entered();
            tracing::warn!(generation = 3, level = "mine", "inner");
        });
        assert_eq!(lines[0]["message"], "a \"quoted\"\nmessage");
        assert_eq!((&lines[0]["endpoint"], &lines[0]["generation"]), (&json!("digits"), &json!(1)));
        assert_eq!((&lines[1]["generation"], &lines[1]["instance"]), (&json!(3), &json!("i")));
        assert_eq!(lines[1]["level"], "WARN", "a field of that name takes nothing from the line");
    }

    #[test]
    fn an_error_is_told_with_its_causes() {
        let cause = std::io::Error::other("the disk is full");
        let error = anyhow::Error::from(cause).context("writing failed");
        let lines = logged(|| {
            let error: &dyn std::error::Error = error.as_ref();
            tracing::warn!(error, "no luck");
        });
        assert_eq!(lines[0]["error"], "writing failed: the disk is full");
    }
}
