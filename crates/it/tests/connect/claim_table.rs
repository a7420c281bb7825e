//! The table of docs/azure-links.md, cell by cell, through every door: who linked, who is on the
//! container, what was proven there, and what is given then.

use reqwest::Method;
use serde_json::{Value, json};
use testkit::{DirectoryRole, Role};

use super::{Stage, organization::Organization};

/// In every container; nobody names the second one, so only a listing shows it.
const NAMED: &str = "named.png";
const UNNAMED: &str = "known-only-by-listing.png";

/// Who is on the container already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum There {
    Nobody,
    /// Another organization holds it: its link is proven, and it was there first.
    HeldByName,
    /// Another organization holds it by the marker.
    HeldByMarker,
    /// Another organization has a storage there with a key of its own.
    StorageByKey,
    /// Another organization held it until it unlinked.
    GivenUp,
    /// There is no such container.
    Missing,
    /// The service principal has no role there.
    Unreadable,
}

const STATES: [There; 7] = [
    There::Nobody,
    There::HeldByName,
    There::HeldByMarker,
    There::StorageByKey,
    There::GivenUp,
    There::Missing,
    There::Unreadable,
];

/// How an organization came to its link; whether that proves it.
const LINKS: [(&str, bool); 9] = [
    ("nolink", false),
    ("unlinked", false),
    ("member", false),
    ("helpdesk", false),
    ("untold", false),
    ("administrator", true),
    ("cloudapp", true),
    ("operators", true),
    ("agreed", true),
];

/// The others who are there first.
struct Others {
    holder: Organization,
    prover: Organization,
    keyed: Organization,
    leaver: Organization,
}

impl Others {
    async fn arrange(stage: &Stage) -> anyhow::Result<Self> {
        let others = Self {
            holder: Organization::create(stage, "holder")?,
            prover: Organization::create(stage, "prover")?,
            keyed: Organization::create(stage, "keyed")?,
            leaver: Organization::create(stage, "leaver")?,
        };
        let owner = others.holder.owner(stage).await?;
        stage.decide(&owner, &stage.ada, "accept").await?;
        others.prover.link(stage, &stage.mel).await?;
        others.leaver.link(stage, &stage.ada).await?;
        let link = others.holder.its_link(stage).await?;
        let (azure, account) = (&stage.world.azure, &stage.world.account);
        for (by, there) in cells() {
            let name = name_of(by, there);
            if there == There::Missing {
                continue;
            }
            let blobs = [(NAMED, "x"), (UNNAMED, "x")];
            stage.world.container(&name, &blobs).await?;
            if there != There::Unreadable {
                let scope = account.container_scope(&name);
                azure
                    .assign_role(stage.principal(&link), Role::DataContributor, &scope)
                    .await?;
            }
            let held = match there {
                There::HeldByName => others.holder.claim(stage, &name).await?,
                There::GivenUp => others.leaver.claim(stage, &name).await?,
                There::HeldByMarker => others.prover.prove(stage, &name).await?,
                There::StorageByKey => {
                    others.keyed.attach_by_key(stage, &name).await?;
                    continue;
                }
                There::Nobody | There::Missing | There::Unreadable => continue,
            };
            assert_eq!(held.expect(200)?["state"], "held", "{name}");
        }
        others.leaver.unlink(stage).await?;
        Ok(others)
    }
}

fn cells() -> impl Iterator<Item = (&'static str, There)> {
    LINKS
        .iter()
        .flat_map(|(by, _)| STATES.map(|there| (*by, there)))
}

/// A container for this cell alone.
fn name_of(link: &str, there: There) -> String {
    format!("{link}-{}", format!("{there:?}").to_lowercase())
}

/// The organization of this row, with its link.
async fn linked(stage: &Stage, others: &Others, by: &str) -> anyhow::Result<Organization> {
    if by == "operators" {
        stage.run(&["azure-link", "add", "--tenant-id", &stage.world.tenant])?;
        return Ok(Organization::operators());
    }
    let azure = &stage.world.azure;
    let organization = Organization::create(stage, by)?;
    match by {
        "nolink" => {}
        "unlinked" => {
            organization.link(stage, &stage.ada).await?;
            organization.unlink(stage).await?;
        }
        "administrator" => drop(organization.link(stage, &stage.ada).await?),
        "helpdesk" | "cloudapp" => {
            let role = match by {
                "helpdesk" => DirectoryRole::HelpdeskAdministrator,
                _ => DirectoryRole::CloudApplicationAdministrator,
            };
            let who = azure.create_user(&stage.world.tenant, by, role).await?;
            organization.link(stage, &who).await?;
        }
        "untold" => {
            // The registration does not ask for the claim, so not even an administrator proves it.
            azure.tell_roles(&stage.app, false).await?;
            organization.link(stage, &stage.ada).await?;
            azure.tell_roles(&stage.app, true).await?;
        }
        _ => drop(organization.link(stage, &stage.mel).await?),
    }
    if by == "agreed" {
        others
            .holder
            .agree(stage, &organization, true)
            .await?
            .expect(200)?;
    }
    Ok(organization)
}

/// Every door to a container.
const DOORS: [&str; 8] = [
    "grants", "check", "files", "resolve", "claim", "validate", "target", "source",
];

/// Tries every door to a container; which opened, and what all of them said.
async fn doors(
    stage: &Stage,
    by: &Organization,
    project: i64,
    container: &str,
) -> anyhow::Result<(Vec<&'static str>, String)> {
    let form = by.form(stage, project, container);
    let mut target = form.clone();
    target["prefix"] = json!("exports");
    let base = "/api/storages/azure_link";
    let (account, tenant) = (&stage.world.account.name, &stage.world.tenant);
    let grants =
        format!("/api/azure-links/{tenant}/grants?account={account}&container={container}");
    let named = by
        .task(stage, project, &format!("{container}/{NAMED}"))
        .await?;
    let mut open = Vec::new();
    let mut said = String::new();
    for door in DOORS {
        let answer = match door {
            "grants" => by.ask(stage, Method::GET, &grants, None).await?,
            "check" => by.post(stage, "/api/check", &form).await?,
            "files" => by.post(stage, &format!("{base}/files"), &form).await?,
            "resolve" => by.ask(stage, Method::GET, &named, None).await?,
            "claim" => by.claim(stage, container).await?,
            "validate" => by.post(stage, &format!("{base}/validate"), &form).await?,
            "target" => {
                by.post(stage, "/api/storages/export/azure_link", &target)
                    .await?
            }
            _ => by.post(stage, base, &form).await?,
        };
        let has = |list: &str, fields: &[(&str, &str)]| {
            let said: Value = serde_json::from_str(&answer.text).unwrap_or_default();
            let items = said[list].as_array().cloned().unwrap_or_default();
            let is_so = |item: &Value| fields.iter().all(|(name, value)| item[*name] == *value);
            items.iter().any(is_so)
        };
        // A check and the grants answer 200 whatever they found.
        let is_open = match door {
            "grants" => has("roles", &[("state", "granted")]),
            "check" => has("steps", &[("id", "list"), ("state", "passed")]),
            "claim" => answer.text.contains("\"held\""),
            _ => answer.status < 300,
        };
        if is_open {
            open.push(door);
        }
        // The name that was asked for may come back; what only Azure knows may not.
        said += &answer.text;
    }
    Ok((open, said))
}

/// The requests with a token that reached the container, but for looks for the marker.
async fn requests_to(stage: &Stage, container: &str) -> anyhow::Result<Vec<Value>> {
    let azure = &stage.world.azure;
    let seen = azure
        .control(Method::GET, "/requests", &Value::Null)
        .await?;
    let seen = seen.as_array().cloned().unwrap_or_default();
    let is_of_it = |request: &Value| {
        let path = request["path"].as_str().unwrap_or_default();
        path.contains(container)
            && request["credential"] == "bearer"
            && !(request["method"] == "HEAD" && path.contains("/.longshore-claim-"))
    };
    Ok(seen.into_iter().filter(is_of_it).collect())
}

#[tokio::test]
async fn every_cell_of_the_table_gives_what_it_says_and_nothing_else() -> anyhow::Result<()> {
    let stage = Stage::start().await?;
    let others = Others::arrange(&stage).await?;
    for (by, is_proven) in LINKS {
        let organization = linked(&stage, &others, by).await?;
        let project = organization.project(&stage).await?;
        for there in STATES {
            let cell = name_of(by, there);
            let can_be_read = !matches!(there, There::Missing | There::Unreadable);
            let azure = &stage.world.azure;
            azure
                .control(Method::DELETE, "/requests", &Value::Null)
                .await?;

            // By naming it.
            let (open, said) = doors(&stage, &organization, project, &cell).await?;
            if is_proven && there == There::Nobody {
                assert_eq!(open, DOORS, "{cell}: {said}");
            } else {
                assert_eq!(open, [""; 0], "{cell}: {said}");
                assert!(!said.contains(UNNAMED), "{cell}: {said}");
            }
            if !is_proven || can_be_read && there != There::Nobody {
                let requests = requests_to(&stage, &cell).await?;
                assert_eq!(requests, Vec::<Value>::new(), "{cell}");
            }

            // With the marker. Nobody writes one into what is not there; and who has no link, or has
            // a proven one where nobody else is, is told what stands in the way, and no marker.
            let is_told = !matches!(by, "nolink" | "unlinked")
                && (can_be_read || !is_proven && there == There::Unreadable);
            if !is_told {
                continue;
            }
            organization.prove(&stage, &cell).await?;
            let (open, said) = doors(&stage, &organization, project, &cell).await?;
            match can_be_read {
                true => assert_eq!(open, DOORS, "{cell} with the marker: {said}"),
                false => assert_eq!(open, [""; 0], "{cell} with the marker: {said}"),
            }
        }
    }
    // Whoever was there goes on as before.
    for (by, _) in LINKS {
        for (holder, there) in [
            (&others.holder, There::HeldByName),
            (&others.prover, There::HeldByMarker),
        ] {
            let claim = holder.claim(&stage, &name_of(by, there)).await?;
            assert_eq!(claim.expect(200)?["state"], "held", "{by} {there:?}");
        }
    }
    Ok(())
}
