//! Connect to Azure, as the customer's people press it: the owner begins, the administrator signs in
//! and consents, and runs the commands that Longshore prints until every role acts.

use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};
use testkit::{FixCommand, LocalAzure, Longshore, Person, eventually};

use crate::{
    report::say,
    ways::{ANNOTATIONS, Customer, MEDIA, TASKS},
};

/// The whole way, without a browser but by the same pages.
///
/// # Errors
/// Where it stopped, with the page that said so.
pub async fn connect(
    azure: &LocalAzure,
    longshore: &Longshore,
    customer: &Customer,
) -> anyhow::Result<()> {
    let administrator = &customer.administrator;
    let owner = Person::owner(longshore).await?;
    let sign_in = owner.begin_connect().await?;
    let back = azure.decide_at_entra(&sign_in, administrator, "sign_in");
    let consent = owner.come_back(&back.await?).await?.away()?;
    say(&format!(
        "      {administrator} signed in, which proves the tenant"
    ));
    let back = azure.decide_at_entra(&consent, administrator, "accept");
    owner.come_back(&back.await?).await?.here()?;
    let link = eventually("the Azure link", Duration::from_secs(60), async || {
        let found = longshore
            .post("/api/azure-links/pending/check", &json!({}))
            .await?
            .expect(200)?;
        Ok(found["links"].get(0).cloned())
    })
    .await?;
    let text = |field: &str| link[field].as_str().unwrap_or("unknown");
    say(&format!(
        "      consented: service principal {} in tenant {}",
        text("principal_object_id"),
        text("tenant_id")
    ));
    for (container, purpose) in [(MEDIA, "read"), (TASKS, "read"), (ANNOTATIONS, "export")] {
        grant(azure, longshore, customer, &link, (container, purpose)).await?;
    }
    say("      the printed az commands were run, and every role acts");
    Ok(())
}

/// Runs what the grants page prints for a container, and waits until it is green.
async fn grant(
    azure: &LocalAzure,
    longshore: &Longshore,
    customer: &Customer,
    link: &Value,
    (container, purpose): (&str, &str),
) -> anyhow::Result<()> {
    let tenant = link["tenant_id"].as_str().context("tenant_id")?;
    let path = format!(
        "/api/azure-links/{tenant}/grants?account={}&container={container}&purpose={purpose}",
        customer.account.name
    );
    let grants = longshore.get(&path).await?.expect(200)?;
    for command in grants["az"].as_str().context("az")?.lines() {
        FixCommand::parse(command)?.apply(azure, tenant).await?;
    }
    eventually(
        &format!("the roles on {container}"),
        Duration::from_secs(60),
        async || {
            let grants = longshore.get(&path).await?.expect(200)?;
            Ok((grants["granted"] == true).then_some(()))
        },
    )
    .await
}
