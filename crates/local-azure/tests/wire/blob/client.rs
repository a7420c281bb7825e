//! A small Blob client, written apart from the code it tests: Shared Key signing from Microsoft's text.

use std::collections::BTreeMap;

use aws_lc_rs::hmac;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use local_azure::{
    BlobEngine, LocalAzure, Options,
    blob::PublicAccess,
    state::{Account, AccountSettings},
};
use reqwest::{Method, Url, header::HeaderMap};

pub const VERSION: &str = "2026-04-06";

/// A local Azure with one tenant and one account, and a client that holds its first key.
pub struct Fixture {
    pub azure: LocalAzure,
    pub tenant: String,
    pub account: Account,
    pub http: reqwest::Client,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("")
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// Status and Azure's code, as one thing to compare.
    pub fn refusal(&self) -> (u16, &str) {
        (self.status, self.header("x-ms-error-code"))
    }
}

impl Fixture {
    pub async fn start(engine: BlobEngine) -> Self {
        let azure = LocalAzure::start(Options {
            engine,
            ..Options::default()
        })
        .await
        .unwrap();
        let tenant = azure.state().create_tenant("customer.example").unwrap().id;
        let account = azure
            .state()
            .create_account("acct", &tenant, AccountSettings::default())
            .unwrap();
        let ca = std::fs::read(&azure.endpoints().ca_file).unwrap();
        let http = reqwest::Client::builder()
            .tls_certs_only([reqwest::Certificate::from_pem(&ca).unwrap()])
            .no_proxy()
            .build()
            .unwrap();
        Self {
            account: (*account).clone(),
            tenant,
            azure,
            http,
        }
    }

    pub async fn memory() -> Self {
        Self::start(BlobEngine::Memory).await
    }

    /// A container, made past every authorization.
    pub async fn container(&self, name: &str, access: PublicAccess) {
        self.azure
            .state()
            .blobs()
            .create_container("acct", name, access)
            .await
            .unwrap();
    }

    /// A blob, written past every authorization.
    pub async fn blob(&self, container: &str, name: &str, body: &'static [u8]) {
        let blobs = self.azure.state().blobs();
        blobs
            .put(
                "acct",
                container,
                name,
                Bytes::from_static(body),
                "text/plain",
            )
            .await
            .unwrap();
    }

    /// `https://127.0.0.1:PORT/acct` and what follows.
    pub fn url(&self, rest: &str) -> String {
        format!("{}/acct{rest}", self.azure.endpoints().blob)
    }

    /// Sends as it is, with a version.
    pub async fn send(&self, method: Method, url: &str, headers: &[(&str, &str)]) -> Answer {
        let writes = method == Method::PUT || method == Method::POST;
        let mut request = self
            .http
            .request(method, url)
            .header("x-ms-version", VERSION);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if writes {
            // The client says nothing of an empty body's length by itself.
            request = request.header("content-length", "0");
        }
        read(request).await
    }

    /// Signs with the first account key.
    pub async fn signed(
        &self,
        method: Method,
        rest: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        self.signed_at(method, rest, headers, body, &self.account.key1, now())
            .await
    }

    /// Signs with any key, at any time (Unix seconds).
    pub async fn signed_at(
        &self,
        method: Method,
        rest: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
        key: &str,
        at: i64,
    ) -> Answer {
        let url = Url::parse(&self.url(rest)).unwrap();
        let body = body.into();
        let mut all: BTreeMap<String, String> = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        all.insert("x-ms-version".into(), VERSION.into());
        all.insert("x-ms-date".into(), http_date(at));
        let text = string_to_sign(method.as_str(), &url, &all, body.len());
        let signature = sign(key, &text);
        // The client says nothing of an empty body's length by itself.
        let length = body.len();
        let mut request = self
            .http
            .request(method, url)
            .header("content-length", length)
            .body(body);
        for (name, value) in &all {
            request = request.header(name, value);
        }
        read(request.header("authorization", format!("SharedKey acct:{signature}"))).await
    }
}

async fn read(request: reqwest::RequestBuilder) -> Answer {
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    Answer {
        status,
        headers,
        body: answer.bytes().await.unwrap(),
    }
}

/// Base64 HMAC-SHA256 under a base64 key.
pub fn sign(key: &str, text: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &BASE64_STANDARD.decode(key).unwrap());
    BASE64_STANDARD.encode(hmac::sign(&key, text.as_bytes()))
}

/// Unix seconds by the machine's clock.
pub fn now() -> i64 {
    model::Clock::system().now_ms() / 1000
}

pub fn http_date(at: i64) -> String {
    jiff::Timestamp::from_second(at)
        .unwrap()
        .strftime("%a, %d %b %Y %H:%M:%S GMT")
        .to_string()
}

pub fn iso(at: i64) -> String {
    jiff::Timestamp::from_second(at).unwrap().to_string()
}

fn string_to_sign(
    method: &str,
    url: &Url,
    headers: &BTreeMap<String, String>,
    length: usize,
) -> String {
    let header = |name: &str| headers.get(name).cloned().unwrap_or_default();
    let length = if length == 0 {
        String::new()
    } else {
        length.to_string()
    };
    let own: String = headers
        .iter()
        .filter(|(name, _)| name.starts_with("x-ms-"))
        .map(|(name, value)| format!("{name}:{value}\n"))
        .collect();
    let query: BTreeMap<String, String> = url
        .query_pairs()
        .map(|(name, value)| (name.to_lowercase(), value.into_owned()))
        .collect();
    let query: String = query
        .iter()
        .map(|(name, value)| format!("\n{name}:{value}"))
        .collect();
    format!(
        "{method}\n{}\n{}\n{length}\n{}\n{}\n\n{}\n{}\n{}\n{}\n{}\n{own}/acct{}{query}",
        header("content-encoding"),
        header("content-language"),
        header("content-md5"),
        header("content-type"),
        header("if-modified-since"),
        header("if-match"),
        header("if-none-match"),
        header("if-unmodified-since"),
        header("range"),
        url.path(),
    )
}
