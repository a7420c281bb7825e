//! The pages of projects as roles and other organizations meet them; errors as a browser and a
//! script read them.

use anyhow::Context;
use reqwest::header::{ACCEPT, COOKIE};
use serde_json::json;
use testkit::{Answer, Longshore, Person};

use crate::world::{IMAGE_CONFIG, World};

/// What a browser accepts when a person opens an address.
const HTML: &str = "text/html,application/xhtml+xml,*/*;q=0.8";

/// Somebody made by a command, which prints their password.
pub(crate) async fn made<'a>(
    world: &'a World,
    arguments: &[&str],
    email: &str,
) -> anyhow::Result<Person<'a>> {
    let output = world.longshore.command(arguments)?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let password = said
        .split("The password is ")
        .nth(1)
        .and_then(|rest| rest.split_whitespace().next())
        .with_context(|| said.clone())?;
    Person::sign_in(&world.longshore, email, password).await
}

async fn labeled_project(world: &World) -> anyhow::Result<i64> {
    let project = world.project(IMAGE_CONFIG).await?;
    let task = json!({"project": project, "data": {"image": "a.png"}});
    let task = world
        .longshore
        .post("/api/tasks", &task)
        .await?
        .expect(201)?;
    for choice in ["cat", "dog", "dog"] {
        let result = json!([{"from_name": "kind", "to_name": "image", "type": "choices", "value": {"choices": [choice]}}]);
        let path = format!("/api/tasks/{}/annotations", task["id"]);
        world
            .longshore
            .post(&path, &json!({"result": result}))
            .await?
            .expect(201)?;
    }
    Ok(project)
}

#[tokio::test]
async fn a_role_sees_what_it_may_do_and_another_organization_nothing() -> anyhow::Result<()> {
    let world = World::start().await?;
    let project = labeled_project(&world).await?;
    let owner = Person::owner(&world.longshore).await?;
    let create = ["user", "create", "ann@example.com", "--role", "annotator"];
    let annotator = made(&world, &create, "ann@example.com").await?;
    let create = ["user", "create", "man@example.com", "--role", "manager"];
    let manager = made(&world, &create, "man@example.com").await?;
    let create = [
        "organization",
        "create",
        "Other",
        "--owner",
        "eve@example.com",
    ];
    let stranger = made(&world, &create, "eve@example.com").await?;

    for page in ["settings", "delete", "import"] {
        let path = format!("/projects/{project}/{page}");
        for person in [&owner, &manager] {
            assert_eq!(person.get(&path).await?.status, 200, "{path}");
        }
        assert_eq!(annotator.get(&path).await?.status, 403, "{path}");
        assert_eq!(stranger.get(&path).await?.status, 404, "{path}");
    }
    assert_eq!(annotator.get("/projects/new").await?.status, 403);
    let home = annotator.get("/").await?.text;
    assert!(
        home.contains("test") && !home.contains("/projects/new"),
        "{home}"
    );

    let config = [("label_config", "<View></View>")];
    let check = format!("/projects/{project}/settings/label-config/check");
    let save = format!("/projects/{project}/settings/label-config");
    let rename = format!("/projects/{project}/settings");
    let delete = format!("/projects/{project}/delete");
    let title = [("title", "test")];
    for (path, form) in [
        (&check, &config),
        (&save, &config),
        (&rename, &title),
        (&delete, &title),
    ] {
        assert_eq!(annotator.post(path, form).await?.status, 403, "{path}");
        assert_eq!(stranger.post(path, form).await?.status, 404, "{path}");
    }
    let project = world
        .longshore
        .get(&format!("/api/projects/{project}"))
        .await?
        .expect(200)?;
    assert_eq!(project["label_config"], IMAGE_CONFIG);
    Ok(())
}

#[tokio::test]
async fn a_labeling_config_says_where_it_is_wrong_and_what_annotations_would_lose()
-> anyhow::Result<()> {
    let world = World::start().await?;
    let project = labeled_project(&world).await?;
    let owner = Person::owner(&world.longshore).await?;
    let check = async |config: &str| -> anyhow::Result<String> {
        let path = format!("/projects/{project}/settings/label-config/check");
        let answer = owner.post(&path, &[("label_config", config)]).await?;
        assert_eq!(answer.status, 200, "{}", answer.text);
        Ok(answer.text)
    };
    let broken = check("<View>\r\n  <Image name=\"image\"").await?;
    assert!(
        broken.contains("Line 2, column 3: unclosed token"),
        "{broken}"
    );
    let misspelt = check("<View><Imgae name=\"a\" value=\"$a\"/></View>").await?;
    assert!(misspelt.contains("Imgae"), "{misspelt}");
    assert!(
        !check(IMAGE_CONFIG).await?.contains("notice"),
        "nothing to say"
    );

    let without_dog = IMAGE_CONFIG.replace("<Choice value=\"dog\"/>", "<Choice value=\"cow\"/>");
    let said = check(&without_dog).await?;
    assert!(
        said.contains("“dog”") && said.contains("used 2 times"),
        "{said}"
    );
    assert!(!said.contains("“cat”"), "{said}");

    // It is a warning: the config is saved, and the annotations stay.
    let path = format!("/projects/{project}/settings/label-config");
    let refused = owner.post(&path, &[("label_config", "<View>")]).await?;
    assert_eq!(refused.status, 400);
    assert!(
        refused.text.contains("was never closed"),
        "{}",
        refused.text
    );
    let saved = owner.post(&path, &[("label_config", &without_dog)]).await?;
    assert_eq!(saved.status, 303, "{}", saved.text);
    let now = world
        .longshore
        .get(&format!("/api/projects/{project}"))
        .await?
        .expect(200)?;
    assert_eq!(now["label_config"], without_dog);
    assert_eq!(now["total_annotations_number"], 3);
    Ok(())
}

#[tokio::test]
async fn a_browser_reads_errors_as_pages_and_a_script_as_json() -> anyhow::Result<()> {
    let world = World::start().await?;
    let longshore = &world.longshore;
    let ask = async |path: &str, accept: &str, cookie: &str| -> anyhow::Result<Answer> {
        let request = longshore.anonymous(reqwest::Method::GET, path);
        let request = request.header(ACCEPT, accept).header(COOKIE, cookie);
        Longshore::answer(request).await
    };
    let page = ask("/nothing", HTML, "").await?;
    assert_eq!(page.status, 404);
    let id = page.headers["x-request-id"].to_str()?;
    assert!(
        page.text.contains("Nothing is here") && page.text.contains(id),
        "{}",
        page.text
    );
    let policy = page.headers["content-security-policy"].to_str()?;
    assert!(
        policy.starts_with("default-src 'none'; style-src 'self'"),
        "{policy}"
    );
    assert_eq!(page.headers["x-content-type-options"], "nosniff");

    let json = ask("/nothing", "*/*", "").await?;
    assert_eq!(
        (json.status, &json.json["code"]),
        (404, &json!("not_found"))
    );
    // The API is JSON, also when somebody opens it in a browser.
    let api = ask("/api/nothing", HTML, "").await?;
    assert_eq!((api.status, &api.json["code"]), (404, &json!("not_found")));

    // Who is signed in keeps their menu; an id that is none is a page too.
    let form = longshore
        .anonymous(reqwest::Method::POST, "/user/login")
        .header("Origin", &longshore.url)
        .form(&[
            ("email", Longshore::EMAIL),
            ("password", Longshore::PASSWORD),
        ]);
    let signed_in = Longshore::answer(form).await?;
    let cookie = signed_in.headers["set-cookie"].to_str()?;
    let cookie = cookie.split(';').next().unwrap_or_default();
    for path in [
        "/projects/999999/settings",
        "/projects/x/settings",
        "/tasks/9/resolve?fileuri=x",
    ] {
        let page = ask(path, HTML, cookie).await?;
        assert_eq!(page.status, 404, "{path}");
        assert!(
            page.text.contains("<h1>") && page.text.contains(Longshore::EMAIL),
            "{}",
            page.text
        );
    }
    let part = longshore
        .anonymous(
            reqwest::Method::POST,
            "/projects/999999/settings/label-config/check",
        )
        .header("Origin", &longshore.url)
        .header("HX-Request", "true")
        .header(COOKIE, cookie)
        .form(&[("label_config", "<View/>")]);
    let part = Longshore::answer(part).await?;
    assert_eq!(part.status, 404);
    assert!(
        part.text.starts_with("<p class=\"problem\""),
        "{}",
        part.text
    );
    Ok(())
}
