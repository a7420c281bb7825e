//! A request's query, decoded once: names in lower case as Azure reads them.

use percent_encoding::percent_decode_str;

/// The decoded query parameters, in the order sent.
#[derive(Clone, Debug, Default)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads the part after `?`. A bare `+` is a blank: a signature that was decoded on its way does
    /// not match any more.
    pub fn parse(text: &str) -> Self {
        let decode = |part: &str| {
            let part = part.replace('+', " ");
            percent_decode_str(&part).decode_utf8_lossy().into_owned()
        };
        Self(
            text.split('&')
                .filter(|pair| !pair.is_empty())
                .map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (decode(name).to_ascii_lowercase(), decode(value))
                })
                .collect(),
        )
    }

    /// A query made here, for requests that do not come from outside.
    pub fn of(pairs: &[(&str, &str)]) -> Self {
        Self(
            pairs
                .iter()
                .map(|&(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        )
    }

    /// The first value of a parameter; its name is given in lower case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs()
            .find(|&(given, _)| given == name)
            .map(|(_, value)| value)
    }

    /// Every parameter, in the order sent.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}
