//! Longshore speaks to the operator's cloud only: whatever a customer types, no request leaves for
//! an address of theirs.

use std::{
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use reqwest::Method;
use serde_json::{Value, json};
use testkit::Longshore;

use crate::world::{IMAGE_CONFIG, World};

/// A listener of an attacker's, and how many connections it has got.
struct Trap {
    address: String,
    connections: Arc<AtomicUsize>,
}

impl Trap {
    fn set() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?.to_string();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = connections.clone();
        // It ends with the test's process.
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                counted.fetch_add(1, Ordering::SeqCst);
                drop(connection);
            }
        });
        Ok(Self {
            address,
            connections,
        })
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn no_request_leaves_for_an_address_that_a_customer_typed() -> anyhow::Result<()> {
    let world = World::start().await?;
    let longshore = &world.longshore;
    world.container("media", &[("a.png", "x")]).await?;
    let trap = Trap::set()?;
    let there = &trap.address;
    let project = world.project(IMAGE_CONFIG).await?;

    // The trap works: what does connect is counted.
    let client = reqwest::Client::builder().no_proxy().build()?;
    assert!(client.get(format!("http://{there}/")).send().await.is_err());
    assert!(trap.connections() > 0);
    let before = trap.connections();

    let evil = [
        there.clone(),
        format!("{there}/"),
        format!("http://{there}/x"),
        format!("x@{there}/"),
        format!("x.{there}"),
        format!("x#@{there}"),
        format!("..%2f..%2f@{there}"),
        format!("x\r\nHost: {there}"),
    ];
    for text in &evil {
        for field in [
            "account_name",
            "container",
            "prefix",
            "tenant_id",
            "client_id",
        ] {
            let mut body = world.by_key(project, "media", json!({}));
            let kind = if matches!(field, "tenant_id" | "client_id") {
                if let Some(fields) = body.as_object_mut() {
                    fields.remove("account_key");
                }
                for (name, value) in [
                    ("tenant_id", world.tenant.as_str()),
                    ("client_id", "00000000-0000-4000-8000-000000000000"),
                    ("client_secret", "a~secret"),
                ] {
                    body[name] = value.into();
                }
                "azure_spi"
            } else {
                "azure"
            };
            body[field] = text.as_str().into();
            let answer = longshore
                .post(&format!("/api/storages/{kind}/validate"), &body)
                .await?;
            assert!(answer.status < 500, "{field} {text:?}: {}", answer.text);
            if field != "prefix" {
                assert_eq!(answer.status, 400, "{field} {text:?}: {}", answer.text);
            }
        }
        let mut sas = world.by_key(project, "media", json!({}));
        if let Some(fields) = sas.as_object_mut() {
            fields.remove("account_key");
        }
        sas["sas_token"] = format!("https://{text}/c?sv=2026-04-06&sig=x").into();
        let answer = longshore
            .post("/api/storages/azure_sas/validate", &sas)
            .await?;
        assert!((400..500).contains(&answer.status), "{}", answer.text);

        let check = json!({"url": format!("http://{text}/c/b"), "type": "azure_sas"});
        let answer = longshore.post("/api/check", &check).await?;
        assert_eq!(answer.status, 400, "{}", answer.text);
        assert_eq!(
            resolved(longshore, project, &format!("http://{text}/c/b")).await?,
            404
        );
        let suffixed = format!("https://{text}.blob.core.windows.net@{there}/c/b");
        assert_eq!(resolved(longshore, project, &suffixed).await?, 404);
    }
    assert_eq!(
        trap.connections(),
        before,
        "a request left for the attacker"
    );
    Ok(())
}

/// The status of resolving an address that a task really names.
async fn resolved(longshore: &Longshore, project: i64, address: &str) -> anyhow::Result<u16> {
    let body = json!({"project": project, "data": {"image": address}});
    let task: Value = longshore.post("/api/tasks", &body).await?.expect(201)?;
    let request = longshore
        .request(Method::GET, &format!("/tasks/{}/resolve", task["id"]))
        .query(&[("fileuri", address)]);
    Ok(Longshore::answer(request).await?.status)
}
