//! Listings of many blobs: paging them all stays quick, and a level is found by seeking.

use std::time::Instant;

use reqwest::Method;

use super::client::Fixture;

const PAGE: usize = 5_000;

#[tokio::test]
async fn two_hundred_thousand_blobs_page_in_order() {
    let azure = Fixture::memory().await;
    azure.container("many", Default::default()).await;
    let blobs = azure.azure.state().blobs();
    blobs
        .generate("acct", "many", "deep/", 200_000, 0)
        .await
        .unwrap();
    azure.blob("many", "zlast", b"x").await;

    let (mut marker, mut pages, mut count) = (String::new(), 0, 0);
    loop {
        let path = format!("/many?restype=container&comp=list&marker={marker}");
        let page = azure.signed(Method::GET, &path, &[], "").await;
        let entries = page.text().matches("<Blob>").count();
        assert!(entries <= PAGE);
        count += entries;
        pages += 1;
        let (_, rest) = page.text().split_once("<NextMarker").unwrap();
        match rest.strip_prefix('>').and_then(|rest| rest.split_once('<')) {
            Some((next, _)) => marker = next.to_owned(),
            None => break,
        }
    }
    assert_eq!((pages, count), (41, 200_001));
}

#[tokio::test]
async fn a_level_above_two_hundred_thousand_blobs_costs_no_scan() {
    let azure = Fixture::memory().await;
    azure.container("many", Default::default()).await;
    let blobs = azure.azure.state().blobs();
    blobs
        .generate("acct", "many", "deep/", 200_000, 0)
        .await
        .unwrap();
    azure.blob("many", "zlast", b"x").await;

    let flat = timed(&azure, "/many?restype=container&comp=list").await;
    let level = timed(&azure, "/many?restype=container&comp=list&delimiter=%2F").await;
    assert!(
        level
            .0
            .contains("<BlobPrefix><Name>deep/</Name></BlobPrefix>")
    );
    assert!(level.0.contains("<Name>zlast</Name>"));
    // Two entries against 5,000: a scan of 200,000 names would be slower, not faster.
    assert!(level.1 < flat.1, "{:?} against {:?}", level.1, flat.1);
}

/// The best of three, so that a busy machine does not decide.
async fn timed(azure: &Fixture, path: &str) -> (String, std::time::Duration) {
    let mut best = None;
    for _ in 0..3 {
        let start = Instant::now();
        let page = azure.signed(Method::GET, path, &[], "").await;
        let took = start.elapsed();
        assert_eq!(page.status, 200);
        if best.as_ref().is_none_or(|(_, least)| took < *least) {
            best = Some((page.text().to_owned(), took));
        }
    }
    best.unwrap()
}
