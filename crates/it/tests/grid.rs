//! The grid of tasks through the front door: thumbnails, filters, and many tasks at once.

use anyhow::Context;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Answer, Longshore};

use crate::world::{IMAGE_CONFIG, TEXT_CONFIG, World};

/// A BMP of one colour.
fn picture(width: u32, height: u32, red: u8) -> Vec<u8> {
    let row = (width * 3).next_multiple_of(4);
    let size = row * height;
    let mut bmp = b"BM".to_vec();
    for number in [54 + size, 0, 54, 40, width, height] {
        bmp.extend(number.to_le_bytes());
    }
    bmp.extend([1, 0, 24, 0]);
    for number in [0, size, 2835, 2835, 0, 0] {
        bmp.extend(number.to_le_bytes());
    }
    let pixels = (0..size).map(|at| if at % row % 3 == 2 { red } else { 0 });
    bmp.extend(pixels);
    bmp
}

impl World {
    async fn put_picture(&self, name: &str, bytes: Vec<u8>) -> anyhow::Result<()> {
        self.azure
            .put_blob(&self.account, "media", name, "image/bmp", bytes)
            .await
    }

    async fn page(&self, path: &str) -> anyhow::Result<Answer> {
        Longshore::answer(self.longshore.request(Method::GET, path)).await
    }

    /// The address of the picture in a task's tile, asked for as the grid does.
    async fn picture_of(&self, task: &Value) -> anyhow::Result<String> {
        let part = self
            .page(&format!("/tasks/{}/thumbnail", task["id"]))
            .await?;
        anyhow::ensure!(part.status == 200, "{}", part.text);
        let address = part
            .text
            .split('"')
            .find(|text| text.starts_with("/tasks/"));
        Ok(address.context(part.text.clone())?.to_owned())
    }
}

async fn pictures(blobs: &[(&str, Vec<u8>)], more: Value) -> anyhow::Result<(World, String, i64)> {
    let world = World::start().await?;
    world.container("media", &[]).await?;
    for (name, bytes) in blobs {
        world.put_picture(name, bytes.clone()).await?;
    }
    let project = world.project(IMAGE_CONFIG).await?;
    let storage = world.source(project, "media", more).await?;
    world.sync(&storage).await?;
    Ok((world, storage, project))
}

#[tokio::test]
async fn a_picture_is_small_kept_and_new_when_the_blob_is() -> anyhow::Result<()> {
    // Also where browsers get the media from Azure itself.
    for presign in [false, true] {
        let blobs = [("a.bmp", picture(700, 500, 200))];
        let (world, storage, project) = pictures(&blobs, json!({"presign": presign})).await?;
        let task = world.tasks(project).await?.remove(0);
        let address = world.picture_of(&task).await?;
        let answer = world
            .longshore
            .request(Method::GET, &address)
            .send()
            .await?;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "image/jpeg");
        let cache = answer.headers()["cache-control"].to_str()?.to_owned();
        assert_eq!(cache, "private, no-cache", "the next person asks again");
        let etag = answer.headers()["etag"].to_str()?.to_owned();
        let jpeg = answer.bytes().await?;
        assert!(
            jpeg.starts_with(b"\xFF\xD8") && jpeg.len() < 20_000,
            "{}",
            jpeg.len()
        );
        let again = world
            .longshore
            .request(Method::GET, &address)
            .header("If-None-Match", &etag);
        let again = Longshore::answer(again).await?;
        assert_eq!((again.status, again.text.as_str()), (304, ""));
        assert_eq!(again.headers["cache-control"], "private, no-cache");
        let page = world.page(&format!("/projects/{project}")).await?;
        assert!(page.text.contains(&address), "in the first HTML now");

        world.put_picture("a.bmp", picture(60, 50, 10)).await?;
        world.sync(&storage).await?;
        let changed = world.picture_of(&task).await?;
        assert_ne!(changed, address);
        assert_eq!(world.page(&changed).await?.status, 200);
        assert_eq!(world.page(&address).await?.status, 404);
    }
    Ok(())
}

#[tokio::test]
async fn a_thumbnail_is_only_for_who_may_resolve_the_blob() -> anyhow::Result<()> {
    let blobs = [
        ("in/a.bmp", picture(9, 9, 1)),
        ("secret/b.bmp", picture(9, 9, 2)),
    ];
    let (world, _, project) = pictures(&blobs, json!({"prefix": "in"})).await?;
    let inside = world.tasks(project).await?.remove(0);
    let picture = world.picture_of(&inside).await?;
    let uri = format!(
        "https://{}.blob.core.windows.net/media/secret/b.bmp",
        world.account.name
    );
    let body = json!({"project": project, "data": {"image": uri}});
    let outside = world
        .longshore
        .post("/api/tasks", &body)
        .await?
        .expect(201)?;
    let key = picture.rsplit('/').next().unwrap_or_default();
    let part = format!("/tasks/{}/thumbnail", outside["id"]);
    assert_eq!(world.page(&part).await?.status, 404);
    assert_eq!(world.page(&format!("{part}/{key}")).await?.status, 404);
    // The page says so without asking.
    let page = world.page(&format!("/projects/{project}")).await?;
    assert!(
        page.text
            .contains("No storage of this project covers the blob.")
    );

    let other = "owner@other.example";
    let command = async |arguments: &[&str]| {
        let output = world.longshore.command(arguments)?;
        let text = String::from_utf8(output.stdout)?;
        anyhow::ensure!(output.status.success(), "{arguments:?}: {text}");
        Ok(text.lines().last().unwrap_or_default().to_owned())
    };
    command(&["organization", "create", "Other", "--owner", other]).await?;
    let other = command(&["token", "create", other]).await?;
    for path in [format!("/tasks/{}/thumbnail", inside["id"]), picture] {
        let theirs = world.longshore.anonymous(Method::GET, &path);
        let theirs = theirs.header("Authorization", format!("Token {other}"));
        assert_eq!(Longshore::answer(theirs).await?.status, 404, "{path}");
        let nobody = world.longshore.anonymous(Method::GET, &path);
        assert_eq!(Longshore::answer(nobody).await?.status, 401, "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn what_is_not_drawn_says_why_in_the_tile() -> anyhow::Result<()> {
    let blobs = [
        ("broken.bmp", picture(300, 300, 9)[..2_000].to_vec()),
        ("huge.bmp", vec![b'B'; (32 << 20) + 1]),
        ("claims.bmp", picture(1, 1, 1)),
        ("markup.html", b"<script>alert(1)</script>".to_vec()),
    ];
    let mut blobs = blobs.to_vec();
    blobs[2].1[18..26].copy_from_slice(&[0x20, 0x4e, 0, 0, 0x20, 0x4e, 0, 0]);
    let (world, _, project) = pictures(&blobs, json!({})).await?;
    for task in world.tasks(project).await? {
        let name = task["storage_filename"].as_str().context("name")?;
        let part = world
            .page(&format!("/tasks/{}/thumbnail", task["id"]))
            .await?;
        assert_eq!(part.status, 200, "{name}");
        let expected = match name {
            "broken.bmp" => "broken",
            "huge.bmp" => "32 MiB",
            "claims.bmp" => "20000 by 20000 pixels",
            _ => "alert(1)",
        };
        assert!(part.text.contains(expected), "{name}: {}", part.text);
        assert!(!part.text.contains("<script>"), "{}", part.text);
    }
    Ok(())
}

#[tokio::test]
async fn tasks_are_filtered_by_the_address_and_acted_on_together() -> anyhow::Result<()> {
    let world = World::start().await?;
    let project = world.project(TEXT_CONFIG).await?;
    let labeled = json!([{"from_name": "kind", "to_name": "text", "type": "choices", "value": {"choices": ["prose"]}}]);
    let tasks: Vec<Value> = (0..70)
        .map(|at| {
            let result = if at < 3 {
                json!([{"result": labeled}])
            } else {
                json!([])
            };
            json!({"data": {"text": format!("note {at} <i>")}, "annotations": result})
        })
        .collect();
    world
        .longshore
        .post(&format!("/api/projects/{project}/import"), &json!(tasks))
        .await?
        .expect(201)?;
    let page = async |query: &str| {
        let page = world.page(&format!("/projects/{project}{query}")).await?;
        anyhow::ensure!(page.status == 200, "{}", page.text);
        let tiles = page.text.matches("class=\"tile\"").count();
        anyhow::Ok((tiles, page.text))
    };
    let (count, first) = page("").await?;
    assert_eq!(count, 60);
    assert!(
        first.contains("note 0 &#60;i&#62;") || first.contains("note 0 &lt;i&gt;"),
        "escaped"
    );
    let next = first.split('"').find(|text| text.contains("after="));
    let next = next
        .context("no next page")?
        .replace("&#38;", "&")
        .replace("&amp;", "&");
    let (count, _) = page(next.trim_start_matches(&format!("/projects/{project}"))).await?;
    assert_eq!(count, 10);
    for (query, expected) in [
        ("?state=labeled", 3),
        ("?state=skipped", 0),
        ("?state=to-do&text=note+6", 11),
        ("?state=nonsense&annotator=x&after=y", 60),
        ("?text=NOTE+69", 1),
    ] {
        assert_eq!(page(query).await?.0, expected, "{query}");
    }

    let all = world.tasks(project).await?;
    let ids: Vec<&Value> = all.iter().map(|task| &task["id"]).collect();
    let act = async |id: &str, body: Value| {
        let path = format!("/api/dm/actions?id={id}&project={project}");
        world.longshore.post(&path, &body).await
    };
    let included = json!({"selectedItems": {"all": false, "included": [ids[0], ids[5]]}});
    let done = act("delete_tasks_annotations", included)
        .await?
        .expect(200)?;
    assert_eq!(
        done,
        json!({"processed_items": 1, "detail": "Deleted 1 annotations"})
    );
    let but = json!({"selectedItems": {"all": true, "excluded": [ids[1], ids[9]]}, "filters": {"conjunction": "and", "items": []}});
    let done = act("delete_tasks", but).await?.expect(200)?;
    assert_eq!(done["processed_items"], 68);
    assert_eq!(world.tasks(project).await?.len(), 2);
    for (id, body) in [
        ("delete_everything", json!({"selectedItems": {"all": true}})),
        ("delete_tasks", json!({})),
        ("delete_tasks", json!({"selectedItems": {"included": []}})),
        (
            "delete_tasks",
            json!({"selectedItems": {"all": true}, "filters": {"conjunction": "and", "items": [{"filter": "x"}]}}),
        ),
    ] {
        let refused = act(id, body.clone()).await?;
        assert_eq!(refused.status, 400, "{id} {body}: {}", refused.text);
    }
    assert_eq!(world.tasks(project).await?.len(), 2);
    Ok(())
}
