//! Thumbnails: who gets one, of what, how often Azure is asked, and what is said instead.

use std::io::Cursor;

use engine::{AuditQuery, Blank, Engine, MediaKind, Thumbnail};
use image::{DynamicImage, GenericImageView as _, ImageFormat, Rgb, RgbImage};
use local_azure::{
    blob::PublicAccess,
    state::{AccountSettings, FaultKind},
};
use model::{Actor, Project, Task, TaskId};
use serde_json::json;

use crate::{
    azure_world,
    world::{ACCOUNT, World, is_not_found, uri},
};

fn png(width: u32, height: u32, red: u8) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let picture: DynamicImage = RgbImage::from_pixel(width, height, Rgb([red, 0, 0])).into();
    picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

async fn task_of(world: &World, project: &Project, blob: &str) -> Task {
    let data = json!({"image": uri(ACCOUNT, "inbox", blob)});
    world.tasks(project, &[data]).await.remove(0)
}

async fn key(engine: &Engine, actor: &Actor, task: TaskId) -> String {
    match engine.thumbnail(actor, task).await.unwrap() {
        Thumbnail::Picture { key } => key,
        other => panic!("no picture: {other:?}"),
    }
}

async fn at_hand(world: &World, project: &Project, tasks: &[Task]) -> Vec<Option<Thumbnail>> {
    let found = world
        .engine
        .thumbnails_at_hand(&world.owner, project, tasks);
    let found = found.await.unwrap().into_iter();
    found.map(|tile| tile.thumbnail).collect()
}

async fn blank(world: &World, task: TaskId) -> Blank {
    match world.engine.thumbnail(&world.owner, task).await.unwrap() {
        Thumbnail::Blank(blank) => blank,
        other => panic!("drawn: {other:?}"),
    }
}

#[tokio::test]
async fn a_picture_is_drawn_once_and_kept() {
    let world = World::start().await;
    let project = world.project(&world.owner).await;
    world.put("inbox", "in/a.png", png(900, 300, 200)).await;
    world
        .source(&project, |input| {
            (input.prefix, input.presign) = (Some("in".to_owned()), Some(true));
        })
        .await;
    let task = task_of(&world, &project, "in/a.png").await;
    let tasks = std::slice::from_ref(&task);
    world.azure.state().clear_requests();
    assert_eq!(at_hand(&world, &project, tasks).await, [None]);
    assert_eq!(world.blob_requests().len(), 0, "at hand asks Azure nothing");

    let first = key(&world.engine, &world.owner, task.id).await;
    // Whose version no sync knows: HEAD, then GET.
    assert_eq!(world.blob_requests().len(), 2);
    assert_eq!(key(&world.engine, &world.owner, task.id).await, first);
    assert_eq!(
        at_hand(&world, &project, tasks).await,
        [Some(Thumbnail::Picture { key: first.clone() })]
    );
    let picture = world
        .engine
        .thumbnail_picture(&world.owner, task.id, &first);
    let picture = image::load_from_memory(&picture.await.unwrap()).unwrap();
    assert_eq!(picture.dimensions(), (320, 107));
    assert_eq!(world.blob_requests().len(), 2, "kept");

    // It is another one now, which is noticed after some minutes.
    world.put("inbox", "in/a.png", png(100, 100, 10)).await;
    assert_eq!(key(&world.engine, &world.owner, task.id).await, first);
    world.clock.advance_ms(5 * 60_000);
    let second = key(&world.engine, &world.owner, task.id).await;
    assert_ne!(second, first);
    let old = world
        .engine
        .thumbnail_picture(&world.owner, task.id, &first);
    assert!(is_not_found(&old.await));
    let new = world
        .engine
        .thumbnail_picture(&world.owner, task.id, &second);
    let new = image::load_from_memory(&new.await.unwrap()).unwrap();
    assert_eq!(new.dimensions(), (100, 100));

    let query = AuditQuery {
        limit: 100,
        ..AuditQuery::default()
    };
    let entries = world.engine.list_audit(&world.owner, &query).await.unwrap();
    let reads = entries.iter().filter(|entry| entry.action == "blob.read");
    assert_eq!(reads.count(), 2, "each reading of the blob is told");
}

#[tokio::test]
async fn the_sync_tells_which_version_it_is() {
    let world = azure_world::World::start().await;
    world.container("media").await;
    world.put("media", "a.png", png(10, 10, 1)).await;
    let storage = world.source(world.form("media")).await;
    world.sync(storage).await;
    let task = world.task_ids().await[0];
    world.azure.state().clear_requests();
    let first = key(&world.engine, &world.owner, task).await;
    assert_eq!(world.azure.state().requests().len(), 1, "GET alone");

    // Changed behind the sync's back: the one that is there now is drawn, under its own key.
    world.put("media", "b.png", png(10, 10, 2)).await;
    world.sync(storage).await;
    let other = world.task_ids().await[1];
    world.put("media", "b.png", png(20, 20, 3)).await;
    let changed = key(&world.engine, &world.owner, other).await;
    let picture = world
        .engine
        .thumbnail_picture(&world.owner, other, &changed);
    let picture = image::load_from_memory(&picture.await.unwrap()).unwrap();
    assert_eq!(picture.dimensions(), (20, 20));

    // And one that was drawn before is drawn again after the next sync.
    world.put("media", "a.png", png(30, 30, 4)).await;
    world.sync(storage).await;
    let second = key(&world.engine, &world.owner, task).await;
    assert_ne!(first, second);
}

#[tokio::test]
async fn who_may_not_resolve_the_blob_gets_no_thumbnail() {
    let world = World::start().await;
    let project = world.project(&world.owner).await;
    for blob in ["in/a.png", "secret/b.png"] {
        world.put("inbox", blob, png(9, 9, 9)).await;
    }
    world
        .source(&project, |input| input.prefix = Some("in".to_owned()))
        .await;
    let inside = task_of(&world, &project, "in/a.png").await;
    let outside = task_of(&world, &project, "secret/b.png").await;
    let climbing = task_of(&world, &project, "in/../secret/b.png").await;
    let key = key(&world.engine, &world.owner, inside.id).await;
    world.azure.state().clear_requests();
    for task in [&outside, &climbing] {
        assert!(is_not_found(
            &world.engine.thumbnail(&world.owner, task.id).await
        ));
        let picture = world.engine.thumbnail_picture(&world.owner, task.id, &key);
        assert!(is_not_found(&picture.await), "another task's key");
    }
    let stranger = world.stranger().await;
    assert!(is_not_found(
        &world.engine.thumbnail(&stranger, inside.id).await
    ));
    let picture = world.engine.thumbnail_picture(&stranger, inside.id, &key);
    assert!(is_not_found(&picture.await));
    let theirs =
        world
            .engine
            .thumbnails_at_hand(&stranger, &project, std::slice::from_ref(&inside));
    assert!(is_not_found(&theirs.await));
    assert_eq!(world.blob_requests(), Vec::<String>::new());
}

#[tokio::test]
async fn what_another_organization_has_seen_is_not_shown_from_the_cache() {
    let world = World::start().await;
    let project = world.project(&world.owner).await;
    world.put("inbox", "a.png", png(9, 9, 9)).await;
    world.source(&project, |_| ()).await;
    let ours = task_of(&world, &project, "a.png").await;
    let key_of_ours = key(&world.engine, &world.owner, ours.id).await;

    // Another organization without any credential names the same blob.
    let stranger = world.stranger().await;
    let theirs = world.project(&stranger).await;
    let body = json!([{"image": uri(ACCOUNT, "inbox", "a.png")}]).to_string();
    let imported = world
        .engine
        .import_tasks(&stranger, theirs.id, body.as_bytes())
        .await
        .unwrap();
    let task = imported.task_ids[0];
    let thumbnail = world.engine.thumbnail(&stranger, task).await;
    assert!(is_not_found(&thumbnail), "{thumbnail:?}");
    let picture = world
        .engine
        .thumbnail_picture(&stranger, task, &key_of_ours);
    assert!(is_not_found(&picture.await));

    // What is public is drawn, for as long as it is public, and under a key of their own.
    let state = world.azure.state();
    let allow = |settings: &mut AccountSettings| settings.allow_public_access = true;
    state.change_account(ACCOUNT, allow).unwrap();
    let blobs = state.blobs();
    let open = blobs.set_public_access(ACCOUNT, "inbox", PublicAccess::Blob);
    open.await.unwrap();
    let key_of_theirs = key(&world.engine, &stranger, task).await;
    assert_ne!(key_of_theirs, key_of_ours);
    let close = blobs.set_public_access(ACCOUNT, "inbox", PublicAccess::None);
    close.await.unwrap();
    assert!(is_not_found(&world.engine.thumbnail(&stranger, task).await));
    let picture = world
        .engine
        .thumbnail_picture(&stranger, task, &key_of_theirs);
    assert!(is_not_found(&picture.await));
    assert_eq!(
        key(&world.engine, &world.owner, ours.id).await,
        key_of_ours,
        "who has a credential still sees it"
    );
}

#[tokio::test]
async fn what_is_not_drawn_says_why() {
    let world = World::start().await;
    let project = world.project(&world.owner).await;
    world.source(&project, |_| ()).await;
    let mut bomb = png(1, 1, 1);
    bomb[16..24].copy_from_slice(&[0, 0, 0x4e, 0x20, 0, 0, 0x4e, 0x20]);
    // The checksum of a header that claims 20,000 by 20,000.
    let crc = !bomb[12..29].iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
        })
    });
    bomb[29..33].copy_from_slice(&crc.to_be_bytes());
    let half = png(300, 300, 1);
    for (name, bytes, expected) in [
        ("bomb.png", bomb, "20000 by 20000 pixels"),
        ("half.png", half[..half.len() / 2].to_vec(), "broken"),
        ("large.jpg", vec![0; (32 << 20) + 1], "the limit is 32 MiB"),
        ("long.wav", vec![0; (16 << 20) + 1], "the limit is 16 MiB"),
        ("noise.mp3", vec![7; 2_000], "here"),
        ("no.jpg", b"hello".to_vec(), "not a picture"),
        ("none.png", Vec::new(), "empty"),
        ("drawing.svg", b"<svg/>".to_vec(), "scripts"),
        ("binary.txt", vec![0, 1, 2], "binary"),
    ] {
        world.put("inbox", name, bytes).await;
        let task = task_of(&world, &project, name).await;
        let reason = blank(&world, task.id).await.reason.unwrap_or_default();
        assert!(reason.contains(expected), "{name}: {reason}");
        assert!(reason.ends_with('.'), "{name}: {reason}");
    }
    let gone = task_of(&world, &project, "gone.png").await;
    let reason = blank(&world, gone.id).await.reason.unwrap();
    assert!(reason.contains("does not exist"), "{reason}");
    world.azure.state().clear_requests();
    blank(&world, gone.id).await;
    assert_eq!(world.blob_requests().len(), 0, "told again without asking");
    world.put("inbox", "gone.png", png(5, 5, 5)).await;
    world.clock.advance_ms(60_000);
    key(&world.engine, &world.owner, gone.id).await;
}

#[tokio::test]
async fn a_refused_credential_is_told_in_the_checks_words_until_it_is_changed() {
    let world = World::start().await;
    let project = world.project(&world.owner).await;
    world.put("inbox", "a.png", png(5, 5, 5)).await;
    let storage = world.source(&project, |_| ()).await;
    let task = task_of(&world, &project, "a.png").await;
    world.fault(
        "a.png",
        FaultKind::Status {
            status: 403,
            code: Some("AuthorizationFailure".to_owned()),
            retry_after_s: None,
        },
        1,
    );
    let reason = blank(&world, task.id).await.reason.unwrap();
    assert!(reason.contains(ACCOUNT), "{reason}");
    // A changed storage is tried at once.
    let change = engine::StorageInput {
        title: Some("Again".to_owned()),
        ..engine::StorageInput::default()
    };
    world
        .engine
        .update_storage(&world.owner, storage.storage_type(), storage.id, &change)
        .await
        .unwrap();
    key(&world.engine, &world.owner, task.id).await;
}

#[tokio::test]
async fn texts_recordings_videos_and_documents() {
    let world = World::start().await;
    let project = world.project(&world.owner).await;
    world.source(&project, |_| ()).await;
    let mut html = b"<script>alert(1)</script>\nsecond".to_vec();
    html.extend(vec![b'x'; 100_000]);
    let mut wav = b"RIFF\x24\x40\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data\0\x40\0\0".to_vec();
    wav.extend((0..8_192_i16).flat_map(|at| (at % 100 * 300).to_le_bytes()));
    for (name, bytes) in [
        ("a.html", html),
        ("a.wav", wav),
        ("a.mp4", vec![1]),
        ("a.pdf", vec![1]),
    ] {
        world.put("inbox", name, bytes).await;
    }
    let text = task_of(&world, &project, "a.html").await;
    let Thumbnail::Lines(lines) = world.engine.thumbnail(&world.owner, text.id).await.unwrap()
    else {
        panic!("no lines")
    };
    assert_eq!(lines[0], "<script>alert(1)</script>");
    assert!(lines[1].starts_with("second") && lines[1].len() == 80);

    let sound = task_of(&world, &project, "a.wav").await;
    let drawn = world
        .engine
        .thumbnail(&world.owner, sound.id)
        .await
        .unwrap();
    let Thumbnail::Waveform(waveform) = &drawn else {
        panic!("{drawn:?}")
    };
    assert!((waveform.seconds - 1.024).abs() < 1e-9 && waveform.bars.contains(&100));
    let tasks = [text, sound];
    let known = at_hand(&world, &project, &tasks).await;
    assert_eq!(known, [Some(Thumbnail::Lines(lines)), Some(drawn)]);

    world.azure.state().clear_requests();
    let video = task_of(&world, &project, "a.mp4").await;
    let pdf = task_of(&world, &project, "a.pdf").await;
    let own = [json!({"image": "https://example.com/x.png"})];
    let own = world.tasks(&project, &own).await.remove(0);
    let tasks = [video, pdf, own];
    let known = at_hand(&world, &project, &tasks).await;
    match &known[..] {
        [
            Some(Thumbnail::Video { address }),
            Some(Thumbnail::Blank(pdf)),
            Some(Thumbnail::Blank(elsewhere)),
        ] => {
            let prefix = format!("/tasks/{}/resolve/?fileuri=", tasks[0].id);
            assert!(address.starts_with(&prefix), "{address}");
            assert_eq!((pdf.kind, &pdf.reason), (MediaKind::Pdf, &None));
            assert_eq!(elsewhere.kind, MediaKind::Image);
            assert!(
                elsewhere
                    .reason
                    .as_ref()
                    .unwrap()
                    .contains("not that of a blob")
            );
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(world.blob_requests(), Vec::<String>::new());
}
