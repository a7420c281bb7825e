//! Every page, part of a page and form, tried by everybody, as the operations of the API are: what must happen
//! follows from the route table.

use anyhow::{Context, ensure};
use reqwest::{Method, header::LOCATION};
use serde_json::json;
use server::Route;
use testkit::{Longshore, Person};

use super::{MARK, Member, everybody, world_with_an_app};
use crate::{
    audit::pages::{Fields, form},
    world::{IMAGE_CONFIG, World},
};

/// What the pages of the tested organization are asked for.
struct Places<'a> {
    world: &'a World,
    project: String,
    task: String,
    storage: String,
}

#[tokio::test]
async fn every_page_is_for_those_it_is_meant_for() -> anyhow::Result<()> {
    let world = world_with_an_app().await?;
    let longshore = &world.longshore;
    let (members, other) = everybody(longshore)?;
    let places = Places::new(&world).await?;
    let mut routes = server::every_route();
    routes.retain(|route| route.is_page);
    ensure!(routes.len() > 100, "{} pages", routes.len());
    let mut wrong = Vec::new();
    for route in &routes {
        match places.try_route(route, &members, &other).await {
            Ok(found) => wrong.extend(found),
            Err(error) => wrong.push(format!("{} {}: {error:#}", route.method, route.path)),
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// The head of an answer, and its text when it ends.
struct Seen {
    status: u16,
    goes_to: String,
    text: String,
}

impl<'a> Places<'a> {
    async fn new(world: &'a World) -> anyhow::Result<Self> {
        world.container("samples", &[("a.png", "image")]).await?;
        let body = json!({"title": MARK, "label_config": IMAGE_CONFIG});
        let project = world
            .longshore
            .post("/api/projects", &body)
            .await?
            .expect(201)?;
        let project = project["id"].as_i64().context("a project")?;
        let storage = world
            .source(project, "samples", json!({"title": MARK}))
            .await?;
        world.sync(&storage).await?;
        let task = world.tasks(project).await?.pop().context("a task")?;
        // Enough that everybody finds one that nobody else has open.
        let more: Vec<_> = (0..8).map(|_| json!({"image": "x"})).collect();
        let import = format!("/api/projects/{project}/import");
        world
            .longshore
            .post(&import, &more.into())
            .await?
            .expect(201)?;
        world
            .longshore
            .command(&["azure-link", "add", "--tenant-id", &world.tenant])?;
        Ok(Self {
            world,
            project: project.to_string(),
            task: task["id"].to_string(),
            storage: storage.rsplit('/').next().context("a storage")?.to_owned(),
        })
    }

    /// Where somebody asks, and what their form says.
    async fn sample(&self, route: &Route) -> anyhow::Result<(String, Fields)> {
        if route.path.ends_with("/agreement") {
            let path = route.path.replace("{tenant}", &self.world.tenant);
            let agreed = ["organization", "agreed"]
                .into_iter()
                .zip(["2".to_owned(), "true".to_owned()]);
            return Ok((path, agreed.collect()));
        }
        if route.method == "POST" {
            let owner = Person::owner(&self.world.longshore).await?;
            return form(self.world, &owner, &route.path).await;
        }
        let id = match route.path.split('/').nth(1) {
            Some("storages") => &self.storage,
            Some("tasks") => &self.task,
            _ => &self.project,
        };
        let mut path = route.path.replace("{id}", id);
        for (part, value) in [("{task}", &self.task), ("{tenant}", &self.world.tenant)] {
            path = path.replace(part, value);
        }
        if ["/unreadable", "/shown-html"]
            .iter()
            .any(|end| path.ends_with(end))
        {
            path += &format!(
                "?fileuri=https://{}.blob.core.windows.net/samples/a.png",
                self.world.account.name
            );
        }
        Ok((path, Vec::new()))
    }

    async fn ask(&self, route: &Route, token: Option<&str>) -> anyhow::Result<Seen> {
        let longshore = &self.world.longshore;
        let (path, fields) = self.sample(route).await?;
        let mut request = longshore.anonymous(route.method.parse::<Method>()?, &path);
        request = request
            .header("Accept", "text/html")
            .header("Origin", &longshore.url);
        if let Some(token) = token {
            request = request.header("Authorization", format!("Token {token}"));
        }
        if route.path.ends_with("/import") && route.method == "POST" {
            let kind = "multipart/form-data; boundary=b";
            let body = "--b\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\n[{\"image\": \"x\"}]\r\n--b--\r\n";
            request = request.header("Content-Type", kind).body(body);
        } else if route.path.ends_with("/label-preview/shown") {
            request = request.json(&json!({"label_config": IMAGE_CONFIG}));
        } else if route.method == "POST" {
            request = request.form(&fields);
        }
        let answer = request.send().await?;
        let header = |name| {
            answer
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let is_live = header(reqwest::header::CONTENT_TYPE)
            .is_some_and(|kind| kind.starts_with("text/event-stream"));
        Ok(Seen {
            status: answer.status().as_u16(),
            goes_to: header(LOCATION).unwrap_or_default().to_owned(),
            // A live part does not end.
            text: if is_live {
                String::new()
            } else {
                String::from_utf8_lossy(&answer.bytes().await?).into_owned()
            },
        })
    }

    /// What happened that must not, a line each.
    async fn try_route(
        &self,
        route: &Route,
        members: &[Member],
        other: &str,
    ) -> anyhow::Result<Vec<String>> {
        let mut wrong = Vec::new();
        let mut expect = |who: &str, seen: &Seen, is_right: bool| {
            if !is_right || seen.status >= 500 {
                let text: String = seen.text.chars().take(200).collect();
                let (method, path, permission) = (route.method, &route.path, route.permission);
                wrong.push(format!(
                    "{method} {path} ({permission:?}) by {who}: {} {} {text}",
                    seen.status, seen.goes_to
                ));
            }
        };
        let seen = self.ask(route, None).await?;
        let Some(permission) = route.permission else {
            // The metrics are for the machine itself, a wrong link for nobody.
            expect("a stranger", &seen, !seen.text.contains(MARK));
            return Ok(wrong);
        };
        let is_sent_away = seen.status == 303 && seen.goes_to.starts_with("/user/login?next=");
        expect("a stranger", &seen, is_sent_away || seen.status == 401);

        let seen = self.ask(route, Some(other)).await?;
        let names_a_row = ["{id}", "{tenant}"]
            .iter()
            .any(|part| route.path.contains(part));
        let is_hidden = !names_a_row || seen.status == 404;
        expect(
            "another organization",
            &seen,
            is_hidden && !seen.text.contains(MARK),
        );

        for member in members {
            let seen = self.ask(route, Some(&member.token)).await?;
            let is_right = if member.may(permission) {
                // Whether the form was right is not the question here; a picture of this blob cannot be drawn.
                !matches!(seen.status, 401 | 403)
                    && (seen.status < 400
                        || route.method == "POST"
                        || route.path.contains("/thumbnail"))
            } else {
                seen.status == 403
            };
            expect(member.role.as_str(), &seen, is_right);
        }
        Ok(wrong)
    }
}

/// Nobody's token opens a page either.
#[tokio::test]
async fn a_wrong_token_opens_no_page() -> anyhow::Result<()> {
    let world = World::start().await?;
    for route in server::every_route() {
        if !route.is_page || route.permission.is_none() || route.path.contains('{') {
            continue;
        }
        let request = world
            .longshore
            .anonymous(route.method.parse::<Method>()?, &route.path);
        let request = request.header("Authorization", "Token nobodys");
        let status = Longshore::answer(request).await?.status;
        ensure!(
            matches!(status, 303 | 401 | 429),
            "{} {}: {status}",
            route.method,
            route.path
        );
    }
    Ok(())
}
