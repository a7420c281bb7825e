//! What an address says behind its `?`: parameters, paging, the same list on another page.

use std::str::FromStr;

use axum::{extract::FromRequestParts, http::request::Parts};
use model::{ProjectId, budgets};

use crate::{
    App,
    error::ApiError,
    parameters::{Sizes, parse_flag, parse_ids, parse_page_size},
};

/// The query's parameters. An operation's are checked before ([`crate::parameters`]); a page ignores
/// those that it does not know, because mail programs and the like add theirs to links.
pub(crate) struct Query(Vec<(String, String)>);

impl FromRequestParts<App> for Query {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default()))
    }
}

impl Query {
    /// Of an address that is not the request's.
    pub(crate) fn parse(query: &str) -> Self {
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        Self(pairs.into_owned().take(budgets::PARAMETERS).collect())
    }

    /// The last value of a parameter.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().rev().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// An id; what is no number is refused by the parameter's name.
    pub(crate) fn id<T: FromStr>(&self, name: &str) -> Result<Option<T>, ApiError> {
        match self.text(name).filter(|text| !text.is_empty()) {
            None => Ok(None),
            Some(text) => text
                .parse()
                .map(Some)
                .map_err(|_| engine::Error::field(name, "A valid integer is required.").into()),
        }
    }

    /// Is a parameter true, as Django reads it?
    pub(crate) fn flag(&self, name: &str, default: bool) -> bool {
        self.text(name).and_then(parse_flag).unwrap_or(default)
    }

    /// The ids of a list, ascending, each once; `None` when there is no such parameter.
    ///
    /// # Errors
    /// 400 by the parameter's name.
    pub(crate) fn ids(&self, name: &str) -> Result<Option<Vec<i64>>, ApiError> {
        let is_it = |key: &str| key == name || key.strip_suffix("[]") == Some(name);
        let mut ids: Option<Vec<i64>> = None;
        for (_, value) in self.0.iter().filter(|(key, _)| is_it(key)) {
            let more = parse_ids(value).map_err(|message| engine::Error::field(name, message))?;
            ids.get_or_insert_default().extend(more);
        }
        if let Some(ids) = &mut ids {
            ids.sort_unstable();
            ids.dedup();
        }
        Ok(ids)
    }

    /// Refuses a `project` that is not the one of what the path names.
    ///
    /// # Errors
    /// 400 by the parameter's name.
    pub(crate) fn check_project(&self, project: ProjectId) -> Result<(), ApiError> {
        match self.id::<ProjectId>("project")? {
            Some(asked) if asked != project => Err(not_in(project)),
            _ => Ok(()),
        }
    }

    /// `page` (from 1) and `page_size`.
    ///
    /// # Errors
    /// 404 of a page that is none, as in Label Studio; 400 of a `page_size` that is none.
    pub(crate) fn page(&self, default_size: i64) -> Result<PageRequest, ApiError> {
        self.page_of(default_size, Sizes::Bounded)
    }

    /// The same of a list that is sent piece by piece: of any size, -1 for all.
    ///
    /// # Errors
    /// As [`Query::page`].
    pub(crate) fn page_of_any_size(&self, default_size: i64) -> Result<PageRequest, ApiError> {
        self.page_of(default_size, Sizes::Streamed)
    }

    fn page_of(&self, default_size: i64, sizes: Sizes) -> Result<PageRequest, ApiError> {
        let given = |name| self.text(name).filter(|text| !text.is_empty());
        let number = match given("page") {
            None => 1,
            Some(text) => text
                .parse()
                .ok()
                .filter(|page| (1..=i64::from(i32::MAX)).contains(page))
                .ok_or_else(ApiError::invalid_page)?,
        };
        let size = match given("page_size") {
            None => default_size,
            Some(text) => parse_page_size(text, sizes)
                .map_err(|message| engine::Error::field("page_size", message))?
                .unwrap_or(i64::MAX),
        };
        Ok(PageRequest { number, size })
    }

    /// The same query on another page, for `next` and `previous`.
    pub(crate) fn with_page(&self, page: i64) -> String {
        self.with("page", &page.to_string())
    }

    /// The same query with another value of a parameter.
    pub(crate) fn with(&self, name: &str, value: &str) -> String {
        let mut query = self.others(name);
        query.append_pair(name, value);
        query.finish()
    }

    /// The same query without a parameter.
    pub(crate) fn without(&self, name: &str) -> String {
        self.others(name).finish()
    }

    fn others(&self, except: &str) -> url::form_urlencoded::Serializer<'static, String> {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in self.0.iter().filter(|(name, _)| name != except) {
            query.append_pair(name, value);
        }
        query
    }
}

/// 400 of a `project` that is not the one of what is asked for.
pub(crate) fn not_in(project: ProjectId) -> ApiError {
    engine::Error::field("project", format!("It is in project {project}.")).into()
}

/// Which part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PageRequest {
    /// From 1.
    pub(crate) number: i64,
    pub(crate) size: i64,
}

impl PageRequest {
    pub(crate) fn offset(self) -> i64 {
        (self.number - 1).saturating_mul(self.size)
    }

    /// 404 when the page begins behind the last row; the first page may be empty.
    pub(crate) fn check(self, total: i64) -> Result<(), ApiError> {
        if self.number > 1 && self.offset() >= total {
            Err(ApiError::invalid_page())
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Query;

    fn query(text: &str) -> Query {
        Query(
            url::form_urlencoded::parse(text.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    #[test]
    fn pages_begin_at_one_and_end_with_404() {
        let page = query("page=3&page_size=10").page(30).unwrap();
        assert_eq!((page.number, page.size, page.offset()), (3, 10, 20));
        assert!(page.check(20).is_err());
        assert!(page.check(21).is_ok());
        assert!(query("").page(30).unwrap().check(0).is_ok());
        for wrong in ["page=0", "page=-1", "page=x", "page=99999999999999999999"] {
            assert!(query(wrong).page(30).is_err(), "{wrong}");
        }
        for wrong in ["0", "-1", "abc", "1001"] {
            let refused = query(&format!("page_size={wrong}")).page(30).unwrap_err();
            assert_eq!(refused.field_errors()[0].field, "page_size", "{wrong}");
        }
        let all = query("page_size=-1").page_of_any_size(30).unwrap();
        assert_eq!((all.offset(), all.size), (0, i64::MAX));
        let beyond = query("page=3&page_size=-1").page_of_any_size(30).unwrap();
        assert!(beyond.check(1_000_000).is_err());
    }

    #[test]
    fn ids_come_in_every_spelling_and_once() {
        for same in [
            "ids=4,3,4",
            "ids[]=3&ids[]=4",
            "ids=[3,4]",
            "ids[]=[4]&ids[]=3",
        ] {
            assert_eq!(query(same).ids("ids").unwrap(), Some(vec![3, 4]), "{same}");
        }
        assert_eq!(query("").ids("ids").unwrap(), None);
    }

    #[test]
    fn the_other_page_keeps_the_rest_of_the_query() {
        assert_eq!(
            query("project=5&page=1&fields=all").with_page(2),
            "project=5&fields=all&page=2"
        );
    }
}
