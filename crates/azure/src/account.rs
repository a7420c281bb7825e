//! Requests to one storage account: the address, the headers, the credential.

use std::{borrow::Cow, fmt::Write as _, sync::Arc, time::Duration};

use aws_lc_rs::hmac;
use bytes::Bytes;
use model::{AccountName, Secret};
use reqwest::{
    Method, Request, Response,
    header::{AUTHORIZATION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue},
};
use tokio::time::timeout;
use url::Url;

use crate::{
    Error, ErrorKind, Result,
    answer::is_of_storage,
    azure::Shared,
    delegation_key::DelegationKey,
    encoding,
    http::{Destination, request_id},
    instant, shared_key,
    token::{AccessToken, Cache, Fingerprint, TokenSource},
};

/// The longest wait for the head of an answer.
const ANSWER: Duration = Duration::from_secs(60);

/// Delegation keys by who asked and for which account.
pub(crate) type DelegationKeys = Cache<(Fingerprint, AccountName), Arc<DelegationKey>>;

/// How requests prove who sends them.
pub(crate) enum Auth {
    SharedKey(Box<hmac::Key>),
    /// Without `?`.
    Sas(Secret),
    Anonymous,
    Token {
        source: TokenSource,
        fingerprint: Fingerprint,
    },
    /// A credential that cannot be used, and why; every request fails with it.
    Unusable(Error),
}

impl Auth {
    /// A SAS as people paste it: with or without `?`, with blanks around it.
    pub(crate) fn from_sas(token: &Secret) -> Self {
        let query = token.expose().trim().trim_start_matches('?');
        if query.is_empty() {
            return Self::Anonymous;
        }
        let is_signed = query.split('&').any(|pair| pair.starts_with("sig="));
        if !is_signed || query.contains(|c: char| c == '#' || c.is_whitespace()) {
            return Self::Unusable(Error::invalid(
                "this is not a SAS token: paste the query that begins with sv= or sp= and contains sig=",
            ));
        }
        Self::Sas(Secret::new(query))
    }

    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::SharedKey(_) => "account key",
            Self::Sas(_) => "SAS",
            Self::Anonymous => "anonymous",
            Self::Token { .. } => "Entra ID",
            Self::Unusable(_) => "unusable",
        }
    }
}

/// One storage account, reached with one credential.
pub(crate) struct Account {
    pub(crate) shared: Arc<Shared>,
    pub(crate) name: AccountName,
    pub(crate) auth: Auth,
    /// Without a trailing slash.
    pub(crate) url: String,
}

/// One request, before it is signed. Built once and sent as often as the policy says.
pub(crate) struct Call {
    method: Method,
    /// Encoded, beginning with a slash.
    path: String,
    query: Vec<(&'static str, String)>,
    headers: HeaderMap,
    body: Option<Bytes>,
    /// Statuses besides 2xx that are answers and not failures.
    accepted: &'static [u16],
    /// For the whole answer; a stream has none.
    timeout: Option<Duration>,
}

impl Call {
    pub(crate) fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            query: Vec::new(),
            headers: HeaderMap::new(),
            body: None,
            accepted: &[],
            timeout: Some(ANSWER),
        }
    }

    pub(crate) fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// # Errors
    /// `InvalidInput` when the value cannot stand in a header.
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Result<Self> {
        let value = HeaderValue::from_str(value).map_err(|_| {
            Error::invalid(format!(
                "{value:?} cannot be the value of the header {name}"
            ))
        })?;
        self.headers.insert(HeaderName::from_static(name), value);
        Ok(self)
    }

    pub(crate) fn header_if(self, name: &'static str, value: Option<&str>) -> Result<Self> {
        match value {
            Some(value) => self.header(name, value),
            None => Ok(self),
        }
    }

    pub(crate) fn body(mut self, body: Bytes) -> Self {
        self.body = Some(body);
        self
    }

    /// For everything up to the last byte of the answer.
    pub(crate) fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The body is read as a stream, for as long as it takes.
    pub(crate) fn streamed(mut self, accepted: &'static [u16]) -> Self {
        self.accepted = accepted;
        self.timeout = None;
        self
    }
}

impl Account {
    pub(crate) fn new(shared: Arc<Shared>, name: AccountName, auth: Auth) -> Self {
        let url = shared.cloud.account_url(&name);
        Self {
            shared,
            name,
            auth,
            url,
        }
    }

    /// Sends once; a token that storage does not take any more is replaced and tried once again.
    pub(crate) async fn send(&self, call: &Call) -> Result<Response> {
        let Auth::Token {
            source,
            fingerprint,
        } = &self.auth
        else {
            return self.send_with(call, None).await;
        };
        let tokens = &self.shared.tokens;
        let token = tokens.storage_token(source, *fingerprint).await?;
        match self.send_with(call, Some(&token)).await {
            Err(error)
                if error.status() == Some(401) && error.kind() == ErrorKind::CredentialRejected =>
            {
                tokens.discard(*fingerprint, &token);
                let token = tokens.storage_token(source, *fingerprint).await?;
                self.send_with(call, Some(&token)).await
            }
            result => result,
        }
    }

    async fn send_with(&self, call: &Call, token: Option<&AccessToken>) -> Result<Response> {
        let request = self.request(call, token)?;
        let http = &self.shared.http;
        let response = timeout(
            ANSWER.max(call.timeout.unwrap_or_default()),
            http.send(Destination::Storage, request),
        )
        .await
        .unwrap_or_else(|_| Err(Error::new(ErrorKind::TimedOut, "no answer in time")))?;
        let status = response.status();
        if status.is_success() || call.accepted.contains(&status.as_u16()) {
            // A captive portal answers everything with its own page.
            if is_of_storage(response.headers()) || call.method == Method::OPTIONS {
                return Ok(response);
            }
            return Err(http.failure(response, |answer| answer.not_azure()).await);
        }
        let tenant = match &self.auth {
            Auth::Token { source, .. } => source.tenant_id(),
            _ => None,
        };
        Err(http
            .failure(response, |answer| answer.storage_error(tenant))
            .await)
    }

    fn request(&self, call: &Call, token: Option<&AccessToken>) -> Result<Request> {
        if let Auth::Unusable(error) = &self.auth {
            return Err(error.clone());
        }
        let mut request = Request::new(call.method.clone(), self.address(call)?);
        *request.headers_mut() = call.headers.clone();
        *request.timeout_mut() = call.timeout;
        let length = call.body.as_ref().map_or(0, Bytes::len);
        if let Some(body) = &call.body {
            *request.body_mut() = Some(body.clone().into());
            request.headers_mut().insert(CONTENT_LENGTH, length.into());
        }
        let now_ms = self.shared.http.clock().now_ms();
        let headers = request.headers_mut();
        let version = HeaderValue::from_str(&self.shared.cloud.storage_version)
            .map_err(|_| Error::invalid("storage_version cannot be sent"))?;
        headers.insert("x-ms-version", version);
        headers.insert("x-ms-client-request-id", request_id());
        headers.insert(
            "x-ms-date",
            HeaderValue::try_from(instant::http_date(now_ms)).expect("a date is ASCII"),
        );
        let authorization = match (&self.auth, token) {
            (Auth::SharedKey(key), _) => shared_key::authorization(key, &self.name, &request),
            (_, Some(_)) if request.url().scheme() != "https" => {
                return Err(Error::invalid(
                    "a token is sent over https only, and this cloud's blob endpoint is http",
                ));
            }
            (_, Some(token)) => format!("Bearer {}", token.text.expose()),
            _ => return Ok(request),
        };
        let mut authorization = HeaderValue::try_from(authorization)
            .map_err(|_| Error::new(ErrorKind::Unexpected, "the token cannot stand in a header"))?;
        authorization.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, authorization);
        Ok(request)
    }

    fn address(&self, call: &Call) -> Result<Url> {
        let mut address = format!("{}{}", self.url, call.path);
        let mut separator = '?';
        for (name, value) in &call.query {
            write!(address, "{separator}{name}={}", encoding::value(value))
                .expect("a String takes it");
            separator = '&';
        }
        if let Auth::Sas(query) = &self.auth {
            address.push(separator);
            address.push_str(query.expose());
        }
        // The address may hold a SAS, so the parser's text says only what is wrong.
        Url::parse(&address)
            .map_err(|error| Error::invalid(format!("the blob's address is unusable: {error}")))
    }
}

/// A header of an answer, as text.
pub(crate) fn header_of(response: &Response, name: &str) -> Option<String> {
    response
        .headers()
        .get(name)?
        .to_str()
        .ok()
        .map(str::to_owned)
}

/// An ETag in the form of headers, whichever form it came in.
pub(crate) fn quoted(etag: &str) -> Cow<'_, str> {
    if etag == "*" || etag.ends_with('"') {
        Cow::Borrowed(etag)
    } else {
        Cow::Owned(format!("\"{etag}\""))
    }
}
