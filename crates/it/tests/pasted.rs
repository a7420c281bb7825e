//! Credentials as people paste them: one storage from every usual form, and a refusal that says what is wrong.

use serde_json::json;
use testkit::{Sas, SasScope};

use crate::world::{TEXT_CONFIG, World};

#[tokio::test]
async fn one_storage_from_every_form_of_a_sas() -> anyhow::Result<()> {
    let world = World::start().await?;
    world.container("media", &[("a.txt", "a")]).await?;
    let scope = SasScope::Container("media");
    let sas = Sas {
        permissions: "rl",
        scope,
        ..Sas::default()
    }
    .signed_by(&world.account);
    let sas = sas.trim_start_matches('?');
    let account = &world.account.name;
    let url = format!("https://{account}.blob.core.windows.net/media?{sas}");
    let own_url = format!("{}/{account}/media?{sas}", world.azure.endpoints.blob);
    let decoded = sas
        .replace("%2B", "+")
        .replace("%2F", "/")
        .replace("%3D", "=");
    for text in [
        sas.to_owned(),
        format!("?{sas}\r\n"),
        format!("\"{sas}\""),
        format!("{}\n{}", &sas[..30], &sas[30..]),
        sas.replace('&', "&amp;"),
        url.clone(),
        own_url,
        format!("{url}&restype=container&comp=list&prefix=b&timeout=30"),
        url.replace(
            '?',
            "?restype=container&comp=list&snapshot=2020-01-01T00:00:00Z&",
        ),
        format!(
            "BlobEndpoint=https://{account}.blob.core.windows.net/;SharedAccessSignature={sas}"
        ),
        decoded.clone(),
        decoded.replace('+', " "),
        sas.replace("%2B", "%252B"),
    ] {
        let project = world.project(TEXT_CONFIG).await?;
        let body = json!({
            "project": project, "account_name": account, "container": "media", "sas_token": text,
            "use_blob_urls": true, "presign": false,
        });
        let created = world
            .longshore
            .post("/api/storages/azure_sas", &body)
            .await?;
        assert_eq!(created.status, 201, "{text}: {}", created.text);
        assert!(!created.text.contains("sig="), "{}", created.text);
        let storage = format!("/api/storages/azure_sas/{}", created.expect(201)?["id"]);
        assert_eq!(world.sync(&storage).await?["status"], "completed", "{text}");
    }
    Ok(())
}

#[tokio::test]
async fn what_belongs_elsewhere_is_refused_by_name() -> anyhow::Result<()> {
    let world = World::start().await?;
    world.container("media", &[("a.txt", "a")]).await?;
    let project = world.project(TEXT_CONFIG).await?;
    let account = &world.account.name;
    let key = &world.account.key;
    for (kind, field, text, said) in [
        (
            "azure_sas",
            "sas_token",
            "https://other9.blob.core.windows.net/media?sv=1&sig=q7Zx".to_owned(),
            "other9",
        ),
        (
            "azure_sas",
            "sas_token",
            format!("https://{account}.blob.core.windows.net/other?sv=1&sig=q7Zx"),
            "\"other\"",
        ),
        (
            "azure_sas",
            "sas_token",
            format!("AccountName={account};AccountKey={key}"),
            "choose the account key",
        ),
        (
            "azure_sas",
            "sas_token",
            "sv=1&sr=bs&sig=q7Zx".to_owned(),
            "one snapshot",
        ),
        (
            "azure",
            "account_key",
            format!("AccountName=other9;AccountKey={key}"),
            "other9",
        ),
        (
            "azure",
            "account_key",
            format!("AccountName={account};SharedAccessSignature=sv=1&sig=q7Zx"),
            "choose the SAS token",
        ),
    ] {
        let body = json!({
            "project": project, "account_name": account, "container": "media", field: text,
            "use_blob_urls": true, "presign": false,
        });
        let answer = world
            .longshore
            .post(&format!("/api/storages/{kind}"), &body)
            .await?;
        assert_eq!(answer.status, 400, "{text}: {}", answer.text);
        let json: serde_json::Value = serde_json::from_str(&answer.text)?;
        let problems = json.to_string();
        assert!(problems.contains(field), "{problems}");
        assert!(
            problems.replace('\\', "").contains(said),
            "{said}: {problems}"
        );
        assert!(
            !problems.contains("q7Zx") && !problems.contains(key.as_str()),
            "{problems}"
        );
    }
    let quoted = format!(
        "\"DefaultEndpointsProtocol=https;AccountName={account};AccountKey={key};EndpointSuffix=core.windows.net\"\n"
    );
    let body = world.by_key(
        project,
        "media",
        json!({"account_key": quoted, "use_blob_urls": true}),
    );
    world.storage("/api/storages/azure", &body).await?;
    Ok(())
}
