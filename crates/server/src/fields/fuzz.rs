//! Bodies of requests, JSON and forms.

use model::budgets;
use serde_json::{Map, Value};

use super::{Fields, Given, Input};
use crate::error::ApiError;

#[derive(Debug, PartialEq)]
struct Sample {
    project: Given<i64>,
    title: Given<String>,
    score: Given<f64>,
    presign: Given<bool>,
    ends: Given<i64>,
    data: Given<String>,
}

impl Input for Sample {
    const NOT_KEPT: &'static [&'static str] = &["status"];

    fn read(fields: &mut Fields) -> Self {
        Self {
            project: fields.int("project"),
            title: fields.text("title"),
            score: fields.number("score"),
            presign: fields.flag("presign"),
            ends: fields.instant("ends"),
            data: match fields.json("data") {
                Given::Absent => Given::Absent,
                Given::Null => Given::Null,
                Given::Value(raw) => Given::Value(raw.get().to_owned()),
            },
        }
    }
}

const WORDS: [&str; 24] = [
    "project",
    "title",
    "score",
    "presign",
    "ends",
    "data",
    "status",
    "\"",
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "=",
    "&",
    "null",
    "true",
    "%22",
    "%7B",
    "+",
    "2026-12-31T00:00:00Z",
    "1e400",
    "NaN",
];

/// What is refused names fields or a place in the body, and does not answer with more than it got.
fn refused(body: &[u8], error: &ApiError) {
    let fields = error.field_errors();
    let told: usize = fields
        .iter()
        .map(|error| error.field.len() + error.message.len())
        .sum();
    assert!(told <= 200 * (body.len() + 10), "{told} bytes of errors");
    if let Some((_, place)) = error.detail().rsplit_once(" (char ") {
        let at: usize = place.trim_end_matches(')').parse().expect("a number");
        assert!(at <= body.len(), "no such place: {}", error.detail());
    }
}

/// What is read of a body is what the body says: as any JSON parser reads it, to the last digit.
#[test]
fn json_bodies() {
    let seeds = [
        r#"{"project": 5, "title": "t\u00e9", "presign": false, "score": 0.5, "ends": "2026-12-31T00:00:00Z", "data": {"b":1,"a":2.10}, "status": 3}"#,
        "\u{feff}{\n\"title\": null, \"project\": \"7\"}",
        r#"{"title": 12345678901234567890, "title": [1], "colour": {}}"#,
    ];
    ::fuzz::bytes("json_bodies", &seeds.map(str::as_bytes), &WORDS, |body| {
        let read = Fields::from_json(body).and_then(Fields::read::<Sample>);
        let read = match read {
            Ok(read) => read,
            Err(error) => return refused(body, &error),
        };
        let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
        let said: Map<String, Value> = match body.trim_ascii() {
            b"" => Map::new(),
            // A value of a field is not looked into: a number that no double holds, a depth.
            body => match serde_json::from_slice(body) {
                Ok(said) => said,
                Err(_) => return,
            },
        };
        let null = |name: &str| said.get(name).map(Value::is_null);
        for (name, is_null) in [
            ("project", is_null(&read.project)),
            ("title", is_null(&read.title)),
            ("score", is_null(&read.score)),
            ("presign", is_null(&read.presign)),
            ("data", is_null(&read.data)),
        ] {
            assert_eq!(is_null, null(name), "{name}");
        }
        if let (Some(text), Given::Value(title)) =
            (said.get("title").and_then(Value::as_str), &read.title)
        {
            assert_eq!(text, title);
        }
        if let (Some(number), Given::Value(project)) =
            (said.get("project").and_then(Value::as_i64), &read.project)
        {
            assert_eq!(number, *project);
        }
        if let Given::Value(data) = &read.data {
            let value: Value = serde_json::from_str(data).expect("JSON");
            assert!(value == said["data"] || said["data"].is_string());
        }
        assert!(!matches!(read.score, Given::Value(score) if !score.is_finite()));
    });
}

/// A form means what the same fields mean as texts of a JSON object.
#[test]
fn form_bodies() {
    let seeds = [
        "project=5&title=t&presign=on&score=.5&ends=2026-12-31T00:00:00Z&data=%7B%22b%22%3A1%7D",
        "title=a+b%20%FF&title=&status=&=&&data=[1",
    ];
    ::fuzz::bytes("form_bodies", &seeds.map(str::as_bytes), &WORDS, |body| {
        let form = Fields::from_form(body, budgets::FIELDS).and_then(Fields::read::<Sample>);
        let mut object = Map::new();
        let mut twice = false;
        for (name, value) in url::form_urlencoded::parse(body).into_owned() {
            twice |= object.insert(name, value.into()).is_some();
        }
        let json = Value::Object(object).to_string();
        let json = Fields::from_json(json.as_bytes()).and_then(Fields::read::<Sample>);
        match (form, json) {
            (Ok(form), Ok(json)) => assert!(!twice && form == json, "{form:?}"),
            (Err(form), Err(_)) => refused(body, &form),
            (form, _) => assert!(form.is_err() && twice, "{form:?}"),
        }
    });
}

fn is_null<T>(given: &Given<T>) -> Option<bool> {
    match given {
        Given::Absent => None,
        Given::Null => Some(true),
        Given::Value(_) => Some(false),
    }
}
