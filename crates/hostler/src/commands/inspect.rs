//! `hostler inspect PATH`: what a model holds, what would serve it and why, and what it answers for a row of zeros.
//!
//! Why: the mistakes that fail a deployment (a directory around the model, a link to somewhere, the wrong file) are
//! seen here in a second, without a server.
//! Invariants: the unpacker, the engines and their answers are the ones that a deployment uses.

use std::process::ExitCode;

use hostler_artifacts::{Contents, EntryKind};
use hostler_runtime::{InvokeInput, Verdict, judge, load, recognise, sniff};
use serde_json::{Value, json};

use super::deploy;
use crate::cli::{InspectArgs, OutputForm};
use crate::model_path::{Form, ModelPath};
use crate::output;
use crate::progress::size;
use crate::rows::{Rows, printable};
use crate::terminal::Tone;

const ENTRIES_SHOWN: usize = 20;
/// The region whose image is named; the account differs by region, the engine does not.
const REGION: &str = "us-east-1";
/// Characters of an answer that are shown as text.
const ANSWER_CHARS_MAX: usize = 400;
/// The width of the labels.
const LABEL: usize = 13;
const GAP: usize = 2;
const COLUMNS_DEFAULT: usize = 100;

pub(crate) fn run(args: &InspectArgs) -> anyhow::Result<ExitCode> {
    let model = ModelPath::look(&args.path)?;
    let serving = Serving::find(&model)?;
    match args.output {
        OutputForm::Json => output::data(&document(args, &model, &serving).to_string()),
        OutputForm::Text => show(args, &model, &serving),
    }
    Ok(if model.contents.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Who would serve it.
struct Serving {
    engine: Option<ServedBy>,
    /// Every engine that does not, and why.
    refusals: Vec<(&'static str, String)>,
    /// File and format of what was recognised.
    formats: Vec<(String, &'static str)>,
}

struct ServedBy {
    name: &'static str,
    because: String,
    description: String,
    image: String,
    request: String,
    content_type: &'static str,
    /// The answer's body and type, or why there is none.
    answer: Result<(String, &'static str), String>,
}

impl Serving {
    fn find(model: &ModelPath) -> anyhow::Result<Self> {
        let dir = model.dir();
        let own_path = |text: String| text.replace(&dir.display().to_string(), ".");
        let mut refusals = Vec::new();
        let mut reason = String::new();
        for finding in judge(dir) {
            match finding.verdict {
                Verdict::Refuses { because } => refusals.push((finding.kind.name(), own_path(because))),
                Verdict::Serves { because } => reason = because,
            }
        }
        let formats = recognise(dir)
            .into_iter()
            .map(|known| (known.file.display().to_string(), known.format))
            .collect();
        let Some(kind) = sniff(dir) else { return Ok(Self { engine: None, refusals, formats }) };
        let engine = load(kind, dir)?;
        let zero = engine.zero_row();
        let input =
            InvokeInput { content_type: Some(zero.content_type), accept: None, body: zero.body.as_bytes() };
        let answer = match engine.invoke(&input) {
            Ok(answer) => Ok((String::from_utf8_lossy(&answer.body).into_owned(), answer.content_type)),
            Err(error) => Err(error.to_string()),
        };
        let served = ServedBy {
            name: kind.name(),
            because: reason,
            description: engine.describe(),
            image: deploy::image(kind.name(), REGION)?,
            request: zero.body,
            content_type: zero.content_type,
            answer,
        };
        Ok(Self { engine: Some(served), refusals, formats })
    }
}

fn document(args: &InspectArgs, model: &ModelPath, serving: &Serving) -> Value {
    let Contents { entries, files, directories, links, bytes, problems } = &model.contents;
    let entries: Vec<Value> = entries
        .iter()
        .map(|entry| match &entry.kind {
            EntryKind::File { bytes } => json!({ "Path": entry.path, "Kind": "File", "Bytes": bytes }),
            EntryKind::Directory => json!({ "Path": entry.path, "Kind": "Directory" }),
            EntryKind::Link { target } => json!({ "Path": entry.path, "Kind": "Link", "Target": target }),
        })
        .collect();
    let engine = serving.engine.as_ref().map(|served| {
        let (answer, error) = match &served.answer {
            Ok((body, content_type)) => (Some(json!({ "Body": body, "ContentType": content_type })), None),
            Err(error) => (None, Some(error)),
        };
        json!({
            "Name": served.name,
            "Because": served.because,
            "Model": served.description,
            "Image": served.image,
            "ZeroRow": {
                "Request": { "Body": served.request, "ContentType": served.content_type },
                "Answer": answer,
                "Error": error,
            },
        })
    });
    let pairs = |pairs: Vec<(&str, &str)>, names: [&str; 2]| -> Vec<Value> {
        pairs.iter().map(|(first, second)| json!({ names[0]: first, names[1]: second })).collect()
    };
    json!({
        "Path": args.path.display().to_string(),
        "Form": match model.form { Form::Directory => "Directory", Form::Archive { .. } => "Archive" },
        "ArchiveBytes": match model.form { Form::Directory => None, Form::Archive { bytes } => Some(bytes) },
        "Files": files,
        "Directories": directories,
        "Links": links,
        "Bytes": bytes,
        "Entries": entries,
        "Problems": problems,
        "Engine": engine,
        "Refusals": pairs(
            serving.refusals.iter().map(|(name, because)| (*name, because.as_str())).collect(),
            ["Engine", "Because"],
        ),
        "Formats": pairs(
            serving.formats.iter().map(|(file, format)| (file.as_str(), *format)).collect(),
            ["Path", "Format"],
        ),
    })
}

fn show(args: &InspectArgs, model: &ModelPath, serving: &Serving) {
    let rows = Rows::new(LABEL + GAP, Some(COLUMNS_DEFAULT));
    let form = match model.form {
        Form::Directory => "directory".to_owned(),
        Form::Archive { bytes } => format!("archive of {}", size(bytes)),
    };
    rows.row("path", &format!("{} ({form})", args.path.display()));
    show_contents(args, rows, &model.contents);
    show_serving(rows, serving, &model.contents);
}

fn show_contents(args: &InspectArgs, rows: Rows, contents: &Contents) {
    let counts = [(contents.files, "file"), (contents.directories, "directory"), (contents.links, "link")];
    let counts: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, noun)| match (count, *noun) {
            (1, noun) => format!("1 {noun}"),
            (_, "directory") => format!("{count} directories"),
            _ => format!("{count} {noun}s"),
        })
        .collect();
    let counts = if counts.is_empty() { "nothing".to_owned() } else { counts.join(", ") };
    rows.row("holds", &format!("{counts}; {} in all", size(contents.bytes)));
    let shown = if args.all { contents.entries.len() } else { ENTRIES_SHOWN };
    for entry in contents.entries.iter().take(shown) {
        let (measure, tail) = match &entry.kind {
            EntryKind::File { bytes } => (size(*bytes), String::new()),
            EntryKind::Directory => (String::new(), "/".to_owned()),
            EntryKind::Link { target } => (String::new(), format!(" -> {target}")),
        };
        let path = entry.path.trim_end_matches('/');
        output::data(&format!("{measure:>LABEL$}  {}{}", printable(path), printable(&tail)));
    }
    let total = contents.files + contents.directories + contents.links;
    let more = total.saturating_sub(contents.entries.len().min(shown) as u64);
    if more > 0 {
        let how = if args.all { "" } else { " (--all lists them)" };
        output::data(&format!("{:LABEL$}  and {more} more{how}", ""));
    }
    for problem in &contents.problems {
        let text = format!("a deployment would refuse this: {problem}");
        rows.painted("problem", &text, Tone::Bad);
    }
    if contents.problems.is_empty() {
        rows.painted("problems", "none", Tone::Good);
    }
}

fn show_serving(rows: Rows, serving: &Serving, contents: &Contents) {
    let Some(served) = &serving.engine else {
        for (file, format) in &serving.formats {
            rows.row("recognised", &format!("`{file}` is {format}"));
        }
        rows.painted("served by", "no built-in engine", Tone::Warning);
        for (name, because) in &serving.refusals {
            rows.row("", &format!("{name} does not: {because}"));
        }
        let to_do = if contents.problems.is_empty() {
            "deploy it with --image NAME, and map NAME to a program by [[image]] in the settings"
        } else if contents.files == 0 {
            "make an archive of the model, or name its directory instead"
        } else {
            "mend what is refused first; what serves it shows then"
        };
        rows.row("to do", to_do);
        return;
    };
    rows.painted("served by", &format!("the built-in engine {}", served.description), Tone::Good);
    rows.row("because", &served.because);
    rows.row("image", &served.image);
    let values = served.request.split(',').count();
    rows.row("asked", &format!("one row of {values} zeros as {}", served.content_type));
    match &served.answer {
        Ok((body, content_type)) => {
            let mut shown: String = body.chars().take(ANSWER_CHARS_MAX).collect();
            if body.chars().nth(ANSWER_CHARS_MAX).is_some() {
                shown.push('…');
            }
            rows.row("answers", &format!("{} ({content_type})", shown.trim_end()));
        }
        Err(error) => rows.painted("answers", error, Tone::Bad),
    }
}
