//! What `cargo xtask test` prints: a line before and after each suite, the table, and the total.
//!
//! Why: whoever comes back after ten minutes looks at the last screen only, so it must hold all.
//! Invariants: the last line is the total alone, in the words that CI reads.

use std::time::Duration;

use super::suite::{Outcome, Suite};

pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) outcome: Outcome,
    pub(crate) took: Duration,
}

pub(crate) fn announce(suite: &Suite) {
    say(&format!("== {}: {}", suite.name, suite.about));
}

pub(crate) fn report(row: &Row) {
    let (word, note) = told(&row.outcome);
    let note = if note.is_empty() { String::new() } else { format!(": {note}") };
    say(&format!("== {} {word} in {}{note}\n", row.name, minutes(row.took)));
}

pub(crate) fn print(rows: &[Row]) {
    say(&render(rows));
}

fn render(rows: &[Row]) -> String {
    let width = rows.iter().map(|row| row.name.len()).max().unwrap_or(0).max("suite".len());
    let mut lines = vec![format!("{:width$}  {:8}  {:>8}  note", "suite", "result", "minutes")];
    let mut counts = [0_usize; 3];
    for row in rows {
        let (word, note) = told(&row.outcome);
        let first = note.lines().next().unwrap_or_default();
        let line = format!("{:width$}  {word:8}  {:>8}  {first}", row.name, minutes(row.took));
        lines.push(line.trim_end().to_owned());
        counts[match row.outcome {
            Outcome::Passed(_) => 0,
            Outcome::Failed(_) => 1,
            Outcome::LeftOut(_) => 2,
        }] += 1;
    }
    let [passed, failed, left_out] = counts;
    lines.push(String::new());
    lines.push(format!("suites: {passed} passed, {failed} failed, {left_out} skipped"));
    lines.join("\n")
}

fn told(outcome: &Outcome) -> (&'static str, &str) {
    match outcome {
        Outcome::Passed(note) => ("passed", note),
        Outcome::Failed(why) => ("FAILED", why),
        Outcome::LeftOut(why) => ("left out", why),
    }
}

fn minutes(took: Duration) -> String {
    let seconds = took.as_secs();
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

#[expect(clippy::print_stdout, reason = "the report of a command line program belongs on stdout")]
fn say(text: &str) {
    println!("{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_what_was_left_out_and_ends_with_the_total() {
        let rows = [
            Row { name: "fmt", outcome: Outcome::Passed(String::new()), took: Duration::from_secs(3) },
            Row {
                name: "conformance",
                outcome: Outcome::LeftOut("python3 is missing".into()),
                took: Duration::ZERO,
            },
            Row {
                name: "tests",
                outcome: Outcome::Failed("two failed\nlong story".into()),
                took: Duration::from_secs(125),
            },
        ];
        let expected = "\
suite        result     minutes  note
fmt          passed        0:03
conformance  left out      0:00  python3 is missing
tests        FAILED        2:05  two failed

suites: 1 passed, 1 failed, 1 skipped";
        assert_eq!(render(&rows), expected);
    }
}
