//! Header texts as clients send them, and what each is taken for.

use super::*;

fn csv(label_size: usize, charset: Charset) -> RequestFormat {
    RequestFormat::Csv { label_size, charset }
}

#[test]
fn a_content_type_names_the_format_whatever_its_case_and_parameters() {
    let cases = [
        ("text/csv", csv(0, Charset::Utf8)),
        ("text/csv; label_size=0", csv(0, Charset::Utf8)),
        ("Text/CSV;label_size=1", csv(1, Charset::Utf8)),
        ("text/csv ; Label_Size=\"2\" ; charset=utf8", csv(2, Charset::Utf8)),
        ("text/csv; charset=ISO-8859-1", csv(0, Charset::SingleByte)),
        ("application/json", RequestFormat::Json),
        (" application/JSON; charset=utf-8", RequestFormat::Json),
        ("application/jsonlines", RequestFormat::JsonLines),
        ("application/JSONLines; charset=utf-8", RequestFormat::JsonLines),
        ("application/x-recordio-protobuf", RequestFormat::RecordIo),
        ("application/X-RecordIO-Protobuf;", RequestFormat::RecordIo),
    ];
    for (header, expected) in cases {
        assert_eq!(request_format(Some(header)), Ok(expected), "{header}");
    }
}

#[test]
fn a_content_type_that_cannot_be_read_is_refused_with_those_that_can() {
    let cases = [
        (None, 415, "a request without a content type cannot be read by this model; it reads text/csv"),
        (Some(" "), 415, "a request without a content type"),
        (Some("application/x-recordio"), 415, "content type `application/x-recordio` cannot be read"),
        (Some("application/jsonl"), 415, "application/jsonlines and application/x-recordio-protobuf"),
        (
            Some("text/csv; charset=utf-16"),
            415,
            "charset `utf-16` cannot be read by this model; it reads utf-8",
        ),
        (Some("text/csv; label_size=-1"), 400, "`label_size=-1` in the content type is not a whole number"),
        (Some("text/csv; label_size="), 400, "`label_size=` in the content type"),
        (Some("text/csv; label_size=99999999999999999999"), 400, "is not a whole number"),
    ];
    for (header, status, expected) in cases {
        let error = request_format(header).unwrap_err();
        assert_eq!(error.status(), status, "{header:?}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn the_answer_is_the_best_weighted_format_that_can_be_written() {
    let cases = [
        (None, AnswerFormat::Json),
        (Some(""), AnswerFormat::Json),
        (Some("*/*"), AnswerFormat::Json),
        (Some("application/json"), AnswerFormat::Json),
        (Some("application/json; verbose=true"), AnswerFormat::Json),
        (Some("application/*"), AnswerFormat::Json),
        (Some("text/csv"), AnswerFormat::Csv),
        (Some("TEXT/CSV"), AnswerFormat::Csv),
        (Some("text/*"), AnswerFormat::Csv),
        (Some("image/png, text/csv"), AnswerFormat::Csv),
        (Some("application/json;q=0.5, text/csv"), AnswerFormat::Csv),
        (Some("application/json;q=0, text/csv;q=0.1"), AnswerFormat::Csv),
        (Some("text/csv;q=0.5, */*;q=0.1"), AnswerFormat::Csv),
        (Some("application/jsonlines"), AnswerFormat::JsonLines),
        (Some("application/jsonlines; charset=utf-8"), AnswerFormat::JsonLines),
        (Some("application/x-recordio-protobuf"), AnswerFormat::RecordIo),
        (Some("application/json;q=0.5, Application/X-RecordIO-Protobuf;q=0.6"), AnswerFormat::RecordIo),
        (Some("application/json; Q=0.5, text/csv; q = 0.6"), AnswerFormat::Csv),
        (Some("application/json;q=0, */*"), AnswerFormat::Csv),
        (Some("*/*, application/json;q=0, text/csv;q=0"), AnswerFormat::JsonLines),
        (Some("application/*, application/json;q=0"), AnswerFormat::JsonLines),
    ];
    for (header, expected) in cases {
        assert_eq!(answer_format(header), Ok(expected), "{header:?}");
    }
}

#[test]
fn an_accept_that_cannot_be_met_is_refused_with_what_can_be_written() {
    for header in ["image/png", "application/json;q=0", "application/x-recordio", "json", "*"] {
        let error = answer_format(Some(header)).unwrap_err();
        assert_eq!(error.status(), 406);
        let expected = format!(
            "`Accept: {header}` names nothing this model can write; it writes application/json, text/csv, \
             application/jsonlines and application/x-recordio-protobuf"
        );
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn a_long_header_is_cut_in_the_message() {
    let header = "é".repeat(5_000);
    let message = answer_format(Some(&header)).unwrap_err().to_string();
    assert!(message.contains(&format!("{}...", "é".repeat(100))), "{message}");
    assert!(message.len() < 400);
}
