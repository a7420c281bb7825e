//! The tests of json.

use serde_json::value::RawValue;

use super::{JSON_LEVELS, check_object, check_result, replace_strings, strings};

fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap()
}

fn nested(levels: usize) -> String {
    format!("{}{}", "[".repeat(levels), "]".repeat(levels))
}

#[test]
fn what_cannot_be_read_again_is_refused_with_its_place() {
    for (inner, code, character) in [
        (r#""\ud800""#, "syntax", 14),
        (r#""\udc00\ud800""#, "syntax", 13),
        ("1e999", "not_a_number", 7),
        (r#"{"b": 1, "b": 2}"#, "duplicate_key", 16),
        (&nested(JSON_LEVELS), "too_deep", 106),
        (&nested(50_000), "too_deep", 106),
    ] {
        let fault = check_object(&raw(&format!("{{\"a\": {inner}}}"))).unwrap_err();
        assert_eq!((fault.code, fault.character), (code, character), "{fault}");
        let fault = check_result(&raw(&format!("[{{\"a\": {inner}}}]"))).unwrap_err();
        assert_eq!(fault.code, code, "{fault}");
    }
    let deepest = format!("{{\"a\": {}}}", nested(JSON_LEVELS - 1));
    assert_eq!(check_object(&raw(&deepest)), Ok(()));
    let deepest = format!("[{{\"a\": {}}}]", nested(JSON_LEVELS - 2));
    assert_eq!(check_result(&raw(&deepest)), Ok(()));
    let plain = r#"{"é\u0000": "[{[\"\\", "n": 12345678901234567890123, "p": "\ud83d\ude00"}"#;
    assert_eq!(check_object(&raw(plain)), Ok(()));
}

#[test]
fn only_the_strings_that_change_change() {
    let text = r#" {"é\"k": ["a", {"a" : "\u0061", "n": 1.10}], "big":12345678901234567890123,"s":"\ud800" }"#;
    let found: Vec<_> = strings(text)
        .map(|string| (&text[string.span.clone()], string.is_key, string.depth))
        .collect();
    assert_eq!(
        found,
        [
            (r#""é\"k""#, true, 1),
            (r#""a""#, false, 2),
            (r#""a""#, true, 3),
            (r#""\u0061""#, false, 3),
            (r#""n""#, true, 3),
            (r#""big""#, true, 1),
            (r#""s""#, true, 1),
            (r#""\ud800""#, false, 1),
        ]
    );
    let new = replace_strings(text, |string, text| {
        (text == "a" && !string.is_key).then(|| "b\n".to_owned())
    });
    let expected = text
        .replace(r#"["a""#, r#"["b\n""#)
        .replace(r#""\u0061""#, r#""b\n""#);
    assert_eq!(new.unwrap().get(), expected.trim());
    assert!(replace_strings(text, |_, _| None).is_none());
}

#[test]
fn a_result_is_an_array_of_objects() {
    for text in [
        "{}", "null", "1", r#""[]""#, "[1]", "[{}, []]", "[null]", r#"["a"]"#,
    ] {
        let fault = check_result(&raw(text)).unwrap_err();
        assert_eq!(fault.code, "bad_member", "{text}");
    }
    let fault = check_result(&raw("[{},\n []]")).unwrap_err();
    assert!(
        fault.to_string().starts_with("character 7: region 2"),
        "{fault}"
    );
    assert_eq!(check_result(&raw(r#"[{}, {"type": "x"}]"#)), Ok(()));
    for text in ["[]", "1", "null"] {
        assert_eq!(check_object(&raw(text)).unwrap_err().code, "bad_member");
    }
}
