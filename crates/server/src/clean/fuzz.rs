//! HTML of anybody, in task data and in labeling configs.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    ATTRIBUTES, clean, clean_config, clean_markdown,
    config::{Encoding, Read, is_shown_as_html},
    decoded,
    tests::live_parts,
    words,
};

const WORDS: [&str; 34] = [
    "<p>",
    "</p>",
    "<b>",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "<svg>",
    "</svg>",
    "<math>",
    "<mtext>",
    "<style>",
    "</style>",
    "<script>",
    "<noscript>",
    "</noscript>",
    "<title>",
    "<textarea>",
    "<table>",
    "<template>",
    "<select>",
    "<form>",
    "<img src=x onerror=run()>",
    "<a href=\"javascript:run()\">",
    " onclick=run()",
    "\"",
    "'",
    "=",
    "/>",
    "&lt;",
    "&gt;",
    "&quot;",
    "&#10;",
    "\0",
];

/// What of it would run, load a page or send something; an address or a word in an attribute that is only shown does not.
fn live(html: &str) -> Vec<String> {
    let shown = words(ATTRIBUTES);
    let mut found = live_parts(html);
    found.retain(|part| {
        let Some((name, value)) = part.split_once('=') else {
            return true;
        };
        let is_picture = name == "src" && value.starts_with("data:");
        !(shown.contains(name) || name.starts_with("aria-") || is_picture)
    });
    found
}

/// Of no HTML anything is left that runs, loads a page or sends, however it is read: whole or in Base64, as HTML or
/// as Markdown, once or cleaned again.
#[test]
fn shown_html() {
    let seeds = [
        "<p class=\"a\">text <a href=\"https://h/x\" onclick=\"run()\">link</a><img src=\"data:image/png;base64,AA==\"></p>",
        "<html><head><style>p{}</style></head><body><svg><style><img src=x onerror=run()></style></svg></body></html>",
        "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=run()&gt;\">",
        "a *b* <b>c</b> <br/> <img src=x onerror=run()>",
    ];
    ::fuzz::texts("shown_html", &seeds, &WORDS, |html| {
        let cleaned = clean(html);
        assert_eq!(live(&cleaned), Vec::<String>::new(), "{cleaned}");
        assert_eq!(live(&clean(&cleaned)), Vec::<String>::new(), "{cleaned}");
        let markdown = clean_markdown(html);
        assert_eq!(live(&markdown), Vec::<String>::new(), "{markdown}");
        let packed = Read {
            encoding: Encoding::Base64,
            ..Read::default()
        };
        let unpacked = STANDARD.decode(decoded(&STANDARD.encode(html), packed));
        assert_eq!(unpacked.ok(), Some(cleaned.into_bytes()));
    });
}

/// A config is well-formed after it as before, and all HTML that the editor finds in it is clean.
#[test]
fn shown_configs() {
    let seeds = [
        "<View><HyperText name=\"t\" value=\"$html\"/><Label value=\"a\" html=\"&lt;b onclick=run()>x&lt;/b>\"/></View>",
        "<View><HyperText name=\"t\"><p>a<svg onload=\"run()\"/></p></HyperText><Style>.a > b {}</Style></View>",
        "<View><hypertext name=\"t\" VALUE=\"x\"><![CDATA[<p onclick=run()>$a.b[0]]]></hypertext><Markdown>a <b/></Markdown></View>",
    ];
    let elements = [
        "<HyperText ",
        "<Markdown>",
        "</Markdown>",
        "<Style>",
        "value=\"",
        "html='",
        "Html=\"",
        "$a",
    ];
    let words = [&WORDS[..], &elements].concat();
    ::fuzz::texts("shown_configs", &seeds, &words, |config| {
        let Some(cleaned) = clean_config(config) else {
            return assert!(is_shown_as_html(config).is_empty());
        };
        let document = roxmltree::Document::parse(&cleaned).expect("well-formed");
        for element in document.descendants().filter(roxmltree::Node::is_element) {
            let tag = element.tag_name().name().to_ascii_lowercase();
            let is_html = ["hypertext", "markdown", "style"].contains(&tag.as_str());
            for attribute in element.attributes() {
                let name = attribute.name().to_ascii_lowercase();
                if name == "html" || (is_html && tag != "style" && name == "value") {
                    let found = live(attribute.value());
                    assert_eq!(found, Vec::<String>::new(), "{cleaned}");
                }
            }
            assert!(
                !is_html
                    || !element.has_children()
                    || element.children().all(|child| child.is_text()),
                "{cleaned}"
            );
        }
    });
}
