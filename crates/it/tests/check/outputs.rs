//! The same result wherever it is asked for, nothing changed by asking, and no secret in any of it.

use std::{fs, process::Output};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use testkit::{Longshore, Person, Sas, SasScope, Settings};

use super::{
    case::Case,
    lab::{CONTAINER, Lab},
};

/// What two reports of one state have in common: everything but the time it took.
fn told(report: &Value) -> Value {
    let mut told = report.clone();
    let steps = told["steps"].as_array_mut().into_iter().flatten();
    for step in steps {
        step["took_ms"] = Value::Null;
        if step["azure"].is_object() {
            step["azure"]["request_id"] = Value::Null;
        }
    }
    told["took_ms"] = Value::Null;
    told
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Saves a storage that works; its path and its number.
async fn saved(
    longshore: &Longshore,
    (kind, mut fields): (&'static str, Value),
) -> anyhow::Result<(String, String)> {
    let project = json!({"title": "check", "label_config": crate::world::IMAGE_CONFIG});
    let project = longshore
        .post("/api/projects/", &project)
        .await?
        .expect(201)?;
    fields["project"] = project["id"].clone();
    let path = format!("/api/storages/{kind}");
    let storage = longshore.post(&path, &fields).await?.expect(201)?;
    Ok((
        format!("{path}/{}", storage["id"]),
        storage["id"].to_string(),
    ))
}

#[tokio::test]
async fn one_result_by_every_way() -> anyhow::Result<()> {
    let lab = Lab::start().await?;
    let client = lab.reader().await?;
    let fields = lab.by_secret(&client.app, &client.secret, json!({}));
    let case = Case::new(fields.clone(), "", "");
    let longshore = lab.longshore(&case).await?;
    let (path, id) = saved(&longshore, fields).await?;
    let before = longshore.get(&path).await?.expect(200)?;

    let ready = longshore.command(&["check", &id, "--json"])?;
    ensure!(ready.status.code() == Some(0), "{ready:?}");
    let principal = format!("/service-principals/{}", client.principal);
    lab.patch(&principal, json!({"enabled": false})).await?;

    let by_fields = lab.check(&longshore, &case).await?;
    let by_id = longshore
        .post(&format!("{path}/check"), &json!({}))
        .await?
        .expect(200)?;
    let command = longshore.command(&["check", &id, "--json"])?;
    ensure!(command.status.code() == Some(3), "{command:?}");
    let by_command: Value = serde_json::from_str(&stdout(&command))?;
    assert_eq!(by_id["verdict"], "failed");
    assert_eq!(told(&by_fields), told(&by_id));
    assert_eq!(told(&by_command), told(&by_id));

    // In words for people, with what to run.
    let words = stdout(&longshore.command(&["check", &id])?);
    let steps = by_id["steps"].as_array().into_iter().flatten();
    let failed = steps
        .into_iter()
        .find(|step| step["state"] == "failed")
        .context("a failed step")?;
    for part in [
        &failed["cause"],
        &failed["fix"]["command"],
        &failed["azure"]["code"],
    ] {
        let part = part.as_str().context("text")?;
        ensure!(words.contains(part), "{part} is not in: {words}");
    }
    assert_eq!(
        longshore.get(&path).await?.expect(200)?,
        before,
        "checking changes nothing"
    );
    Ok(())
}

/// The text of each part of a page between two marks.
fn between<'a>(page: &'a str, open: &'a str, close: &'a str) -> impl Iterator<Item = &'a str> {
    page.split(open)
        .skip(1)
        .filter_map(move |rest| rest.split(close).next())
}

#[tokio::test]
async fn the_page_shows_what_the_api_tells() -> anyhow::Result<()> {
    let lab = Lab::start().await?;
    let client = lab.reader().await?;
    let fields = lab.by_secret(&client.app, &client.secret, json!({}));
    let longshore = lab.longshore(&Case::new(fields.clone(), "", "")).await?;
    let (path, id) = saved(&longshore, fields).await?;
    let principal = format!("/service-principals/{}", client.principal);
    lab.patch(&principal, json!({"enabled": false})).await?;
    let report = longshore
        .post(&format!("{path}/check"), &json!({}))
        .await?
        .expect(200)?;
    assert_eq!(report["verdict"], "failed");
    let page = Person::owner(&longshore)
        .await?
        .post(&format!("/storages/{id}/check"), &[])
        .await?;
    assert_eq!(page.status, 200, "{}", page.text);

    let steps = report["steps"].as_array().context("steps")?;
    let shown: Vec<&str> = between(&page.text, "<li class=\"", "</li>").collect();
    assert_eq!(shown.len(), steps.len(), "{}", page.text);
    for (step, shown) in steps.iter().zip(shown) {
        let state = step["state"].as_str().context("state")?;
        ensure!(shown.starts_with(&format!("{state}\"")), "{step}: {shown}");
        let heading = between(shown, "<h2>", "</h2>").next().context("h2")?;
        let code = between(heading, "<code>", "</code>").next();
        assert_eq!(code, step["code"].as_str(), "{shown}");
        let plain = shown
            .replace("&quot;", "\"")
            .replace("&#39;", "'")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&");
        for said in [
            &step["cause"],
            &step["fix"]["text"],
            &step["fix"]["command"],
            &step["azure"]["code"],
        ] {
            let said = said.as_str().unwrap_or_default();
            ensure!(plain.contains(said), "{said} is not in: {plain}");
        }
    }
    Ok(())
}

/// What no storage can be made of is refused before Azure is asked.
#[tokio::test]
async fn what_is_no_secret_is_said_at_once() -> anyhow::Result<()> {
    let lab = Lab::start().await?;
    let client = lab.reader().await?;
    let path = format!("/apps/{}/secrets", client.app.client_id);
    let secret = lab.post(&path, json!({})).await?;
    let id = secret["key_id"].as_str().context("key_id")?;
    let case = Case::new(lab.by_key(json!({})), "", "");
    let longshore = lab.longshore(&case).await?;
    for ((kind, fields), words) in [
        (
            lab.by_secret(&client.app, id, json!({})),
            ["client_secret", "secret's id"],
        ),
        (
            lab.by_key(json!({"account_key": "not base64!"})),
            ["account_key", "base64"],
        ),
        (
            lab.by_sas("sp=rl&se=2099-01-01", json!({})),
            ["sas_token", "sv="],
        ),
    ] {
        let mut body = fields;
        body["type"] = json!(kind);
        let answer = longshore.post("/api/check", &body).await?;
        assert_eq!(answer.status, 400, "{}", answer.text);
        for word in words {
            ensure!(
                answer.text.contains(word),
                "{word} is not in: {}",
                answer.text
            );
        }
    }
    Ok(())
}

/// Everything that Longshore has said in a session full of mistakes, searched for every secret.
#[tokio::test]
async fn no_output_shows_a_secret() -> anyhow::Result<()> {
    let lab = Lab::start().await?;
    let client = lab.reader().await?;
    let expired = lab.azure.add_expired_secret(&client.app).await?;
    let pem = lab.azure.add_certificate(&client.app).await?;
    let (yesterday, container) = (Lab::in_hours(-24), SasScope::Container(CONTAINER));
    let old = Sas {
        expiry: &yesterday,
        scope: container,
        ..Sas::default()
    };
    let old = old.signed_by(&lab.account);
    let good = Sas {
        scope: container,
        ..Sas::default()
    }
    .signed_by(&lab.account);
    let cut = &good[..good.len() - 4];
    let header = "f00dfeed-an-old-identity-header";
    let (spi, mut with_pem) = lab.by_secret(&client.app, "", json!({"client_certificate": pem}));
    with_pem
        .as_object_mut()
        .context("fields")?
        .remove("client_secret");
    let presigned = json!({"presign": true});
    let rows = [
        lab.by_key(presigned.clone()),
        lab.by_key(json!({"account_key": "d3Jvbmctd3Jvbmctd3Jvbmctd3Jvbmctd3Jvbmc="})),
        lab.by_sas(&good, presigned.clone()),
        lab.by_sas(&old, json!({})),
        lab.by_sas(cut, json!({})),
        lab.by_secret(&client.app, &client.secret, presigned),
        lab.by_secret(&client.app, &expired, json!({})),
        lab.by_secret(&client.app, "wrong~secret~value~0123456789", json!({})),
        (spi, with_pem),
        lab.by_identity(json!({"identity_source": "app_service"})),
    ];
    let cases: Vec<Case> = rows.into_iter().map(|row| Case::new(row, "", "")).collect();
    let log_everything = ("LONGSHORE_LOG".to_owned(), "debug".to_owned());
    let settings = Settings {
        environment: vec![
            (
                "IDENTITY_ENDPOINT".to_owned(),
                lab.azure.endpoints.identity_endpoint.clone(),
            ),
            ("IDENTITY_HEADER".to_owned(), header.to_owned()),
            log_everything,
        ],
        ..Settings::default()
    };
    let longshore = Longshore::start(&lab.azure.endpoints.cloud_file, settings)?;

    let mut said = String::new();
    for case in &cases {
        said += &lab.check(&longshore, case).await?.to_string();
    }
    let (path, id) = saved(&longshore, (cases[0].kind, cases[0].fields.clone())).await?;
    lab.post(
        &format!("/accounts/{}/rotate-keys", lab.account.name),
        json!({}),
    )
    .await?;
    said += &longshore
        .post(&format!("{path}/check"), &json!({}))
        .await?
        .text;
    said += &longshore.get(&path).await?.text;
    said += &longshore
        .post(&format!("{path}/sync"), &json!({}))
        .await?
        .text;

    let url = format!(
        "https://{}.blob.core.windows.net/{CONTAINER}",
        lab.account.name
    );
    let with_sas = format!("{url}?{good}");
    fs::write(lab.path("key"), &lab.account.key)?;
    fs::write(lab.path("secret"), &expired)?;
    let (key, secret) = (lab.path("key"), lab.path("secret"));
    let key = key.to_str().context("path")?;
    let secret = secret.to_str().context("path")?;
    let service_principal = [
        "--auth",
        "service-principal",
        "--tenant-id",
        &lab.tenant,
        "--client-id",
        &client.app.client_id,
        "--secret-file",
        secret,
    ];
    for arguments in [
        vec![id.as_str()],
        vec![with_sas.as_str(), "--auth", "sas"],
        vec![url.as_str(), "--auth", "key", "--secret-file", key],
        [&[url.as_str()], &service_principal[..]].concat(),
    ] {
        for more in [&[][..], &["--json"]] {
            let arguments = [&["check"], &arguments[..], more].concat();
            let output = longshore.command(&arguments)?;
            ensure!(matches!(output.status.code(), Some(0 | 3)), "{output:?}");
            ensure!(output.stdout.len() > 100, "{output:?}");
            said += &stdout(&output);
            said += &String::from_utf8_lossy(&output.stderr);
        }
    }
    said += &fs::read_to_string(longshore.data_dir.join("longshore.log"))?;

    let mut secrets = vec![header.to_owned()];
    for case in &cases {
        secrets.extend(lab.secrets(case).await?);
    }
    ensure!(secrets.len() > 20, "{}", secrets.len());
    for secret in &secrets {
        ensure!(!said.contains(secret), "{secret} is shown");
    }
    // The beginning of every access token.
    ensure!(!said.contains("eyJ"), "a token is shown");
    ensure!(said.contains("contosodata"), "nothing was said");
    Ok(())
}
