//! What a person finds when the demo serves on: five projects of different kinds to label, and a
//! second company that is not connected yet, to do all of it by hand.

use anyhow::Context;
use serde_json::json;
use testkit::{DirectoryRole, LocalAzure, Longshore};

use crate::{
    media::Media,
    portal::Company,
    ways::{ANNOTATIONS, Customer, MEDIA, TASKS},
};

/// The second company's domain and account.
const DOMAIN: &str = "fabrikam.example";
const ACCOUNT: &str = "fabrikamdata";

/// A project to label: title, prefix of its blobs, labeling config.
const KINDS: [(&str, &str, &str); 5] = [
    (
        "Texts: mark names and places",
        "text/",
        r#"<View><Labels name="label" toName="text"><Label value="Person"/><Label value="Place"/><Label value="Product"/></Labels><Text name="text" value="$text" valueType="url"/></View>"#,
    ),
    (
        "Video: follow things",
        "video/",
        r#"<View><Labels name="label" toName="video"><Label value="City"/><Label value="Cloud"/></Labels><Video name="video" value="$video"/><VideoRectangle name="box" toName="video"/></View>"#,
    ),
    (
        "Sounds: mark what is heard",
        "audio/",
        r#"<View><Labels name="label" toName="audio"><Label value="Effect"/><Label value="Silence"/></Labels><Audio name="audio" value="$audio"/></View>"#,
    ),
    (
        "Sprites: what is it?",
        "sprites/",
        r#"<View><Image name="image" value="$image"/><Choices name="kind" toName="image" showInLine="true"><Choice value="Creature"/><Choice value="Thing"/></Choices></View>"#,
    ),
    (
        "Photos: draw boxes",
        "photos/",
        r#"<View><Image name="image" value="$image" zoom="true"/><RectangleLabels name="label" toName="image"><Label value="Person"/><Label value="Animal"/><Label value="Object"/></RectangleLabels></View>"#,
    ),
];

/// Makes the five projects, each with its blobs imported by the Azure link and its annotations
/// going to `annotations/KIND/`.
///
/// # Errors
/// Longshore's refusal.
pub async fn projects(longshore: &Longshore, customer: &Customer) -> anyhow::Result<()> {
    for (title, prefix, config) in KINDS {
        let project = json!({"title": title, "label_config": config, "description": "Made by the demo, to be labeled by you."});
        let project = longshore
            .post("/api/projects/", &project)
            .await?
            .expect(201)?;
        let storage = |container: &str| {
            json!({
                "project": project["id"], "title": container, "account_name": customer.account.name,
                "container": container, "prefix": prefix, "tenant_id": customer.tenant_id(),
            })
        };
        let mut source = storage(MEDIA);
        source["use_blob_urls"] = json!(true);
        source["recursive_scan"] = json!(true);
        source["presign"] = json!(false);
        let source = longshore
            .post("/api/storages/azure_link", &source)
            .await?
            .expect(201)?;
        let sync = format!("/api/storages/azure_link/{}/sync", source["id"]);
        longshore.post(&sync, &json!({})).await?.expect(200)?;
        longshore
            .post("/api/storages/export/azure_link", &storage(ANNOTATIONS))
            .await?
            .expect(201)?;
    }
    Ok(())
}

/// The companies of the portal: the second one first, for it is the one to connect. Its tenant has
/// not consented, and its account holds the same media.
///
/// # Errors
/// The local Azure's refusal.
pub async fn companies(
    azure: &LocalAzure,
    media: &Media,
    customer: &Customer,
) -> anyhow::Result<Vec<Company>> {
    let tenant_id = azure.create_tenant(DOMAIN).await?;
    azure
        .create_user(&tenant_id, "grace", DirectoryRole::GlobalAdministrator)
        .await
        .context("the administrator")?;
    let account = azure.create_account(ACCOUNT, &tenant_id).await?;
    for container in [MEDIA, ANNOTATIONS] {
        azure.create_container(&account, container).await?;
    }
    for file in &media.files {
        azure
            .put_blob(
                &account,
                MEDIA,
                &file.blob_name,
                &file.content_type,
                file.bytes.clone(),
            )
            .await?;
    }
    let to_connect = Company {
        domain: DOMAIN,
        tenant_id,
        account,
        containers: vec![MEDIA, ANNOTATIONS],
    };
    let connected = Company {
        domain: "contoso.example",
        tenant_id: customer.tenant_id().to_owned(),
        account: customer.account.clone(),
        containers: vec![MEDIA, TASKS, ANNOTATIONS],
    };
    Ok(vec![to_connect, connected])
}

/// What to do next, for the person at the terminal.
pub fn instructions(url: &str, portal: &str) -> String {
    format!(
        "To label: open {url}, choose one of the five projects on top, press \"Label next task\".\n\
         The results: {portal} shows what is in the containers.\n\n\
         To connect to Azure by hand: {url}/settings/integrations, Connect to Azure, and at the local\n\
         Entra ID choose grace@{DOMAIN} (your browser warns of its certificate, which only this run\n\
         knows). The commands that Longshore then prints for the account {ACCOUNT}, container {MEDIA},\n\
         run at {portal}."
    )
}
