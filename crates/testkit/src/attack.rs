//! The worst request of each kind, for every route.

use std::fmt::Write as _;

use anyhow::ensure;
use reqwest::{Method, header::CONTENT_TYPE};
use tokio::task::JoinSet;

use crate::Longshore;

/// Bytes of an answer to wrong input.
const MOST_ANSWER: usize = 16 << 10;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// Who sends.
#[derive(Clone, Debug)]
pub enum Sender {
    /// Nobody who is known.
    Stranger,
    /// By token.
    Member(String),
}

/// Requests to try.
#[derive(Debug)]
pub struct Attack<'a> {
    longshore: &'a Longshore,
    sender: Sender,
    routes: Vec<(Method, String)>,
    bodies: Vec<Worst>,
}

/// A body, or an address, and its kind.
#[derive(Debug)]
struct Worst {
    kind: &'static str,
    content_type: &'static str,
    body: bytes::Bytes,
}

impl<'a> Attack<'a> {
    /// `routes` are methods and paths as the route table has them.
    pub fn new(
        longshore: &'a Longshore,
        sender: Sender,
        routes: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Self {
        // A member's are as large as most routes let them in, so that more than their length is looked at.
        let bytes = match sender {
            Sender::Stranger => 8 << 20,
            Sender::Member(_) => 1 << 20,
        };
        let routes = routes.into_iter().map(|(method, path)| {
            let path = path.replace("{kind}", "azure").replace("{folder}", "main");
            let parts = path
                .split('/')
                .map(|part| if part.starts_with('{') { "1" } else { part });
            let method = method.parse().unwrap_or(Method::GET);
            (method, parts.collect::<Vec<_>>().join("/"))
        });
        Self {
            longshore,
            sender,
            routes: routes.collect(),
            bodies: worst_bodies(bytes),
        }
    }

    /// Sends all of them, so many at once; how many were answered.
    ///
    /// # Errors
    /// An answer that is long, or one that is a failure of ours; and when most were not answered.
    pub async fn run(&self, at_once: usize) -> anyhow::Result<usize> {
        let mut requests = Vec::new();
        for (method, path) in &self.routes {
            let what = format!("{method} {path}");
            let long = format!("{path}?{}", "q".repeat(40_000));
            requests.push((format!("{what}: a long query"), self.request(method, &long)));
            let many = format!("{path}?{}", "a=1&".repeat(4_000));
            requests.push((
                format!("{what}: many parameters"),
                self.request(method, &many),
            ));
            let header = self
                .request(method, path)
                .header("x-long", "h".repeat(200_000));
            requests.push((format!("{what}: a long header"), header));
            if *method == Method::GET {
                continue;
            }
            for worst in &self.bodies {
                let request = self
                    .request(method, path)
                    .header(CONTENT_TYPE, worst.content_type)
                    .body(worst.body.clone());
                requests.push((format!("{what}: {}", worst.kind), request));
            }
        }
        let count = requests.len();
        let mut waiting = requests.into_iter();
        let mut asked = JoinSet::new();
        let mut answered = 0;
        loop {
            while asked.len() < at_once
                && let Some((what, request)) = waiting.next()
            {
                asked.spawn(async move { (what, Longshore::answer(request).await) });
            }
            let Some(answer) = asked.join_next().await else {
                break;
            };
            let (what, answer) = answer?;
            // Who still sends when the connection closes may not see the answer.
            let Ok(answer) = answer else { continue };
            answered += 1;
            ensure!(
                answer.text.len() <= MOST_ANSWER,
                "{what}: {} and {} bytes",
                answer.status,
                answer.text.len()
            );
            ensure!(answer.status != 500, "{what}: {}", answer.text);
        }
        ensure!(answered * 2 > count, "{answered} of {count} were answered");
        Ok(answered)
    }

    fn request(&self, method: &Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.longshore.anonymous(method.clone(), path);
        match &self.sender {
            // As if a page of ours sent it, which only makes more of it be looked at.
            Sender::Stranger => request.header("Origin", &self.longshore.url),
            Sender::Member(token) => request.header("Authorization", format!("Token {token}")),
        }
    }
}

fn worst_bodies(bytes: usize) -> Vec<Worst> {
    let names = |each: &str| {
        let mut text = String::with_capacity(bytes + 64);
        for number in 0.. {
            if text.len() >= bytes {
                break;
            }
            let _ = write!(text, "{number:x}{each}");
        }
        text
    };
    let members = names("\":1,\"");
    let elements = "<Choice value=\\\"a\\\"/>".repeat(bytes.min(400_000) / 22);
    let attributes = names("='' a")
        .chars()
        .take(bytes.min(400_000))
        .collect::<String>();
    let config = |xml: &str| {
        format!(
            "{{\"title\": \"x\", \"label_config\": \"<View><Text name='t' value='$t'/><Choices name='c' toName='t' a{xml}</Choices></View>\"}}"
        )
    };
    [
        ("many names", FORM, names("&")),
        ("many fields", FORM, "a=1&".repeat(bytes / 4)),
        ("a long name", FORM, "n".repeat(bytes)),
        ("many members", JSON, format!("{{\"{members}\":1}}")),
        (
            "a long member",
            JSON,
            format!("{{\"{}\":1}}", "\\u0001".repeat(bytes / 6)),
        ),
        ("levels", JSON, format!("{{\"title\":{}", "[".repeat(bytes))),
        (
            "levels that end",
            JSON,
            format!(
                "{{\"data\":{}{}}}",
                "[".repeat(bytes / 2),
                "]".repeat(bytes / 2)
            ),
        ),
        (
            "a wide array",
            JSON,
            format!("{{\"project\":[{}1]}}", "1,".repeat(bytes / 2)),
        ),
        (
            "a long number",
            JSON,
            format!("{{\"project\":{}}}", "9".repeat(bytes)),
        ),
        ("elements", JSON, config(&format!("='1'>{elements}"))),
        ("attributes", JSON, config(&format!("{attributes}='1'>"))),
        ("blanks", JSON, " ".repeat(bytes)),
        (
            "many parts",
            "multipart/form-data; boundary=b",
            "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n".repeat(bytes / 60)
                + "--b--\r\n",
        ),
    ]
    .into_iter()
    .map(|(kind, content_type, body)| Worst {
        kind,
        content_type,
        body: body.into_bytes().into(),
    })
    .collect()
}
