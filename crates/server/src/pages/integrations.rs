//! Settings, Integrations: the links to Azure tenants, and the one that is being made.

mod link;

use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use engine::{AzureLink, ConnectStep, Integrations, LinkProblem, PendingConnect};
use model::Actor;

use super::{
    Person, failed,
    html::{Plain, Text, page, render_live},
};
use crate::{
    App,
    api::azure_links::{AnonymousInput, state_of},
    error::ApiError,
    extract::{Body, moment},
};
pub(crate) use link::{check, claim, confirm_unlink, show_link, unlink};

const PAGE: &str = "/settings/integrations";

pub(crate) async fn show(State(app): State<App>, Person(actor): Person) -> Response {
    render_live(body(&app, &actor).await, &app.engine.cloud().authority)
}

async fn body(app: &App, actor: &Actor) -> Result<Plain, ApiError> {
    let found = app.engine.integrations(actor).await?;
    let who = app.engine.whoami(actor).await?;
    let links: String = found
        .links
        .iter()
        .map(|(link, problem)| link_card(link, problem.as_ref()))
        .collect();
    let none = if links.is_empty() && found.pending.is_none() {
        "<p><strong>Not connected.</strong> After connecting, blobs of your tenant's storage accounts are read with a token of your tenant: no account key, no secret. Connecting reads nothing yet: you choose the containers afterwards, by granting roles on them.</p>"
    } else {
        ""
    };
    let html = format!(
        "<p><a href=\"/settings\">Settings</a></p><section{live}><h2>Microsoft Azure</h2>{none}{links}{pending}{connect}</section>{anonymous}",
        live = live(&found),
        pending = found
            .pending
            .as_ref()
            .map_or_else(String::new, pending_card),
        connect = connect_button(&found),
        anonymous = anonymous_form(&found),
    );
    Ok(page("Integrations", Some(&who.user.email), &html))
}

/// While something is waited for, the page asks for it; else it looks now and then.
fn live(found: &Integrations) -> String {
    let is_waiting = found
        .pending
        .as_ref()
        .is_some_and(|pending| pending.step == ConnectStep::Waiting);
    let (address, method, every) = if is_waiting {
        ("/api/azure-links/pending/check", "POST", 2_500)
    } else {
        ("/api/azure-links", "GET", 10_000)
    };
    format!(
        " data-live=\"{address}\" data-method=\"{method}\" data-every=\"{every}\" data-state=\"{}\"",
        Text(&state_of(found))
    )
}

fn link_card(link: &AzureLink, problem: Option<&LinkProblem>) -> String {
    let tenant = tenant_words(link.tenant_domain.as_deref(), &link.tenant_id);
    if let Some(at) = link.unlinked_at_ms {
        return format!(
            "<article class=\"card\"><h3>{tenant}</h3><p><span class=\"status\">Unlinked</span> since {}. {}</p></article>",
            moment(at),
            last_sas(link.last_sas_expires_at_ms)
        );
    }
    let by = link.linked_by_email.as_deref().unwrap_or("the operator");
    let signed_in = link
        .entra_username
        .as_deref()
        .map_or_else(String::new, |name| {
            format!(", who signed in as {}", Text(name))
        });
    let status = match problem {
        None => "<span class=\"status\">Connected</span>",
        Some(_) => "<span class=\"status\">Connected, and not working</span>",
    };
    format!(
        "<article class=\"card\"><h3>{tenant}</h3><p>{status} by {}{signed_in} on {}. Service principal: <code>{}</code></p>{}\
         <p><a href=\"{PAGE}/{tenant_id}\">Grant roles and see whether they act</a> · <a href=\"{PAGE}/{tenant_id}/unlink\">Unlink from Azure</a></p>\
         <form method=\"post\" action=\"{PAGE}/{tenant_id}/check\"><button>Check again</button></form></article>",
        Text(by),
        moment(link.created_at_ms),
        Text(
            link.principal_object_id
                .as_deref()
                .unwrap_or("az ad sp show --id CLIENT_ID --query id")
        ),
        problem.map_or_else(String::new, problem_words),
        tenant_id = Text(&link.tenant_id),
    )
}

fn pending_card(pending: &PendingConnect) -> String {
    let tenant = pending.tenant_id.as_deref().map_or_else(String::new, |id| {
        tenant_words(pending.tenant_domain.as_deref(), id)
    });
    let problem = pending
        .problem
        .as_ref()
        .map_or_else(String::new, problem_words);
    let says = match pending.step {
        ConnectStep::SignIn => "You went to Microsoft to sign in and are not back yet. If Microsoft showed an error page, its AADSTS number says why; give it to your administrator or to the operator of this server, and begin again.".to_owned(),
        ConnectStep::Consent => format!("Your sign-in proved the tenant {tenant}. Now an administrator of it consents. If Microsoft showed an error page instead of coming back here, its AADSTS number says why; open the consent page again when that is mended. If somebody else consented, press Check again."),
        ConnectStep::Waiting => format!("{tenant} has consented. Waiting until Entra ID gives a token of it: this page goes on by itself."),
        ConnectStep::Refused => format!("Nobody has consented for {tenant}."),
    };
    let buttons = match pending.step {
        ConnectStep::SignIn => "",
        _ => {
            "<form method=\"post\" action=\"/connect/azure/consent\"><button>Open the consent page</button></form>\
             <form method=\"post\" action=\"/connect/azure/check\"><button>Check again</button></form>"
        }
    };
    format!(
        "<article class=\"card\"><h3>Connecting</h3><p role=\"status\">{says}</p>{problem}{buttons}\
         <form method=\"post\" action=\"/connect/azure/cancel\"><button>Give up</button></form></article>"
    )
}

fn connect_button(found: &Integrations) -> String {
    if found.app_client_id.is_none() {
        return "<p>This server has no app registration, so it cannot connect to Azure. The operator sets one up: docs/azure-app.md.</p>".to_owned();
    }
    let (words, says) = if found
        .links
        .iter()
        .any(|(link, _)| link.unlinked_at_ms.is_none())
    {
        ("Connect another tenant", "")
    } else {
        (
            "Connect to Azure",
            "<p>You sign in at Microsoft, which proves your tenant; then an administrator of the tenant consents.</p>",
        )
    };
    format!(
        "{says}<form method=\"post\" action=\"/connect/azure/start\"><button class=\"primary\">{words}</button></form>"
    )
}

/// Only for those who have unlinked: before a first link there is nothing to decide.
fn anonymous_form(found: &Integrations) -> String {
    let is_linked = found
        .links
        .iter()
        .any(|(link, _)| link.unlinked_at_ms.is_none());
    if found.links.is_empty() || is_linked {
        return String::new();
    }
    let (is, value, button) = if found.reads_anonymously {
        (
            "are read anonymously, which works for public containers",
            "false",
            "Read nothing anonymously",
        )
    } else {
        ("are not read at all", "true", "Allow anonymous reading")
    };
    format!(
        "<section><h2>Without a link</h2><p>Blobs that tasks name outside storages {is}.</p>\
         <form method=\"post\" action=\"{PAGE}/anonymous\"><input type=\"hidden\" name=\"anonymous_reads\" value=\"{value}\"><button>{button}</button></form></section>"
    )
}

pub(crate) async fn set_anonymous(
    State(app): State<App>,
    Person(actor): Person,
    Body(form): Body<AnonymousInput>,
) -> Response {
    let allowed = form.anonymous_reads.unwrap_or_default();
    match app.engine.set_anonymous_reading(&actor, allowed).await {
        Ok(()) => Redirect::to(PAGE).into_response(),
        Err(error) => failed(&error.into()),
    }
}

/// A tenant by its domain, when that is known, and its id.
fn tenant_words(domain: Option<&str>, id: &str) -> String {
    match domain {
        Some(domain) => format!("{} <small><code>{}</code></small>", Text(domain), Text(id)),
        None => format!("<code>{}</code>", Text(id)),
    }
}

fn problem_words(problem: &LinkProblem) -> String {
    format!(
        "<div class=\"problem\" role=\"alert\"><p>{}</p><p>{}</p></div>",
        Text(&problem.cause),
        Text(&problem.fix)
    )
}

/// Until when somebody may still read by what was handed out.
fn last_sas(expires_at_ms: Option<i64>) -> String {
    expires_at_ms.map_or_else(
        || "No pre-signed URL was handed out with it.".to_owned(),
        |at| {
            format!(
                "The last pre-signed URL that was handed out ends by {}.",
                moment(at)
            )
        },
    )
}
