//! Listing, reading and writing, names and conditions included.

use azure::{
    ContainerClient, ErrorKind, GetRequest, GetResponse, GetStatus, ListRequest, PutCondition,
};
use model::{BlobUri, ContainerName};

use crate::world::{World, account, blob};

async fn put(data: &ContainerClient, name: &str, body: &'static str) -> String {
    data.put(&blob(name), body.into(), "text/plain", &PutCondition::None)
        .await
        .unwrap()
        .etag
}

#[tokio::test]
async fn odd_names_round_trip() {
    let world = World::start().await;
    let data = world.data(&world.key());
    let names = [
        "plain.png",
        "a//b",
        "./x",
        "a/../b",
        "a/./b",
        "/lead",
        "dir/",
        "50% #1?+&=;:@.json",
        "%2F",
        "%25",
        " blank ",
        "日本/🐈.png",
        "e\u{301}",
        "<&>\"'",
        "a\u{1}b",
        "~!$*(),[]{}|^`",
        "...",
        "a/..b/c",
    ];
    for name in names {
        put(&data, name, "x").await;
        let answer = data.get(&blob(name), &GetRequest::default()).await.unwrap();
        assert_eq!(answer.body.read_all(9).await.unwrap(), "x", "{name:?}");
        let uri = BlobUri {
            account: account(),
            container: ContainerName::parse("data").unwrap(),
            blob: blob(name),
            revision: None,
        };
        let cloud = world.cloud();
        assert_eq!(
            cloud.parse_blob_uri(&cloud.blob_uri(&uri)),
            Some(uri),
            "{name:?}"
        );
    }
    // The service makes a slash of a backslash.
    let mut expected = names.map(|name| name.replace('\\', "/"));
    expected.sort_unstable();
    let page = data.list(&ListRequest::default()).await.unwrap();
    let mut listed: Vec<&str> = page.blobs.iter().map(|blob| blob.name.as_str()).collect();
    listed.sort_unstable();
    assert_eq!(listed, expected);
    assert_eq!(
        world
            .local
            .state()
            .blobs()
            .names("acct1", "data")
            .await
            .unwrap()
            .len(),
        names.len()
    );
}

#[tokio::test]
async fn twelve_thousand_blobs_in_pages_that_resume() {
    let world = World::start().await;
    world
        .local
        .state()
        .blobs()
        .generate("acct1", "data", "set/", 12_000, 7)
        .await
        .unwrap();
    let (mut marker, mut names, mut pages) = (None, Vec::new(), 0);
    loop {
        // A new client each time: the marker is all that is carried over.
        let data = world.data(&world.key());
        let request = ListRequest {
            prefix: "set/",
            marker: marker.as_deref(),
            ..ListRequest::default()
        };
        let page = data.list(&request).await.unwrap();
        assert!(
            page.blobs
                .iter()
                .all(|blob| blob.size == 7 && !blob.etag.is_empty() && !blob.etag.contains('"'))
        );
        names.extend(page.blobs.into_iter().map(|blob| blob.name));
        pages += 1;
        marker = page.next_marker;
        if marker.is_none() {
            break;
        }
    }
    assert_eq!((pages, names.len()), (3, 12_000));
    assert!(names.is_sorted() && names[0] == "set/000000000");
}

#[tokio::test]
async fn one_level_of_folders() {
    let world = World::start().await;
    let data = world.data(&world.key());
    for name in ["a.txt", "dir/", "dir/b.txt", "dir/sub/c.txt", "other/d.txt"] {
        put(&data, name, if name.ends_with('/') { "" } else { "x" }).await;
    }
    let list = async |prefix, max_results| {
        let request = ListRequest {
            prefix,
            delimiter: Some('/'),
            max_results,
            ..ListRequest::default()
        };
        let page = data.list(&request).await.unwrap();
        let names: Vec<String> = page
            .blobs
            .iter()
            .map(|blob| {
                format!(
                    "{}{}",
                    blob.name,
                    if blob.is_folder_marker { "*" } else { "" }
                )
            })
            .collect();
        (
            names.join(" "),
            page.prefixes.join(" "),
            page.next_marker.is_some(),
        )
    };
    assert_eq!(
        list("", None).await,
        ("a.txt".to_owned(), "dir/ other/".to_owned(), false)
    );
    assert_eq!(
        list("dir/", None).await,
        ("dir/* dir/b.txt".to_owned(), "dir/sub/".to_owned(), false)
    );
    assert!(list("", Some(1)).await.2);
}

fn range(range: &str) -> GetRequest {
    GetRequest {
        range: Some(range.to_owned()),
        ..GetRequest::default()
    }
}

async fn summary(answer: GetResponse) -> (GetStatus, Option<String>, String) {
    let range = answer.content_range.clone();
    let body = answer.body.read_all(100).await.unwrap();
    (
        answer.status,
        range,
        String::from_utf8(body.to_vec()).unwrap(),
    )
}

#[tokio::test]
async fn ranges() {
    let world = World::start().await;
    let data = world.data(&world.key());
    put(&data, "ten", "0123456789").await;
    put(&data, "empty", "").await;
    for (name, header, status, content_range, body) in [
        (
            "ten",
            "bytes=0-3",
            GetStatus::Partial,
            Some("bytes 0-3/10"),
            "0123",
        ),
        (
            "ten",
            "bytes=8-",
            GetStatus::Partial,
            Some("bytes 8-9/10"),
            "89",
        ),
        (
            "ten",
            "bytes=8-99",
            GetStatus::Partial,
            Some("bytes 8-9/10"),
            "89",
        ),
        (
            "ten",
            "bytes=-3",
            GetStatus::Partial,
            Some("bytes 7-9/10"),
            "789",
        ),
        (
            "ten",
            "bytes=-30",
            GetStatus::Partial,
            Some("bytes 0-9/10"),
            "0123456789",
        ),
        ("ten", "bytes=0-0,2-3", GetStatus::Full, None, "0123456789"),
        ("ten", "bytes=5-2", GetStatus::Full, None, "0123456789"),
        (
            "ten",
            "bytes=10-",
            GetStatus::RangeNotSatisfiable,
            Some("bytes */10"),
            "",
        ),
        (
            "ten",
            "bytes=-0",
            GetStatus::RangeNotSatisfiable,
            Some("bytes */10"),
            "",
        ),
        (
            "empty",
            "bytes=-3",
            GetStatus::RangeNotSatisfiable,
            Some("bytes */0"),
            "",
        ),
        (
            "empty",
            "bytes=0-",
            GetStatus::RangeNotSatisfiable,
            Some("bytes */0"),
            "",
        ),
    ] {
        let answer = data.get(&blob(name), &range(header)).await.unwrap();
        let expected = (status, content_range.map(str::to_owned), body.to_owned());
        assert_eq!(summary(answer).await, expected, "{name} {header}");
    }
}

#[tokio::test]
async fn conditions_on_reading() {
    let world = World::start().await;
    let data = world.data(&world.key());
    let old = put(&data, "a", "old").await;
    let new = put(&data, "a", "0123456789").await;
    assert_ne!(old, new);
    let modified = data.head(&blob("a")).await.unwrap().last_modified.unwrap();
    let long_ago = "Thu, 01 Jan 2015 01:00:00 GMT";
    let quoted = |etag: &str| format!("\"{etag}\"");
    let weak = format!("W/\"{new}\"");
    let both = format!("\"x\", \"{new}\"");
    // range, if_match, if_none_match, if_modified_since, if_range
    for (conditions, expected) in [
        (
            [None, Some(new.as_str()), None, None, None],
            Ok(GetStatus::Full),
        ),
        (
            [None, Some(&quoted(&new)), None, None, None],
            Ok(GetStatus::Full),
        ),
        (
            [None, Some(&old), None, None, None],
            Err(ErrorKind::ConditionNotMet),
        ),
        (
            [None, None, Some(&quoted(&new)), None, None],
            Ok(GetStatus::NotModified),
        ),
        (
            [None, None, Some(&weak), None, None],
            Ok(GetStatus::NotModified),
        ),
        (
            [None, None, Some(&both), None, None],
            Ok(GetStatus::NotModified),
        ),
        (
            [None, None, Some(&old), Some(&modified), None],
            Ok(GetStatus::Full),
        ),
        (
            [None, None, None, Some(&modified), None],
            Ok(GetStatus::NotModified),
        ),
        (
            [None, None, None, Some(long_ago), None],
            Ok(GetStatus::Full),
        ),
        (
            [Some("bytes=0-1"), None, None, None, Some(&quoted(&new))],
            Ok(GetStatus::Partial),
        ),
        (
            [Some("bytes=0-1"), None, None, None, Some(&quoted(&old))],
            Ok(GetStatus::Full),
        ),
        (
            [Some("bytes=0-1"), None, None, None, Some(&weak)],
            Ok(GetStatus::Full),
        ),
        (
            [Some("bytes=0-1"), None, None, None, Some(&modified)],
            Ok(GetStatus::Partial),
        ),
        (
            [Some("bytes=0-1"), None, None, None, Some(long_ago)],
            Ok(GetStatus::Full),
        ),
        (
            [Some("bytes=-2"), Some(&old), None, None, None],
            Err(ErrorKind::ConditionNotMet),
        ),
        (
            [Some("bytes=-2"), None, Some(&new), None, None],
            Ok(GetStatus::NotModified),
        ),
        (
            [None, Some(&new), Some(&old), None, None],
            Ok(GetStatus::Full),
        ),
        ([None, None, None, None, Some(&old)], Ok(GetStatus::Full)),
    ] as [([Option<&str>; 5], Result<GetStatus, ErrorKind>); 18]
    {
        let [range, if_match, if_none_match, if_modified_since, if_range] =
            conditions.map(|text| text.map(str::to_owned));
        let request = GetRequest {
            range,
            if_match,
            if_none_match,
            if_modified_since,
            if_range,
        };
        let answer = data.get(&blob("a"), &request).await;
        if let Ok(answer) = &answer {
            assert_eq!(
                answer.etag.as_deref(),
                Some(quoted(&new).as_str()),
                "{conditions:?}"
            );
        }
        assert_eq!(
            answer
                .map(|answer| answer.status)
                .map_err(|error| error.kind()),
            expected,
            "{conditions:?}"
        );
    }
}

#[tokio::test]
async fn conditions_on_writing() {
    let world = World::start().await;
    let data = world.data(&world.key());
    let write = async |body: &'static str, condition| {
        let result = data
            .put(&blob("a"), body.into(), "application/json", &condition)
            .await;
        result.map(|put| put.etag).map_err(|error| error.kind())
    };
    let first = write("1", PutCondition::IfAbsent).await.unwrap();
    assert_eq!(
        write("2", PutCondition::IfAbsent).await,
        Err(ErrorKind::AlreadyExists)
    );
    let second = write("2", PutCondition::IfMatch(first.clone()))
        .await
        .unwrap();
    assert_eq!(
        write("3", PutCondition::IfMatch(first.clone())).await,
        Err(ErrorKind::ConditionNotMet)
    );
    let properties = data.head(&blob("a")).await.unwrap();
    assert_eq!(
        (
            properties.content_length,
            properties.content_type.as_deref()
        ),
        (1, Some("application/json"))
    );
    assert_eq!(properties.etag, Some(format!("\"{second}\"")));
    let gone = async |etag| {
        data.delete(&blob("a"), Some(etag))
            .await
            .map_err(|error| error.kind())
    };
    assert_eq!(gone(first.as_str()).await, Err(ErrorKind::ConditionNotMet));
    assert_eq!(gone(second.as_str()).await, Ok(()));
}

#[tokio::test]
async fn a_body_within_its_limit() {
    let world = World::start().await;
    let data = world.data(&world.key());
    put(&data, "ten", "0123456789").await;
    for (limit, fits) in [(10, true), (9, false), (0, false)] {
        let answer = data
            .get(&blob("ten"), &GetRequest::default())
            .await
            .unwrap();
        assert_eq!(answer.content_length, Some(10));
        assert_eq!(answer.body.read_all(limit).await.is_ok(), fits);
    }
}
