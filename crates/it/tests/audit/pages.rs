//! Every form of a page, sent by the owner, must leave its entry.

use anyhow::{Context, ensure};
use reqwest::Method;
use serde_json::json;
use server::Route;
use testkit::{LocalAzure, Longshore, Person, Settings};

use super::{AGREED, As, CANCEL, Not, Told, UNKNOWN, newest, require};
use crate::{
    isolation::run,
    world::{IMAGE_CONFIG, World},
};

const ASKS: Told = Not("it shows what would be done, or what is wrong, and does nothing");
const STEP: Told =
    Not("what was entered is kept for its person until the last step, storage.create");
const CONNECTING: Told = Not("nothing is linked until azure_link.connect, in it/tests/connect");

fn told(path: &str) -> anyhow::Result<Told> {
    if path == "/projects/{id}/connect-target/preview" {
        return Ok(Not("a target has nothing to preview: it is not found"));
    }
    let wizard = path.strip_prefix("/projects/{id}/connect");
    if let Some((_, step)) = wizard.and_then(|rest| rest.split_once('/')) {
        return Ok(match step {
            "review" => As("storage.create"),
            "check" => As("storage.check"),
            "preview" => As("storage.preview"),
            _ => STEP,
        });
    }
    Ok(match path {
        "/user/login" => As("session.start"),
        "/user/logout" => As("session.end"),
        "/first-run/{secret}" => As("organization.create"),
        "/projects/new" => As("project.create"),
        "/projects/{id}/settings" | "/projects/{id}/settings/label-config" => As("project.change"),
        "/projects/{id}/settings/label-config/check"
        | "/projects/{id}/label-preview/shown"
        | "/projects/{id}/tasks/chosen" => ASKS,
        "/projects/{id}/delete" => As("project.delete"),
        "/projects/{id}/import" => As("task.import"),
        "/projects/{id}/tasks/delete" => As("task.delete"),
        "/storages/{id}/sync" | "/storages/{id}/errors/retry" => As("sync.start"),
        "/storages/{id}/cancel" => CANCEL,
        "/storages/{id}/adopt" => As("export.adopt"),
        "/storages/{id}/settings" => As("storage.change"),
        "/storages/{id}/disconnect" => As("storage.delete"),
        "/storages/{id}/check" => As("storage.check"),
        "/settings/account/password" => As("password.change"),
        "/settings/account/sign-out-everywhere" => As("session.end_all"),
        "/settings/account/entra" => Not("begins; entra.connect when the person is back"),
        "/settings/account/entra/remove" => {
            Not("there is none to remove; entra.remove in it/tests/connect/members.rs")
        }
        "/settings/members/invite" => As("invite.create"),
        "/settings/members/{id}/role" => As("member.role"),
        "/settings/members/{id}/remove" => As("member.remove"),
        "/settings/invites/{id}/revoke" => As("invite.revoke"),
        "/settings/tokens" => As("token.create"),
        "/settings/tokens/{id}/revoke" => As("token.revoke"),
        "/invite/{secret}" => As("invite.accept"),
        "/settings/integrations/anonymous" => As("azure_link.anonymous"),
        "/settings/integrations/{tenant}/claim" => As("azure_link.refuse"),
        "/settings/integrations/{tenant}/agreement" => AGREED,
        "/settings/integrations/{tenant}/check" => As("azure_link.check"),
        "/settings/integrations/{tenant}/unlink" => As("azure_link.unlink"),
        path if path.starts_with("/connect/azure/") => CONNECTING,
        _ => anyhow::bail!(UNKNOWN),
    })
}

/// The forms that left no entry, a line each.
pub async fn untold(world: &World, pages: &[Route]) -> anyhow::Result<Vec<String>> {
    let mut wrong = Vec::new();
    for Route { method, path, .. } in pages {
        let done = async {
            ensure!(*method == "POST", "pages have forms only");
            match told(path)? {
                Not(why) => {
                    ensure!(!why.is_empty(), "say why it leaves none");
                    Ok(())
                }
                As(action) if path.starts_with("/first-run/") => first_run(action).await,
                As(action) => send(world, path, action).await,
            }
        };
        if let Err(error) = done.await {
            wrong.push(format!("{method} {path}: {error:#}"));
        }
    }
    Ok(wrong)
}

pub type Fields = Vec<(&'static str, String)>;

async fn send(world: &World, path: &str, action: &str) -> anyhow::Result<()> {
    let longshore = &world.longshore;
    let owner = match path {
        "/user/login" | "/invite/{secret}" => Person::stranger(longshore),
        _ => Person::owner(longshore).await?,
    };
    let (at, fields) = form(world, &owner, path).await?;
    let before = newest(longshore).await?;
    let answer = if path.ends_with("/import") {
        let body = format!(
            "--b\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\n{}\r\n--b--\r\n",
            json!([{"image": "x"}])
        );
        owner
            .upload(&at, "multipart/form-data; boundary=b", body)
            .await?
    } else {
        let fields: Vec<(&str, &str)> = fields
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        owner.post(&at, &fields).await?
    };
    ensure!(
        answer.status < 400,
        "{at}: {} {}",
        answer.status,
        answer.text
    );
    require(longshore, before, action, "person").await?;
    Ok(())
}

/// Where a form goes and what is in it; made of new rows each time.
pub async fn form(
    world: &World,
    owner: &Person<'_>,
    path: &str,
) -> anyhow::Result<(String, Fields)> {
    let longshore = &world.longshore;
    let at = |id: &str| path.replace("{id}", id).replace("{tenant}", &world.tenant);
    let text = |name, value: &str| (name, value.to_owned());
    if path.starts_with("/projects/{id}") {
        let project = world.project(IMAGE_CONFIG).await?;
        if path.contains("/connect") {
            let step = path.rsplit_once('/').context("a step")?.0;
            walk(world, owner, &step.replace("{id}", &project.to_string())).await?;
            let place = if path.ends_with("/check") {
                // It checks what its form has now.
                vec![
                    text("account_name", &world.account.name),
                    text("container", "samples"),
                    text("serve", "proxy"),
                ]
            } else {
                vec![text("go", "save")]
            };
            return Ok((at(&project.to_string()), place));
        }
        let body = json!({"project": project, "data": {"image": "x"}});
        let task = longshore.post("/api/tasks", &body).await?.expect(201)?;
        let fields = vec![
            text(
                "title",
                if path.ends_with("/delete") {
                    "test"
                } else {
                    "another title"
                },
            ),
            text("label_config", &IMAGE_CONFIG.replace("dog", "bird")),
            text("action", "delete_tasks"),
            ("task", task["id"].to_string()),
            text("go", "save"),
        ];
        return Ok((at(&project.to_string()), fields));
    }
    if path.starts_with("/storages/{id}") {
        let project = world.project(IMAGE_CONFIG).await?;
        let storage = match path {
            "/storages/{id}/adopt" => {
                let target = world.by_key(project, "samples", json!({}));
                world.storage("/api/storages/export/azure", &target).await?
            }
            _ => world.source(project, "samples", json!({})).await?,
        };
        let id = storage.rsplit('/').next().context("id")?;
        if !path.ends_with("/settings") {
            return Ok((at(id), Vec::new()));
        }
        let fields = vec![
            text("title", "another title"),
            text("method", "account_key"),
            text("account_name", &world.account.name),
            text("container", "samples"),
            text("serve", "proxy"),
            text("import_mode", "files"),
        ];
        return Ok((at(id), fields));
    }
    if path.contains("{tenant}") {
        // One that is linked already says so.
        let _ = longshore.command(&["azure-link", "add", "--tenant-id", &world.tenant])?;
    }
    let email = format!("p{}@contoso.example", newest(longshore).await?);
    Ok(match path {
        "/user/login" => (
            at(""),
            vec![
                text("email", Longshore::EMAIL),
                text("password", Longshore::PASSWORD),
            ],
        ),
        "/settings/account/password" => (
            at(""),
            vec![
                text("current_password", Longshore::PASSWORD),
                text("password", Longshore::PASSWORD),
            ],
        ),
        "/settings/integrations/{tenant}/claim" => (
            at(""),
            vec![
                text("account", &world.account.name),
                text("container", "samples"),
            ],
        ),
        "/settings/integrations/anonymous" => (at(""), vec![text("anonymous_reads", "false")]),
        "/projects/new" => (at(""), vec![text("title", "new")]),
        "/settings/tokens" => (at(""), vec![text("name", "script")]),
        "/settings/members/invite" => (at(""), vec![("email", email), text("role", "annotator")]),
        "/settings/members/{id}/role" | "/settings/members/{id}/remove" => {
            run(
                longshore,
                &["user", "create", &email, "--role", "annotator"],
            )?;
            let members = longshore.get("/api/members").await?.expect(200)?;
            let members = members.as_array().context("members")?;
            let member = members.iter().find(|member| member["email"] == email);
            let id = member.context("the new member")?["id"].to_string();
            (at(&id), vec![text("role", "manager")])
        }
        "/settings/invites/{id}/revoke" | "/invite/{secret}" => {
            let body = json!({"email": email, "role": "annotator"});
            let invite = longshore.post("/api/invites", &body).await?.expect(201)?;
            let url = invite["url"].as_str().context("url")?;
            let secret = url.rsplit('/').next().context("secret")?;
            let at = at(&invite["id"].to_string()).replace("{secret}", secret);
            (at, vec![text("password", "long enough")])
        }
        "/settings/tokens/{id}/revoke" => {
            let body = json!({"name": email});
            longshore
                .post("/api/api-tokens", &body)
                .await?
                .expect(201)?;
            let tokens = longshore.get("/api/api-tokens").await?.expect(200)?;
            let tokens = tokens.as_array().context("tokens")?;
            let token = tokens.iter().find(|token| token["name"] == email);
            (
                at(&token.context("the token")?["id"].to_string()),
                Vec::new(),
            )
        }
        _ => (at(""), Vec::new()),
    })
}

/// Fills in the steps before the last one.
async fn walk(world: &World, owner: &Person<'_>, wizard: &str) -> anyhow::Result<()> {
    let (key, account) = (world.account.key.as_str(), world.account.name.as_str());
    let steps: [(&str, &[(&str, &str)]); 3] = [
        (
            "sign-in",
            &[
                ("method", "account_key"),
                ("account_key", key),
                ("go", "next"),
            ],
        ),
        (
            "place",
            &[
                ("account_name", account),
                ("container", "samples"),
                ("serve", "proxy"),
                ("go", "next"),
            ],
        ),
        (
            "content",
            &[
                ("import_mode", "files"),
                ("recursive", "on"),
                ("go", "next"),
            ],
        ),
    ];
    for (step, fields) in steps {
        let answer = owner.post(&format!("{wizard}/{step}"), fields).await?;
        ensure!(
            answer.status == 303,
            "{step}: {} {}",
            answer.status,
            answer.text
        );
    }
    Ok(())
}

/// Of a Longshore where nobody is yet.
async fn first_run(action: &str) -> anyhow::Result<()> {
    let azure = LocalAzure::start(None)?;
    let settings = Settings {
        is_new: true,
        ..Settings::default()
    };
    let longshore = Longshore::start(&azure.endpoints.cloud_file, settings)?;
    let link = longshore.first_run.clone().context("a link")?;
    let owner = Person::stranger(&longshore);
    let fields = [
        ("organization", "O"),
        ("email", "a@b.example"),
        ("password", "long enough"),
    ];
    assert_eq!(owner.post(&link, &fields).await?.status, 303);
    let token = run(&longshore, &["token", "create", "a@b.example"])?;
    let request = longshore.anonymous(Method::GET, &format!("/api/audit?action={action}"));
    let listed = request.header("Authorization", format!("Token {token}"));
    let listed = Longshore::answer(listed).await?.expect(200)?;
    ensure!(listed[0]["by"] == "person", "{listed}");
    Ok(())
}
