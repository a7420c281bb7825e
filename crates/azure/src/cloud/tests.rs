//! The tests of cloud.

use model::{AccountName, BlobName, BlobUri, ContainerName};
use proptest::prelude::*;
use url::Url;

use super::Cloud;

pub(super) const PROFILE: &str = r#"
name = "local"
authority = "https://127.0.0.1:7000/"
blob_endpoint = "https://127.0.0.1:7001/{account}"
uri_suffix = "blob.core.windows.net"
storage_resource = "https://storage.azure.com"
federated_audience = "api://AzureADTokenExchange"
imds_base = "http://127.0.0.1:7002"
extra_ca_file = "/tmp/ca.pem"
"#;

fn uri(account: &str, container: &str, blob: &str) -> BlobUri {
    BlobUri {
        account: AccountName::parse(account).unwrap(),
        container: ContainerName::parse(container).unwrap(),
        blob: BlobName::parse(blob).unwrap(),
        revision: None,
    }
}

#[test]
fn a_profile_reads_and_unknown_keys_do_not() {
    let cloud = Cloud::from_profile_toml(PROFILE).unwrap();
    assert_eq!(cloud.authority, "https://127.0.0.1:7000");
    assert_eq!(
        cloud.account_url(&AccountName::parse("acct").unwrap()),
        "https://127.0.0.1:7001/acct"
    );
    for (change, said) in [
        (("name", "surprise = 1\nname"), "surprise"),
        (("https://127.0.0.1:7000/", "http://login"), "authority"),
        (("{account}", "acct"), "must contain {account}"),
        (("imds_base = \"http", "imds_base = \"ftp"), "imds_base"),
        (("uri_suffix", "#"), "uri_suffix"),
        (
            ("name", "storage_version = \"2017-11-09\"\nname"),
            "storage_version",
        ),
        (
            ("name", "storage_version = \"new\"\nname"),
            "storage_version",
        ),
    ] {
        let error = Cloud::from_profile_toml(&PROFILE.replacen(change.0, change.1, 1)).unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
    }
}

#[test]
fn blob_uris_in_every_spelling() {
    let local = Cloud::from_profile_toml(PROFILE).unwrap();
    for (text, name) in [
        ("https://acct.blob.core.windows.net/c-1/a.png", "a.png"),
        (
            "HTTPS://Acct.Blob.Core.Windows.NET/c-1/a.png?sv=1&sig=x#top",
            "a.png",
        ),
        (
            "https://acct.blob.core.windows.net/c-1/a%20b/%F0%9F%90%88%3F",
            "a b/🐈?",
        ),
        ("https://acct.blob.core.windows.net/c-1/a//../b", "a//../b"),
        (
            "https://acct.blob.core.windows.net/c-1/100%.png",
            "100%.png",
        ),
        ("https://127.0.0.1:7001/acct/c-1/a.png", "a.png"),
        ("http://acct.blob.core.windows.net/c-1/a", "a"),
        ("HTTP://acct.blob.core.windows.net:80/c-1/a", "a"),
        ("https://acct.blob.core.windows.net:443/c-1/a", "a"),
        ("https://acct-secondary.blob.core.windows.net/c-1/a", "a"),
        ("https://acct.privatelink.blob.core.windows.net/c-1/a", "a"),
        ("https://acct.dfs.core.windows.net/c-1/x/a", "x/a"),
        ("https://acct.privatelink.dfs.core.windows.net/c-1/a", "a"),
        (r"https://acct.blob.core.windows.net/c-1/x\a%5Cb", "x/a/b"),
        (r"https://acct.blob.core.windows.net\c-1\x", "x"),
    ] {
        assert_eq!(
            local.parse_blob_uri(text),
            Some(uri("acct", "c-1", name)),
            "{text}"
        );
    }
    for text in [
        "",
        "https://acct.blob.core.windows.net",
        "https://acct.blob.core.windows.net/c-1",
        "https://acct.blob.core.windows.net/c-1/",
        "https://acct.blob.core.windows.net.evil.com/c-1/a",
        "https://evil.com/acct.blob.core.windows.net/c-1/a",
        "https://user@acct.blob.core.windows.net/c-1/a",
        "https://acct.blob.core.windows.net:444/c-1/a",
        "http://acct.blob.core.windows.net:443/c-1/a",
        "https://acct.file.core.windows.net/c-1/a",
        "https://acct.z6.web.core.windows.net/c-1/a",
        "https://acct.dfs.core.chinacloudapi.cn/c-1/a",
        "https://acct.z01.blob.storage.azure.net/c-1/a",
        "https://acct-tertiary.blob.core.windows.net/c-1/a",
        "https://acct.blob.core.windows.net/c-1/a?snapshot=now",
        "https://acct.blob.core.windows.net/c-1/a?versionid=",
        "https://acct.blob.core.windows.net/c-1/a?snapshot=2026-11-28T09:00:00.0000000Z&versionid=2026-11-28T09:00:00.0000000Z",
        "https://acct.blob.core.chinacloudapi.cn/c-1/a",
        "https://127.0.0.1:7001/acct/C_1/a",
        "https://127.0.0.1:7009/acct/c-1/a",
        "https://acct.blob.core.windows.net/c-1/%ff",
        "é",
    ] {
        assert_eq!(local.parse_blob_uri(text), None, "{text}");
    }
    assert!(
        Cloud::china()
            .parse_blob_uri("https://acct.blob.core.chinacloudapi.cn/c-1/a")
            .is_some()
    );
}

#[test]
fn a_snapshot_and_a_version_are_part_of_an_address() {
    let cloud = Cloud::public();
    let made = "2026-11-28T09:00:00.0000000Z";
    for name in ["snapshot", "versionid"] {
        let text = format!("https://acct.blob.core.windows.net/c-1/a.png?{name}={made}");
        let pinned = cloud.parse_blob_uri(&text).unwrap();
        assert_eq!(pinned.revision.as_ref().unwrap().parameter(), (name, made));
        assert_eq!(cloud.blob_uri(&pinned), text);
        let other = format!(
            "https://acct.blob.core.windows.net/c-1/a.png?sv=1&{}=2026-11-28T09%3A00%3A00.0000000Z&sig=x#top",
            name.to_uppercase()
        );
        assert_eq!(cloud.parse_blob_uri(&other), Some(pinned));
    }
}

#[test]
fn an_account_in_a_dns_zone_is_known_as_one() {
    for (text, account) in [
        (
            "https://acct.z01.blob.storage.azure.net/c-1/a",
            Some("acct"),
        ),
        (
            "HTTPS://Acct.Z50.Blob.Storage.Azure.Net/c-1/a",
            Some("acct"),
        ),
        ("https://acct.z1.dfs.storage.azure.net/c-1/a", Some("acct")),
        ("https://acct.z.blob.storage.azure.net/c-1/a", None),
        ("https://acct.z1.web.storage.azure.net/c-1/a", None),
        ("https://acct.blob.core.windows.net/c-1/a", None),
    ] {
        let found = Cloud::account_in_dns_zone(text);
        assert_eq!(found.as_ref().map(AccountName::as_str), account, "{text}");
    }
}

#[test]
fn authorities_are_whole_hosts() {
    let public = Cloud::public();
    for (text, known) in [
        ("https://login.microsoftonline.com/t/oauth2/authorize", true),
        ("https://login.windows.net/t", true),
        ("http://login.microsoftonline.com/t", false),
        ("https://login.microsoftonline.com.evil.com/t", false),
        ("https://login.microsoftonline.com:8443/t", false),
        ("https://login.microsoftonline.us/t", false),
    ] {
        assert_eq!(
            public.has_authority(&Url::parse(text).unwrap()),
            known,
            "{text}"
        );
    }
    assert!(
        Cloud::by_name("usgov")
            .unwrap()
            .has_authority(&Url::parse("https://login.microsoftonline.us/t").unwrap())
    );
    assert_eq!(Cloud::by_name("mars"), None);
}

proptest! {
    #[test]
    fn a_uri_round_trips_for_any_name(name in ".{1,40}") {
        let cloud = Cloud::public();
        let uri = uri("acct", "c-1", &name);
        prop_assert_eq!(cloud.parse_blob_uri(&cloud.blob_uri(&uri)), Some(uri));
    }
}
