//! Someone with a browser: Longshore's cookies, forms from Longshore's own pages, and redirects
//! taken one by one, so that a test can change what an attacker could.

use std::{collections::BTreeMap, sync::Mutex};

use anyhow::{Context, bail, ensure};
use reqwest::{
    Method,
    header::{CONTENT_TYPE, COOKIE, LOCATION, ORIGIN, SET_COOKIE},
};

use crate::{Answer, Longshore};

/// A person at Longshore.
#[derive(Debug)]
pub struct Person<'a> {
    longshore: &'a Longshore,
    cookies: Mutex<BTreeMap<String, String>>,
}

/// Where the browser is, after Longshore's own redirects.
#[derive(Debug)]
pub enum At {
    /// Sent to another site.
    Away(String),
    /// At a page of Longshore's.
    Here(Answer),
}

impl At {
    /// The other site's address.
    ///
    /// # Errors
    /// The page of Longshore's, when the browser is there.
    pub fn away(self) -> anyhow::Result<String> {
        match self {
            Self::Away(url) => Ok(url),
            Self::Here(page) => bail!("still at Longshore: {} {}", page.status, page.text),
        }
    }

    /// Longshore's page.
    ///
    /// # Errors
    /// The other site's address, when the browser is there.
    pub fn here(self) -> anyhow::Result<Answer> {
        match self {
            Self::Here(page) => Ok(page),
            Self::Away(url) => bail!("sent away to {url}"),
        }
    }
}

impl<'a> Person<'a> {
    /// Somebody who has not signed in.
    pub fn stranger(longshore: &'a Longshore) -> Self {
        Self {
            longshore,
            cookies: Mutex::default(),
        }
    }

    /// Signs in with a password, through the form.
    ///
    /// # Errors
    /// When Longshore does not let them in.
    pub async fn sign_in(
        longshore: &'a Longshore,
        email: &str,
        password: &str,
    ) -> anyhow::Result<Self> {
        let person = Self::stranger(longshore);
        let answer = person
            .post("/user/login", &[("email", email), ("password", password)])
            .await?;
        ensure!(
            answer.status == 303,
            "{email} cannot sign in: {} {}",
            answer.status,
            answer.text
        );
        Ok(person)
    }

    /// The owner that [`Longshore::start`] makes.
    ///
    /// # Errors
    /// As [`Person::sign_in`].
    pub async fn owner(longshore: &'a Longshore) -> anyhow::Result<Self> {
        Self::sign_in(longshore, Longshore::EMAIL, Longshore::PASSWORD).await
    }

    /// Opens a page; no redirect is followed.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        self.send(self.longshore.anonymous(Method::GET, path)).await
    }

    /// Sends a form of a page; no redirect is followed.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> anyhow::Result<Answer> {
        let request = self
            .longshore
            .anonymous(Method::POST, path)
            .header(ORIGIN, &self.longshore.url)
            .form(fields);
        self.send(request).await
    }

    /// Sends an empty form from a page of another site.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn post_from(&self, origin: &str, path: &str) -> anyhow::Result<Answer> {
        let request = self.longshore.anonymous(Method::POST, path);
        self.send(request.header(ORIGIN, origin)).await
    }

    /// Sends a body of this type from a page of Longshore's.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn upload(&self, path: &str, kind: &str, body: String) -> anyhow::Result<Answer> {
        let request = self
            .longshore
            .anonymous(Method::POST, path)
            .header(ORIGIN, &self.longshore.url)
            .header(CONTENT_TYPE, kind)
            .body(body);
        self.send(request).await
    }

    /// Opens an address that another site sent the browser to, and follows Longshore's redirects.
    ///
    /// # Errors
    /// When the address is not Longshore's, or there is no answer.
    pub async fn come_back(&self, location: &str) -> anyhow::Result<At> {
        let path = location
            .strip_prefix(&self.longshore.url)
            .with_context(|| format!("{location} is not Longshore's"))?;
        // A browser keeps the fragment to itself.
        let answer = self.get(path.split('#').next().unwrap_or_default()).await?;
        self.follow(answer).await
    }

    /// Follows Longshore's redirects from an answer on.
    ///
    /// # Errors
    /// When they do not end, or there is no answer.
    pub async fn follow(&self, mut answer: Answer) -> anyhow::Result<At> {
        for _ in 0..5 {
            let Ok(location) = answer.location().map(str::to_owned) else {
                return Ok(At::Here(answer));
            };
            let path = location.strip_prefix(&self.longshore.url);
            let path = path.unwrap_or(&location);
            if !path.starts_with('/') {
                return Ok(At::Away(location));
            }
            answer = self.get(path).await?;
        }
        bail!("too many redirects")
    }

    /// Presses Connect to Azure; the address of Entra ID's sign-in page.
    ///
    /// # Errors
    /// Longshore's page, when it says why not.
    pub async fn begin_connect(&self) -> anyhow::Result<String> {
        let answer = self.post("/connect/azure/start", &[]).await?;
        self.follow(answer).await?.away()
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> anyhow::Result<Answer> {
        let cookies = self
            .cookies()
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join("; ");
        let answer = Longshore::answer(request.header(COOKIE, cookies)).await?;
        for value in answer.headers.get_all(SET_COOKIE) {
            let pair = value.to_str()?.split(';').next().unwrap_or_default();
            let (name, value) = pair.split_once('=').context("a cookie")?;
            self.cookies().insert(name.to_owned(), value.to_owned());
        }
        Ok(answer)
    }

    fn cookies(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, String>> {
        self.cookies
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Answer {
    /// Where a redirect leads.
    ///
    /// # Errors
    /// The whole answer, when it is no redirect.
    pub fn location(&self) -> anyhow::Result<&str> {
        self.headers
            .get(LOCATION)
            .and_then(|value| value.to_str().ok())
            .with_context(|| format!("no redirect: {} {}", self.status, self.text))
    }
}
