//! The contract's part about names and listings.

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use reqwest::Method;

use super::{
    client::Fixture,
    contract::{create, get, put},
};

pub async fn odd_names_are_kept(azure: &Fixture) {
    create(azure, "odd").await;
    let mut names = [
        "a b",
        "a#b",
        "a?b",
        "a%b",
        "a%20b",
        "a+b",
        "a&b=c",
        "<&>\"'",
        "à é ü",
        "日本/🐈.png",
        "a//b",
        "./x",
        "x/../y",
        "dir/",
        "/lead",
        "tail ",
        "it's",
        "a\u{301}",
    ];
    for name in names {
        put(azure, "odd", name, name).await;
    }
    for name in names {
        assert_eq!(get(azure, "odd", name, &[]).await.text(), name);
    }
    names.sort_unstable();
    let mut listed = list(azure, "odd", "").await.0;
    // Azurite orders by another collation.
    listed.sort_unstable();
    assert_eq!(listed, names);
}

pub async fn listings_page_in_name_order(azure: &Fixture) {
    create(azure, "pages").await;
    let names: Vec<String> = (0..7).map(|number| format!("n{number}")).collect();
    for name in names.iter().chain([&"other".to_owned()]) {
        put(azure, "pages", name, "x").await;
    }
    let (mut seen, mut marker, mut sizes) = (Vec::new(), String::new(), Vec::new());
    loop {
        let query = format!(
            "&prefix=n&maxresults=3&marker={}",
            utf8_percent_encode(&marker, NON_ALPHANUMERIC)
        );
        let (page, _, next) = list(azure, "pages", &query).await;
        sizes.push(page.len());
        seen.extend(page);
        marker = next;
        if marker.is_empty() {
            break;
        }
    }
    assert_eq!((seen, sizes), (names, vec![3, 3, 1]));
}

pub async fn listings_with_a_delimiter_show_one_level(azure: &Fixture) {
    create(azure, "levels").await;
    for name in ["a", "b/1", "b/2", "b/c/3", "b0", "d/4", "e"] {
        put(azure, "levels", name, "x").await;
    }
    let (blobs, prefixes, _) = list(azure, "levels", "&delimiter=%2F").await;
    assert_eq!(
        (blobs, prefixes),
        (
            vec!["a".into(), "b0".into(), "e".into()],
            vec!["b/".into(), "d/".into()]
        )
    );
    let (blobs, prefixes, _) = list(azure, "levels", "&delimiter=%2F&prefix=b%2F").await;
    assert_eq!(
        (blobs, prefixes),
        (
            vec!["b/1".to_owned(), "b/2".into()],
            vec!["b/c/".to_owned()]
        )
    );
    let (mut seen, mut marker) = (0, String::new());
    loop {
        let marked = utf8_percent_encode(&marker, NON_ALPHANUMERIC);
        let (blobs, prefixes, next) = list(
            azure,
            "levels",
            &format!("&delimiter=%2F&maxresults=2&marker={marked}"),
        )
        .await;
        seen += blobs.len() + prefixes.len();
        marker = next;
        if marker.is_empty() {
            break;
        }
    }
    assert_eq!(seen, 5);
}

/// Blob names, prefixes and the next marker of a page.
pub async fn list(
    azure: &Fixture,
    container: &str,
    query: &str,
) -> (Vec<String>, Vec<String>, String) {
    let path = format!("/{container}?restype=container&comp=list{query}");
    let page = azure.signed(Method::GET, &path, &[], "").await;
    assert_eq!(page.status, 200, "{page:?}");
    let document = roxmltree::Document::parse(page.text().trim_start_matches('\u{FEFF}')).unwrap();
    let names = |of: &str| {
        let entries = document.descendants().filter(|node| node.has_tag_name(of));
        entries
            .filter_map(|entry| entry.children().find(|child| child.has_tag_name("Name")))
            .map(|name| match name.attribute("Encoded") {
                Some("true") => percent_decode_str(name.text().unwrap())
                    .decode_utf8()
                    .unwrap()
                    .into_owned(),
                _ => name.text().unwrap().to_owned(),
            })
            .collect()
    };
    let marker = texts(page.text(), "NextMarker")
        .first()
        .cloned()
        .unwrap_or_default();
    (names("Blob"), names("BlobPrefix"), marker)
}

/// The texts of all elements of a name.
pub fn texts(document: &str, element: &str) -> Vec<String> {
    let document = roxmltree::Document::parse(document.trim_start_matches('\u{FEFF}')).unwrap();
    let found = document
        .descendants()
        .filter(|node| node.has_tag_name(element));
    found
        .map(|node| node.text().unwrap_or("").to_owned())
        .collect()
}
