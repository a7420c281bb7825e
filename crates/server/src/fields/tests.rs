//! Bodies of requests, as they are read.

use axum::{http::StatusCode, response::IntoResponse};

use super::{Fields, Given, Input};

#[derive(Debug, PartialEq)]
struct Sample {
    project: Option<i64>,
    title: Given<String>,
    presign: Option<bool>,
    data: Option<String>,
}

impl Input for Sample {
    const NOT_KEPT: &'static [&'static str] = &["status"];

    fn read(fields: &mut Fields) -> Self {
        let project = fields.int("project");
        Self {
            project: fields.required("project", project),
            title: fields.text("title"),
            presign: fields.flag("presign").value(),
            data: fields.json("data").value().map(|raw| raw.get().to_owned()),
        }
    }
}

#[test]
fn json_and_form_mean_the_same() {
    let json =
        br#"{"project": 5, "title": "t", "presign": false, "data": {"b":1,"a":2}, "status": 0}"#;
    let form = b"project=5&title=t&presign=false&data=%7B%22b%22%3A1%2C%22a%22%3A2%7D";
    let json: Sample = Fields::from_json(json).unwrap().read().unwrap();
    let form: Sample = Fields::from_form(form, 300).unwrap().read().unwrap();
    assert_eq!(json, form);
    assert_eq!(json.data.as_deref(), Some(r#"{"b":1,"a":2}"#));
}

#[test]
fn raw_json_is_not_rounded() {
    let body = br#"{"project": 1, "data": {"n": 12345678901234567890123.10}}"#;
    let read: Sample = Fields::from_json(body).unwrap().read().unwrap();
    assert_eq!(
        read.data.as_deref(),
        Some(r#"{"n": 12345678901234567890123.10}"#)
    );
}

#[test]
fn null_is_not_absent() {
    let read: Sample = Fields::from_json(br#"{"project": 1, "title": null}"#)
        .unwrap()
        .read()
        .unwrap();
    assert_eq!(read.title, Given::Null);
    assert_eq!(read.presign, None);
}

fn errors(body: &[u8]) -> String {
    let error = match Fields::from_json(body) {
        Ok(fields) => fields.read::<Sample>().unwrap_err(),
        Err(error) => error,
    };
    let text = format!("{error:?}");
    assert_eq!(error.into_response().status(), StatusCode::BAD_REQUEST);
    text
}

#[test]
fn every_wrong_field_is_named_at_once() {
    let text = errors(br#"{"presign": "maybe", "title": [1], "colour": 1}"#);
    for part in [
        "This field is required.",
        "Must be a valid boolean.",
        "Not a valid string.",
        "\"colour\"",
        "project, title, presign, data",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn a_field_that_is_not_kept_may_ask_for_nothing() {
    for nothing in ["null", "false", "0", "\"\"", "[]", "{}"] {
        let body = format!("{{\"project\": 1, \"status\": {nothing}}}");
        let read = Fields::from_json(body.as_bytes()).unwrap().read::<Sample>();
        assert!(read.is_ok(), "{nothing}");
    }
    assert!(errors(br#"{"project": 1, "status": 3}"#).contains("\"status\""));
}

#[test]
fn a_change_may_not_empty_what_cannot_be_empty() {
    let read = |body: &[u8]| Fields::from_json(body).unwrap().read_change::<Sample>();
    let refused =
        read(br#"{"project": 1, "title": null, "presign": null, "data": null}"#).unwrap_err();
    let fields: Vec<_> = refused.field_errors().iter().map(|it| &*it.field).collect();
    assert_eq!(fields, ["title", "presign", "data"]);
}

#[test]
fn members_of_an_object_are_read_by_name() {
    let read = |body: &str| {
        let mut fields = Fields::from_json(body.as_bytes()).unwrap();
        let given = fields.object("at", |at| (at.flag("all").value(), at.ids("ids").value()));
        (given, fields.finish().err())
    };
    let (given, error) = read(r#"{"at": {"all": true, "ids": [3]}}"#);
    assert_eq!(given, Given::Value((Some(true), Some(vec![3]))));
    assert!(error.is_none());
    for (body, named) in [
        (r#"{"at": [true, [3]]}"#, "at"),
        (r#"{"at": {"all": [true]}}"#, "at.all"),
        (r#"{"at": {"ids": {"0": 3}}}"#, "at.ids"),
        (r#"{"at": {"colour": 1}}"#, "at.colour"),
        (r#"{"at": {"all": true, "all": false}}"#, "at.all"),
    ] {
        let (given, error) = read(body);
        assert_eq!(given, Given::Absent, "{body}");
        assert_eq!(error.unwrap().field_errors()[0].field, named, "{body}");
    }
}

#[test]
fn malformed_bodies_say_where() {
    assert!(errors(b"{bad").contains("line 1 column 2 (char 1)"));
    assert!(errors(b"{\n \"a\": NaN}").contains("line 2 column"));
    assert!(errors(b"[1]").contains("Expected a dictionary, but got list."));
    assert!(errors(b"{\"project\": 1, \"project\": 2}").contains("more than once"));
    assert!(errors(b"{\"title\": \"\xFF\"}").contains("line 1"));
}

#[test]
fn many_unknown_fields_are_counted_and_too_many_are_refused() {
    let body = |count: usize| {
        let names: Vec<_> = (0..count).map(|n| format!("\"{n:0>90}\": 1")).collect();
        format!("{{{}}}", names.join(","))
    };
    let text = errors(body(300).as_bytes());
    assert!(text.contains("and 290 more fields"), "{text}");
    assert!(text.len() < 4_000, "{text}");
    assert!(errors(body(301).as_bytes()).contains("more than 300 fields"));
    assert!(errors(body(100_000).as_bytes()).contains("more than 300 fields"));
    let twice = format!("{{{}\"project\": 1}}", "\"a\": 1,".repeat(200));
    assert!(errors(twice.as_bytes()).contains("more than once"));
    assert!(Fields::from_form("a=1&".repeat(301).as_bytes(), 300).is_err());
    assert!(Fields::from_form("a=1&".repeat(300).as_bytes(), 300).is_ok());
}

#[test]
fn a_byte_order_mark_is_no_data() {
    let read: Sample = Fields::from_json(b"\xEF\xBB\xBF{\"project\": 1}")
        .unwrap()
        .read()
        .unwrap();
    assert_eq!(read.project, Some(1));
}
