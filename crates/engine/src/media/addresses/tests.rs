//! The table of examples: what a text says, and what it means.

use azure::Cloud;
use rstest::rstest;

use super::{Meaning, addresses};

const AT: &str = "https://acct.blob.core.windows.net/c-1/";

/// The addresses in a text as they are spelled, with the canonical address of their blob where that
/// is another; `?` for an ambiguous one.
fn found(text: &str) -> Vec<String> {
    let cloud = Cloud::public();
    let mut end = 0;
    addresses(&cloud, text)
        .into_iter()
        .map(|address| {
            assert!(address.span.start >= end, "{text}");
            end = address.span.end;
            match address.means {
                Meaning::Blob(blob) => blob.blob().as_str().to_owned(),
                Meaning::Ambiguous(short, long) => format!("{}? {}?", short.blob(), long.blob()),
                Meaning::InDnsZone(account) => format!("zone of {account}"),
            }
        })
        .collect()
}

#[rstest]
// A value that is an address, whatever letters its name has.
#[case("azure-blob://c-1/it's (1).png", &["it's (1).png"])]
#[case("  azure-blob://c-1/a b+c?.png ", &["a b+c?.png"])]
#[case("azure-blob://c-1/d/test'x'.png", &["d/test'x'.png"])]
#[case("azure-blob://c-1/d/'", &["d/'"])]
#[case("azure-blob://c-1/a\"b.png", &["a\"b.png"])]
#[case("azure-blob://c-1/a<b>.png", &["a<b>.png"])]
#[case("azure-blob://c-1/report final", &["report final"])]
#[case("azure-blob://c-1/scan.v2 copy.png", &["scan.v2 copy.png"])]
#[case("azure-blob://c-1/2026.11.28 scan", &["2026.11.28 scan"])]
#[case("AZURE-SPI://c-1/a.png", &["a.png"])]
#[case(r"azure-blob://c-1/scans\x\b.png", &["scans/x/b.png"])]
#[case("azure-blob://c-1/R&amp;D.png", &["R&amp;D.png"])]
// A text that begins with one.
#[case("azure-blob://c-1/a.png shows a cat", &["a.png"])]
#[case("azure-blob://c-1/scan.dcm of a patient", &["scan.dcm"])]
#[case("azure-blob://c-1/a.png azure-blob://c-1/b.png", &["a.png", "b.png"])]
#[case("azure-blob://c-1/a.png,azure-blob://c-1/b.png", &["a.png", "b.png"])]
#[case("azure-blob://c-1/a.png\tazure-blob://c-1/b.png", &["a.png", "b.png"])]
#[case("azure-blob://c-1/a.png|AZURE-BLOB://c-1/b.png;", &["a.png", "b.png"])]
#[case("azure-blob://c-1/a.png\nazure-blob://c-1/b.png", &["a.png", "b.png"])]
#[case("azure-blob://c-1/a.png.", &["a.png"])]
#[case("azure-blob://c-1/trailing dot.", &["trailing dot"])]
#[case("azure-blob://c-1/a.png<br>the cat", &["a.png"])]
// What it does not say is not chosen.
#[case("azure-blob://c-1/a.png and b.png", &["a.png? a.png and b.png?"])]
// In running text.
#[case("see azure-blob://c-1/a.png, azure-blob://c-1/b.png!", &["a.png", "b.png"])]
#[case("(azure-blob://c-1/a_(1))", &["a_(1)"])]
#[case("![cat](azure-blob://c-1/a_(1).png)", &["a_(1).png"])]
#[case("x <azure-blob://c-1/a b.png> y", &["a b.png"])]
#[case("'azure-blob://c-1/it's.png' and more", &["it's.png"])]
#[case("\"azure-blob://c-1/a b.png\", \"azure-blob://c-1/c).png\"", &["a b.png", "c).png"])]
#[case(r#"{"image": "azure-blob://c-1/a b.png"}"#, &["a b.png"])]
#[case(r#"{\"image\": \"azure-blob://c-1/a b.png\"}"#, &["a b.png"])]
// In HTML and CSS.
#[case("<img src=\"azure-blob://c-1/it's (1).png\">", &["it's (1).png"])]
#[case("<img src='azure-blob://c-1/report final'>", &["report final"])]
#[case("<img src=\"azure-blob://c-1/a.png and b.png\">", &["a.png and b.png"])]
#[case("<img src=\"azure-blob://c-1/R&amp;D &#39;1&#39;.png\">", &["R&D '1'.png"])]
#[case("<img src=azure-blob://c-1/a.png>", &["a.png"])]
#[case("<img srcset='azure-blob://c-1/a.png 1x, azure-blob://c-1/b.png 2x'>", &["a.png", "b.png"])]
#[case("<img title=\"azure-blob://c-1/a.png is a cat\">", &["a.png"])]
#[case("<i style=\"background:url(azure-blob://c-1/a.png);color:red\">", &["a.png"])]
#[case(r#"<i style="background:url(azure-blob://c-1/a\ \(1\).png)">"#, &["a (1).png"])]
#[case("<i style=\"background:url('azure-blob://c-1/a (1)')\">", &["a (1)"])]
#[case("<i style=\"background: url( &quot;azure-blob://c-1/a b.png&quot; )\">", &["a b.png"])]
#[case("<p>azure-blob://c-1/a.png</p>", &["a.png"])]
#[case("<a data-x=1 HREF = \"azure-blob://c-1/a and b.png\">azure-blob://c-1/c.png</a>", &["a and b.png", "c.png"])]
#[case("<style>@import URL(\"azure-blob://c-1/a b.css\"); i {x: url( azure-blob://c-1/c.png )}</style>", &["a b.css", "c.png"])]
// Nothing of ours.
#[case("https://example.com/a.png and https://", &[])]
#[case("://azure-blob:// https:///", &[])]
fn where_addresses_end(#[case] text: &str, #[case] expected: &[&str]) {
    assert_eq!(found(text), expected, "{text}");
}

#[rstest]
#[case("a.png shows a cat", &["a.png"])]
#[case("my photo.png", &["my photo.png"])]
#[case("it's%20(1).png", &["it's (1).png"])]
#[case("d/'", &["d/'"])]
#[case("a.png?sv=1&sig=x shows b.png", &["a.png"])]
#[case("a.png?sv=1&amp;sig=x", &["a.png"])]
#[case("report is here", &["report"])]
#[case("a.png, HTTP://acct.blob.core.windows.net/c-1/b%20c.png", &["a.png", "b c.png"])]
#[case("?u=https://acct.blob.core.windows.net/c-1/a", &[])]
fn of_the_web(#[case] behind: &str, #[case] expected: &[&str]) {
    assert_eq!(found(&format!("{AT}{behind}")), expected, "{behind}");
}

#[test]
fn an_account_in_a_dns_zone_is_named() {
    let text = "see https://acct.z01.blob.storage.azure.net/c-1/a.png now";
    assert_eq!(found(text), ["zone of acct"]);
}

#[test]
fn each_address_of_a_long_text_is_found() {
    let one = "'azure-blob://c-1/a.png \"azure-blob://c-1/b c.png\" é ";
    assert_eq!(found(&one.repeat(2_000)).len(), 4_000);
    let long = format!("azure-blob://c-1/{}", "x/".repeat(20_000));
    assert_eq!(found(&format!("{long} azure-blob://c-1/a.png")), ["a.png"]);
}

#[test]
fn words_in_any_script_are_no_trouble() {
    assert_eq!(found("é azure-blob://c-1/日本.png。"), ["日本.png。"]);
    assert_eq!(found("azure-blob://c-1/日本 é"), ["日本 é"]);
    assert_eq!(found("httpé://x 'é"), [""; 0]);
}
