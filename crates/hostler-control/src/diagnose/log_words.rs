//! What the end of a log says, where programs say it in words that are always the same.
//!
//! Why: an exit code of 1 says nothing; the last line of a traceback says everything, to whoever knows how to read one.
//! Invariants: pure; a log is anybody's text, so what is quoted of it is one line and cut.

/// The longest line that is quoted, in characters.
const LINE_CHARS_MAX: usize = 300;

/// What a log's end was understood to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LogWords {
    /// Python did not find a module.
    ModuleMissing { module: String },
    /// Another error of Python ended it; its last line.
    PythonError { line: String },
    /// Another program has the port.
    AddressInUse { line: String },
    /// A shared library is missing.
    LibraryMissing { line: String },
    /// Nothing that is known; the last line.
    Line(String),
    /// It wrote nothing.
    Nothing,
}

/// Reads the end of a log.
pub(super) fn read(log_tail: &str) -> LogWords {
    let lines: Vec<&str> =
        log_tail.lines().map(str::trim_end).filter(|line| !line.trim().is_empty()).collect();
    let Some(last) = lines.last() else { return LogWords::Nothing };
    let find = |words: &str| lines.iter().rev().find(|line| line.contains(words)).map(|line| cut(line));
    if let Some(line) = find("ModuleNotFoundError: No module named ") {
        let module = line.split('\'').nth(1).unwrap_or_default().to_owned();
        return LogWords::ModuleMissing { module };
    }
    if let Some(line) = find("ImportError: ") {
        let is_library = line.contains(".so");
        return if is_library { LogWords::LibraryMissing { line } } else { LogWords::PythonError { line } };
    }
    if let Some(line) = find("error while loading shared libraries: ") {
        return LogWords::LibraryMissing { line };
    }
    if let Some(line) = find("Address already in use") {
        return LogWords::AddressInUse { line };
    }
    if find("Traceback (most recent call last)").is_some() {
        return LogWords::PythonError { line: cut(last) };
    }
    LogWords::Line(cut(last))
}

fn cut(line: &str) -> String {
    let line = line.trim();
    if line.chars().count() <= LINE_CHARS_MAX {
        return line.to_owned();
    }
    line.chars().take(LINE_CHARS_MAX - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_programs_always_say_is_understood() {
        let python = "Traceback (most recent call last):\n  File \"serve.py\", line 1, in <module>\n";
        for (log, words) in [
            (
                format!("{python}    import sklearn\nModuleNotFoundError: No module named 'sklearn'\n"),
                LogWords::ModuleMissing { module: "sklearn".to_owned() },
            ),
            (
                format!("{python}ImportError: libgomp.so.1: cannot open shared object file\n"),
                LogWords::LibraryMissing {
                    line: "ImportError: libgomp.so.1: cannot open shared object file".to_owned(),
                },
            ),
            (
                format!("{python}    raise ValueError('no')\nValueError: no\n\n"),
                LogWords::PythonError { line: "ValueError: no".to_owned() },
            ),
            (
                "OSError: [Errno 98] Address already in use\nbye".to_owned(),
                LogWords::AddressInUse { line: "OSError: [Errno 98] Address already in use".to_owned() },
            ),
            ("one\n  two  \n \n".to_owned(), LogWords::Line("two".to_owned())),
            (" \n".to_owned(), LogWords::Nothing),
        ] {
            assert_eq!(read(&log), words, "{log}");
        }
        assert_eq!(read(&"x".repeat(900)), LogWords::Line(format!("{}…", "x".repeat(299))));
    }
}
