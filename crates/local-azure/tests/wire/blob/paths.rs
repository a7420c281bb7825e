//! Names on the wire: host style, dot segments, and what XML cannot carry.

use local_azure::blob::PublicAccess;
use reqwest::{Method, Url};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{client::Fixture, listings::list};

/// A container that anyone reads.
async fn open() -> Fixture {
    let azure = Fixture::memory().await;
    azure.container("open", PublicAccess::Container).await;
    let state = azure.azure.state();
    state
        .change_account("acct", |switches| switches.allow_public_access = true)
        .unwrap();
    azure
}

#[tokio::test]
async fn the_host_may_name_the_account() {
    let azure = open().await;
    azure.blob("open", "b", b"by host").await;
    let url = format!("{}/open/b", azure.azure.endpoints().blob_http);
    let read = azure
        .send(Method::GET, &url, &[("host", "acct.blob.core.windows.net")])
        .await;
    assert_eq!((read.status, read.text()), (200, "by host"));
}

#[tokio::test]
async fn dot_segments_belong_to_the_name() {
    let azure = open().await;
    azure.blob("open", "a/../b", b"dots").await;
    azure.blob("open", "b", b"not this").await;
    let address = Url::parse(&azure.azure.endpoints().blob_http).unwrap();
    let mut stream = TcpStream::connect(&*address.socket_addrs(|| None).unwrap())
        .await
        .unwrap();
    let request = "GET /acct/open/a/../b HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.ends_with("dots"), "{answer}");
}

#[tokio::test]
async fn a_name_that_xml_cannot_carry_is_listed_encoded() {
    let azure = open().await;
    let name = "odd/\u{1}%\u{FFFF}";
    azure.blob("open", name, b"x").await;
    let flat = azure
        .send(
            Method::GET,
            &azure.url("/open?restype=container&comp=list"),
            &[],
        )
        .await;
    assert!(
        flat.text()
            .contains("<Name Encoded=\"true\">odd/%01%25%EF%BF%BF</Name>"),
        "{}",
        flat.text()
    );
    assert_eq!(list(&azure, "open", "").await.0, [name]);
}
