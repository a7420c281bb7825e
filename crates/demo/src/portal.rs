//! What a person would do in the Azure portal or a shell, on one page of the demo: look into the
//! containers, and run the `az` commands that Longshore prints. The commands' own text is carried
//! out on the local Azure; a wrong one fails here as well.

use std::{fmt::Write as _, sync::Arc};

use axum::{
    Form, Router,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use serde::Deserialize;
use testkit::{Account, FixCommand, LocalAzure};
use tokio::net::TcpListener;

/// A company of the demo: its domain, tenant id, storage account and the account's containers.
pub struct Company {
    pub domain: &'static str,
    pub tenant_id: String,
    pub account: Account,
    pub containers: Vec<&'static str>,
}

struct Portal {
    azure: Arc<LocalAzure>,
    companies: Vec<Company>,
}

/// Serves the page on a free port until the process ends; gives its address.
///
/// # Errors
/// When no port can be opened.
pub async fn open(azure: Arc<LocalAzure>, companies: Vec<Company>) -> anyhow::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}", listener.local_addr()?);
    let app = Router::new()
        .route("/", get(show).post(run))
        .route("/{company}/{container}/{*blob}", get(blob))
        .with_state(Arc::new(Portal { azure, companies }));
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(address)
}

/// A pasted command, and as whose administrator.
#[derive(Deserialize)]
struct Pasted {
    company: usize,
    commands: String,
}

async fn show(State(portal): State<Arc<Portal>>) -> Response {
    page(&portal, None, "").await
}

async fn run(State(portal): State<Arc<Portal>>, Form(pasted): Form<Pasted>) -> Response {
    let mut output = String::new();
    let Some(company) = portal.companies.get(pasted.company) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    // A line that ends with a backslash goes on in the next, as in a shell.
    let joined = pasted.commands.replace("\\\r\n", " ").replace("\\\n", " ");
    for line in joined
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        let done = match FixCommand::parse(line) {
            Ok(command) => command.apply(&portal.azure, &company.tenant_id).await,
            Err(error) => Err(error),
        };
        let _ = match done {
            Ok(text) if text.trim().is_empty() => writeln!(output, "done: {line}"),
            Ok(text) => writeln!(output, "done: {line}\n{text}"),
            Err(error) => writeln!(output, "FAILED: {error:#}"),
        };
    }
    page(&portal, Some(&output), &pasted.commands).await
}

async fn page(portal: &Portal, output: Option<&str>, commands: &str) -> Response {
    let mut choices = String::new();
    let mut places = String::new();
    for (number, company) in portal.companies.iter().enumerate() {
        let checked = if number == 0 { " checked" } else { "" };
        let domain = company.domain;
        let _ = write!(
            choices,
            "<label><input type=\"radio\" name=\"company\" value=\"{number}\"{checked}> administrator of {domain}</label> "
        );
        for container in &company.containers {
            let found = portal.azure.blob_names(&company.account, container).await;
            let names = match found {
                Ok(names) => names,
                Err(error) => return failed(&error),
            };
            let _ = write!(
                places,
                "<details><summary>{domain}: {}/{container}: {} blobs</summary><ul>",
                company.account.name,
                names.len()
            );
            for name in &names {
                let path: String = url_path(name);
                let _ = write!(
                    places,
                    "<li><a href=\"/{number}/{container}/{path}\">{}</a></li>",
                    escaped(name)
                );
            }
            places += "</ul></details>";
        }
    }
    let output = output.map_or_else(String::new, |text| {
        format!("<h3>Output</h3><pre>{}</pre>", escaped(text))
    });
    Html(format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>The demo's Azure portal</title>\
         <style>:root{{color-scheme:light dark;font:16px/1.5 system-ui}}body{{max-width:56rem;margin:auto;padding:1rem}}textarea{{width:100%}}li,pre{{overflow-wrap:anywhere;white-space:pre-wrap}}</style>\
         <main><h1>The demo's stand-in for the Azure portal</h1><p>This is not Azure: everything here lives on this machine and ends with the demo.</p>\
         <h2>Run the commands that Longshore prints</h2><form method=\"post\"><p>{choices}</p>\
         <p><label for=\"commands\">Commands, one a line</label><textarea id=\"commands\" name=\"commands\" rows=\"6\" required>{}</textarea></p><button>Run</button></form>{output}\
         <h2>What is in the containers</h2>{places}</main></html>",
        escaped(commands)
    ))
    .into_response()
}

async fn blob(
    State(portal): State<Arc<Portal>>,
    Path((company, container, name)): Path<(usize, String, String)>,
) -> Response {
    let Some(company) = portal.companies.get(company) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match portal
        .azure
        .read_blob(&company.account, &container, &name)
        .await
    {
        Ok(Some(bytes)) => {
            let shown = match serde_json::from_slice::<serde_json::Value>(&bytes) {
                Ok(json) => format!("{json:#}").into_bytes(),
                Err(_) => bytes,
            };
            let is_text = std::str::from_utf8(&shown).is_ok();
            let kind = if is_text {
                "text/plain; charset=utf-8"
            } else {
                "application/octet-stream"
            };
            ([(header::CONTENT_TYPE, kind)], shown).into_response()
        }
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => failed(&error),
    }
}

fn failed(error: &anyhow::Error) -> Response {
    (StatusCode::BAD_GATEWAY, format!("{error:#}")).into_response()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}

fn url_path(name: &str) -> String {
    let mut url = reqwest::Url::parse("http://portal/").expect("an address");
    if let Ok(mut path) = url.path_segments_mut() {
        path.clear().extend(name.split('/'));
    }
    url.path().trim_start_matches('/').to_owned()
}
