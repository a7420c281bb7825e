//! The parameters of a query: which of them an operation takes, and what each may say. The route
//! table names them once; the OpenAPI document and the check before the handler are made from that.
//!
//! What is not in the table is refused by name: a parameter that narrows or orders, and is ignored,
//! gives a wrong answer that looks right.

use engine::FieldError;
use model::budgets::{self, NAMED_FIELDS, cut};
use utoipa::openapi::{
    Required,
    path::{Parameter as Documented, ParameterBuilder, ParameterIn},
    schema::{ArrayBuilder, Object, ObjectBuilder, Type},
};

use crate::error::ApiError;

/// One parameter of an operation.
#[derive(Clone, Copy)]
pub(crate) struct Parameter {
    name: &'static str,
    kind: Kind,
}

/// What a parameter says.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Flag,
    Id,
    Ids,
    Page,
    PageSize(Sizes),
    /// From 1 to so many.
    Count(i64),
    OneOf(&'static [&'static str]),
    /// Label Studio's: it may ask for what happens anyway, and for nothing else.
    Only(&'static [&'static str], &'static str),
    /// Label Studio's, of a feature that is not there; 501.
    Missing(&'static str),
}

/// How many rows a page may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sizes {
    /// All of them are in memory at once.
    Bounded,
    /// They are read and sent piece by piece.
    Streamed,
}

const fn parameter(name: &'static str, kind: Kind) -> Parameter {
    Parameter { name, kind }
}

pub(crate) const fn text(name: &'static str) -> Parameter {
    parameter(name, Kind::Text)
}

pub(crate) const fn flag(name: &'static str) -> Parameter {
    parameter(name, Kind::Flag)
}

pub(crate) const fn id(name: &'static str) -> Parameter {
    parameter(name, Kind::Id)
}

/// `name=3,4`, `name=3&name=4`, `name[]=3&name[]=4` or `name=[3,4]`.
pub(crate) const fn ids(name: &'static str) -> Parameter {
    parameter(name, Kind::Ids)
}

pub(crate) const fn count(name: &'static str, most: i64) -> Parameter {
    parameter(name, Kind::Count(most))
}

pub(crate) const fn one_of(name: &'static str, words: &'static [&'static str]) -> Parameter {
    parameter(name, Kind::OneOf(words))
}

/// One of Label Studio's that may ask for what happens anyway; else the sentence refuses it.
pub(crate) const fn only(
    name: &'static str,
    words: &'static [&'static str],
    refusal: &'static str,
) -> Parameter {
    parameter(name, Kind::Only(words, refusal))
}

/// One of a feature of Label Studio's that is not there.
pub(crate) const fn missing(name: &'static str, refusal: &'static str) -> Parameter {
    parameter(name, Kind::Missing(refusal))
}

/// Which page, from 1.
pub(crate) const PAGE: Parameter = parameter("page", Kind::Page);
pub(crate) const PAGE_SIZE: Parameter = parameter("page_size", Kind::PageSize(Sizes::Bounded));
/// -1 asks for all.
pub(crate) const ANY_PAGE_SIZE: Parameter = parameter("page_size", Kind::PageSize(Sizes::Streamed));

/// Refuses a query that says anything else than these parameters may.
///
/// # Errors
/// 400 with every wrong parameter; 501 when it asks for a feature that is not there.
pub(crate) fn check(query: &str, known: &[Parameter]) -> Result<(), ApiError> {
    let mut errors: Vec<FieldError> = Vec::new();
    let mut unknown = 0;
    let mut given: Vec<&str> = Vec::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let mut wrong = |message: String| {
            errors.push(FieldError {
                field: cut(&name, budgets::NAME).into_owned(),
                message,
            });
        };
        let Some(parameter) = known.iter().find(|known| known.is_called(&name)) else {
            unknown += 1;
            if unknown <= NAMED_FIELDS {
                wrong(unknown_name(known));
            }
            continue;
        };
        if given.contains(&parameter.name) && !matches!(parameter.kind, Kind::Ids) {
            wrong("This parameter is given more than once.".to_owned());
        } else if let Err(refusal) = parameter.check(&value) {
            match parameter.kind {
                Kind::Missing(_) => return Err(ApiError::not_implemented(refusal)),
                _ => wrong(refusal),
            }
        }
        given.push(parameter.name);
    }
    if unknown > NAMED_FIELDS {
        errors.push(FieldError {
            field: FieldError::NON_FIELD.to_owned(),
            message: format!("… and {} more parameters.", unknown - NAMED_FIELDS),
        });
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(ApiError::invalid(errors))
    }
}

fn unknown_name(known: &[Parameter]) -> String {
    let names: Vec<&str> = known.iter().map(|parameter| parameter.name).collect();
    if names.is_empty() {
        "Unknown query parameter. There are none here.".to_owned()
    } else {
        format!(
            "Unknown query parameter. The parameters here are: {}.",
            names.join(", ")
        )
    }
}

impl Parameter {
    /// Several ids are also spelled `name[]`.
    fn is_called(&self, name: &str) -> bool {
        self.name == name
            || (matches!(self.kind, Kind::Ids) && name.strip_suffix("[]") == Some(self.name))
    }

    /// An empty value is as none, except where it would widen what is asked for.
    fn check(&self, value: &str) -> Result<(), String> {
        if value.contains('\0') {
            return Err("Null characters are not allowed.".to_owned());
        }
        let is_empty = value.is_empty();
        match self.kind {
            Kind::Ids => parse_ids(value).map(|_| ()),
            // A page that is none is 404, as in Label Studio.
            Kind::Text | Kind::Page => Ok(()),
            _ if is_empty => Ok(()),
            Kind::Flag => match parse_flag(value) {
                Some(_) => Ok(()),
                None => Err("Must be a valid boolean: true or false.".to_owned()),
            },
            Kind::Id => match value.parse::<i64>() {
                Ok(_) => Ok(()),
                Err(_) => Err("A valid integer is required.".to_owned()),
            },
            Kind::Count(most) => match value.parse::<i64>() {
                Ok(count) if (1..=most).contains(&count) => Ok(()),
                _ => Err(format!("Give a whole number from 1 to {most}.")),
            },
            Kind::PageSize(sizes) => parse_page_size(value, sizes).map(|_| ()),
            Kind::OneOf(words) if words.contains(&value) => Ok(()),
            Kind::OneOf(words) => Err(format!("Give one of: {}.", words.join(", "))),
            Kind::Only(words, refusal) => {
                let is = |word: &str| word.eq_ignore_ascii_case(value);
                if words.iter().copied().chain(["none", "null"]).any(is) {
                    Ok(())
                } else {
                    Err(refusal.to_owned())
                }
            }
            Kind::Missing(refusal) => match value {
                "None" | "null" => Ok(()),
                _ => Err(refusal.to_owned()),
            },
        }
    }

    /// For the OpenAPI document.
    pub(crate) fn document(&self) -> Documented {
        let of = |kind: Type| ObjectBuilder::new().schema_type(kind);
        let whole = |least: i64, most: Option<i64>| {
            of(Type::Integer).minimum(Some(least)).maximum(most).build()
        };
        let words =
            |words: &[&'static str]| of(Type::String).enum_values(Some(words.to_vec())).build();
        let mut built = ParameterBuilder::new()
            .name(self.name)
            .parameter_in(ParameterIn::Query)
            .required(Required::False);
        let schema: Object = match self.kind {
            Kind::Text => of(Type::String).build(),
            Kind::Flag => of(Type::Boolean).build(),
            Kind::Id => of(Type::Integer).build(),
            Kind::Ids => {
                let list = ArrayBuilder::new().items(of(Type::Integer).build()).build();
                return built.explode(Some(false)).schema(Some(list)).build();
            }
            Kind::Page => whole(1, None),
            Kind::PageSize(Sizes::Bounded) => whole(1, Some(budgets::LIST_PAGE)),
            Kind::PageSize(Sizes::Streamed) => {
                built = built.description(Some("-1: all of them."));
                whole(-1, None)
            }
            Kind::Count(most) => whole(1, Some(most)),
            Kind::OneOf(accepted) => words(accepted),
            Kind::Only(accepted, refusal) => {
                built = built.description(Some(refusal));
                words(accepted)
            }
            Kind::Missing(refusal) => {
                built = built.description(Some(refusal));
                of(Type::String).build()
            }
        };
        built.schema(Some(schema)).build()
    }
}

/// true or false, as Django reads it.
pub(crate) fn parse_flag(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// `3`, `3,4` or `[3,4]`.
pub(crate) fn parse_ids(text: &str) -> Result<Vec<i64>, String> {
    let text = text.trim();
    let (inner, may_be_empty) = match text.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
        Some(inner) => (inner, true),
        None => (text, false),
    };
    if inner.trim().is_empty() && may_be_empty {
        return Ok(Vec::new());
    }
    let read = |part: &str| part.trim().trim_matches('"').parse().ok();
    inner
        .split(',')
        .map(read)
        .collect::<Option<Vec<i64>>>()
        .ok_or_else(|| "Give ids, like 3,4.".to_owned())
}

/// How many rows a page has; `None` asks for all.
pub(crate) fn parse_page_size(text: &str, sizes: Sizes) -> Result<Option<i64>, String> {
    let most = match sizes {
        Sizes::Bounded => budgets::LIST_PAGE,
        Sizes::Streamed => i64::from(i32::MAX),
    };
    match (text.parse::<i64>(), sizes) {
        (Ok(-1), Sizes::Streamed) => Ok(None),
        (Ok(size), _) if (1..=most).contains(&size) => Ok(Some(size)),
        (_, Sizes::Bounded) => Err(format!("Give a page_size from 1 to {most}.")),
        (_, Sizes::Streamed) => Err(format!("Give a page_size from 1 to {most}, or -1 for all.")),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        ANY_PAGE_SIZE, PAGE, PAGE_SIZE, Parameter, check, count, flag, id, ids, missing, one_of,
        only, parse_ids, text,
    };

    const ALL: [Parameter; 9] = [
        text("search"),
        flag("resolve_uri"),
        id("project"),
        ids("ids"),
        PAGE,
        PAGE_SIZE,
        count("limit", 10),
        one_of("order", &["id", "-id"]),
        only("fields", &["all"], "Everything is there."),
    ];

    #[test]
    fn what_is_asked_for_is_there() {
        for query in [
            "",
            "search=a&resolve_uri=True&project=5&ids[]=1&ids[]=2&page=1&page_size=1000&limit=10",
            "resolve_uri=0&order=-id&fields=ALL",
            "fields=None",
            "project=&page_size=&resolve_uri=&order=",
            "ids=3,4",
            "ids=3&ids=4",
            "ids=[3,%204]",
            "ids=[]",
        ] {
            assert!(check(query, &ALL).is_ok(), "{query}");
        }
    }

    #[test]
    fn everything_else_is_refused_by_name() {
        for (query, named) in [
            ("colour=1", "colour"),
            ("resolve_uri=maybe", "resolve_uri"),
            ("project=abc", "project"),
            ("project=1&project=1", "project"),
            ("ids=", "ids"),
            ("ids=a", "ids"),
            ("ids[]=[3", "ids[]"),
            ("page_size=0", "page_size"),
            ("page_size=-1", "page_size"),
            ("page_size=abc", "page_size"),
            ("page_size=1001", "page_size"),
            ("limit=0", "limit"),
            ("limit=11", "limit"),
            ("order=title", "order"),
            ("fields=id", "fields"),
            ("search=%00", "search"),
            ("search[]=a", "search[]"),
        ] {
            let refused = check(query, &ALL).unwrap_err();
            let fields: Vec<_> = refused.field_errors().iter().map(|it| &it.field).collect();
            assert_eq!(fields, [named], "{query}");
        }
        let many: String = (0..60).map(|n| format!("x{n}=1&")).collect();
        assert_eq!(check(&many, &ALL).unwrap_err().field_errors().len(), 11);
    }

    #[test]
    fn a_streamed_list_has_any_size() {
        for query in ["page_size=-1", "page_size=100000"] {
            assert!(check(query, &[ANY_PAGE_SIZE]).is_ok(), "{query}");
        }
        for query in ["page_size=-2", "page_size=0", "page_size=1e3"] {
            assert!(check(query, &[ANY_PAGE_SIZE]).is_err(), "{query}");
        }
    }

    #[test]
    fn a_feature_that_is_missing_is_501() {
        let views = [missing("view", "There are no views here.")];
        assert_eq!(check("view=1", &views).unwrap_err().status(), 501);
        assert!(check("view=", &views).is_ok());
    }

    #[test]
    fn ids_in_every_spelling() {
        assert_eq!(parse_ids("3"), Ok(vec![3]));
        assert_eq!(parse_ids("3, 4"), Ok(vec![3, 4]));
        assert_eq!(parse_ids("[\"3\",4]"), Ok(vec![3, 4]));
        assert!(parse_ids("3,,4").is_err());
    }
}
