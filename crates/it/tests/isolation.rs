//! Every operation of the OpenAPI document, tried by everybody: a stranger, the owner of another
//! organization, and each role. What must happen follows from the document's `x-permission`,
//! which the route table says, and from the permission table of `model`.

mod pages;
pub mod sample;

use anyhow::{Context, ensure};
use model::{Actor, OrgId, Permission, Role, UserId};
use reqwest::Method;
use serde_json::Value;
use testkit::{Answer, LocalAzure, Longshore, Settings};

use crate::world::World;
use sample::{MARK, Sample, Samples};

const PERMISSIONS: [Permission; 4] = [
    Permission::Read,
    Permission::Annotate,
    Permission::ManageProjects,
    Permission::ManageOrganization,
];

/// An operation of the document; without a permission it needs no sign-in.
#[derive(Debug)]
pub struct Operation {
    pub method: Method,
    pub path: String,
    permission: Option<Permission>,
}

/// A member of the tested organization, by token.
struct Member {
    role: Role,
    token: String,
}

impl Member {
    fn may(&self, permission: Permission) -> bool {
        let actor = Actor {
            org_id: OrgId(1),
            user_id: UserId(1),
            role: self.role,
        };
        actor.may(permission)
    }
}

#[tokio::test]
async fn every_operation_is_for_those_it_is_meant_for() -> anyhow::Result<()> {
    let world = world_with_an_app().await?;
    let longshore = &world.longshore;
    let (members, other) = everybody(longshore)?;

    let samples = Samples::new(&world).await?;
    let operations = operations(longshore).await?;
    ensure!(operations.len() > 50, "{} operations", operations.len());
    let mut wrong = Vec::new();
    for operation in &operations {
        let tried = try_operation(&samples, operation, &members, &other).await;
        match tried {
            Ok(found) => wrong.extend(found),
            Err(error) => wrong.push(format!(
                "{} {}: {error:#}",
                operation.method, operation.path
            )),
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// A member of each role, and the token of another organization's owner.
fn everybody(longshore: &Longshore) -> anyhow::Result<(Vec<Member>, String)> {
    let mut members = Vec::new();
    for role in [Role::ReadOnly, Role::Annotator, Role::Manager] {
        let email = format!("{}@{MARK}.example", role.as_str());
        run(
            longshore,
            &["user", "create", &email, "--role", role.as_str()],
        )?;
        let token = run(longshore, &["token", "create", &email])?;
        members.push(Member { role, token });
    }
    members.push(Member {
        role: Role::Owner,
        token: Longshore::TOKEN.to_owned(),
    });
    let other = "owner@other.example";
    run(
        longshore,
        &["organization", "create", "Other", "--owner", other],
    )?;
    let other = run(longshore, &["token", "create", other])?;
    Ok((members, other))
}

/// What happened that must not, a line each.
async fn try_operation(
    samples: &Samples<'_>,
    operation: &Operation,
    members: &[Member],
    other: &str,
) -> anyhow::Result<Vec<String>> {
    let mut wrong = Vec::new();
    let mut expect = |who: &str, answer: &Answer, is_right: bool| {
        if !is_right || answer.status >= 500 {
            let body: String = answer.text.chars().take(200).collect();
            wrong.push(format!(
                "{} {} ({:?}) by {who}: {} {body}",
                operation.method, operation.path, operation.permission, answer.status
            ));
        }
    };
    let make = async |token: &str| {
        let method = operation.method.clone();
        samples.make(method, &operation.path, token).await
    };

    let sample = make(Longshore::TOKEN).await?;
    let answer = ask(samples, &sample, None).await?;
    let Some(permission) = operation.permission else {
        expect("a stranger", &answer, answer.status != 403);
        return Ok(wrong);
    };
    expect("a stranger", &answer, answer.status == 401);

    let sample = sample.by_a_stranger()?;
    let answer = ask(samples, &sample, Some(other)).await?;
    let names_a_row = ["{id}", "{tenant}"]
        .iter()
        .any(|part| operation.path.contains(part));
    let is_hidden = !names_a_row || answer.status == 404;
    let shows_nothing = !answer.text.contains(MARK);
    expect("another organization", &answer, is_hidden && shows_nothing);

    for member in members {
        let sample = make(&member.token).await?;
        let answer = ask(samples, &sample, Some(&member.token)).await?;
        let is_right = if member.may(permission) {
            matches!(answer.status, 200..=399)
        } else {
            answer.status == 403
        };
        expect(member.role.as_str(), &answer, is_right);
    }
    Ok(wrong)
}

/// With an app registration that the tenant has consented to, so that it can be linked.
pub async fn world_with_an_app() -> anyhow::Result<World> {
    let azure = LocalAzure::start(None)?;
    let platform = azure.create_tenant("longshore.example").await?;
    let app = azure.create_app(&platform, "Longshore", true).await?;
    let secret = azure.add_secret(&app).await?;
    let tenant = azure.create_tenant("contoso.example").await?;
    azure.consent(&tenant, &app).await?;
    let account = azure.create_account("contosodata", &tenant).await?;
    let settings = Settings {
        environment: vec![
            ("LONGSHORE_APP_CLIENT_ID".to_owned(), app.client_id),
            ("LONGSHORE_APP_CLIENT_SECRET".to_owned(), secret),
        ],
        ..Settings::default()
    };
    let longshore = Longshore::start(&azure.endpoints.cloud_file, settings)?;
    Ok(World {
        azure,
        longshore,
        account,
        tenant,
    })
}

pub async fn ask(
    samples: &Samples<'_>,
    sample: &Sample,
    token: Option<&str>,
) -> anyhow::Result<Answer> {
    let mut request = samples
        .longshore()
        .anonymous(sample.method.clone(), &sample.path);
    if let Some(token) = token {
        request = request.header("Authorization", format!("Token {token}"));
    }
    if let Some(body) = &sample.body {
        request = request.json(body);
    }
    Longshore::answer(request).await
}

pub async fn operations(longshore: &Longshore) -> anyhow::Result<Vec<Operation>> {
    let document = longshore.get("/api/openapi.json").await?.expect(200)?;
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().context("paths")? {
        for (method, operation) in methods.as_object().context("methods")? {
            let needs_sign_in = operation["security"].is_array();
            let permission = match &operation["x-permission"] {
                Value::String(word) => Some(
                    PERMISSIONS
                        .into_iter()
                        .find(|permission| permission.as_str() == word)
                        .with_context(|| word.clone())?,
                ),
                _ => None,
            };
            ensure!(permission.is_some() == needs_sign_in, "{method} {path}");
            operations.push(Operation {
                method: method.to_uppercase().parse()?,
                path: path.clone(),
                permission,
            });
        }
    }
    Ok(operations)
}

/// An operator's command; the last line that it prints.
pub fn run(longshore: &Longshore, arguments: &[&str]) -> anyhow::Result<String> {
    let output = longshore.command(arguments)?;
    let text = String::from_utf8(output.stdout)?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{arguments:?}: {text}{errors}");
    Ok(text.lines().last().unwrap_or_default().to_owned())
}
