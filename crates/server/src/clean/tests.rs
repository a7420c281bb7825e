//! Payloads that browsers were fooled by, and spans that must not move.

use std::collections::{BTreeMap, HashMap};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use html5ever::{ParseOpts, parse_document, tendril::TendrilSink};
use markup5ever_rcdom::{Handle, NodeData, RcDom};
use serde_json::json;

use super::{clean, clean_config, clean_markdown, clean_task, head_and_body, is_shown_as_html};

/// What browsers read twice in two ways, and what runs, loads, sends or obeys a library.
const HOSTILE: [&str; 44] = [
    "<script>run()</script>",
    "<ScRiPt src=/x.js></sCrIpT>",
    "<svg><style><img><script src=/x.js></script></style></svg>",
    "<svg><style><img src=x onerror=run()></style></svg>",
    "<svg></p><style><a id=\"</style><img src=1 onerror=run()>\">",
    "<svg><script>run()</script></svg>",
    "<svg onload=run()>",
    "<svg><a xlink:href=\"javascript:run()\"><text>x</text></a></svg>",
    "<svg><animate onbegin=run() attributeName=x>",
    "<svg><foreignObject><iframe srcdoc=\"<script>run()</script>\"></foreignObject></svg>",
    "<svg><use href=\"data:image/svg+xml,<svg id=x onload=run()>#x\">",
    "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=run()&gt;\">",
    "<math><annotation-xml encoding=\"text/html\"><script>run()</script></annotation-xml></math>",
    "<math><mi xlink:href=\"javascript:run()\">x</mi></math>",
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror=run()>",
    "<noscript><p title=\"</noscript><img src=x onerror=run()>\">",
    "<noembed><img title=\"</noembed><img src onerror=run()>\"></noembed>",
    "<noframes><img title=\"</noframes><img src onerror=run()>\"></noframes>",
    "<xmp><img title=\"</xmp><img src onerror=run()>\"></xmp>",
    "<template><script>run()</script></template>",
    "<template><img src=x onerror=run()></template>",
    "<textarea><img title=\"</textarea><img src onerror=run()>\"></textarea>",
    "<title><img title=\"</title><img src onerror=run()>\"></title>",
    "<style><!--</style><img src=x onerror=run()>--></style>",
    "<style>a{}</style ><img src=x onerror=run()>",
    "<iframe srcdoc=\"<script>run()</script>\"></iframe>",
    "<iframe src=\"javascript:run()\"></iframe>",
    "<a href=\"javascript:run()\">x</a>",
    "<a href=\"java&#10;script:run()\">x</a>",
    "<a href=\" &#1;javascript:run()\">x</a>",
    "<a href=\"data:text/html,<script>run()</script>\">x</a>",
    "<img src=x onerror=run()>",
    "<body onload=run()><p>x",
    "<details open ontoggle=run()>x</details>",
    "<input autofocus onfocus=run()>",
    "<meta http-equiv=refresh content=\"0;url=https://evil.example\">",
    "<base href=\"https://evil.example/\">",
    "<form action=\"/settings/members/2/role\"><input name=role value=owner><button formaction=\"/x\">x</button></form>",
    "<link rel=stylesheet href=/tasks/1/resolve>",
    "<link rel=prefetch href=https://evil.example>",
    "<object data=/x></object><embed src=/x><applet code=x>",
    "<div hx-post=\"/settings/members/2/role\" hx-vals='{\"role\":\"owner\"}' hx-trigger=load>x</div>",
    "<div data-hx-get=/x data-hx-trigger=load data-events=/x>x</div>",
    "<frameset onload=run()><frame src=javascript:run()></frameset>",
];

fn body_of(html: &str) -> (RcDom, Option<Handle>) {
    let dom = parse_document(RcDom::default(), ParseOpts::default()).one(html);
    let body = head_and_body(&dom.document).1;
    (dom, body)
}

/// What of the text a browser would run, load, send or obey.
pub(super) fn live_parts(html: &str) -> Vec<String> {
    const NAMES: [&str; 18] = [
        "script",
        "iframe",
        "frame",
        "object",
        "embed",
        "applet",
        "base",
        "meta",
        "link",
        "svg",
        "math",
        "template",
        "noscript",
        "noembed",
        "noframes",
        "xmp",
        "title",
        "plaintext",
    ];
    let dom = parse_document(RcDom::default(), ParseOpts::default()).one(html);
    let mut found = Vec::new();
    let mut waiting = vec![dom.document.clone()];
    while let Some(node) = waiting.pop() {
        waiting.extend(node.children.borrow().iter().cloned());
        let NodeData::Element { name, attrs, .. } = &node.data else {
            continue;
        };
        if NAMES.contains(&&*name.local) {
            found.push(name.local.to_string());
        }
        for attribute in attrs.borrow().iter() {
            let name = attribute.name.local.to_ascii_lowercase();
            let value: String = attribute
                .value
                .chars()
                .filter(|letter| *letter > ' ')
                .collect();
            let value = value.to_ascii_lowercase();
            let acts = [
                "on",
                "hx-",
                "data-",
                "form",
                "action",
                "srcdoc",
                "http-equiv",
            ];
            if acts.iter().any(|act| name.starts_with(act))
                || value.starts_with("javascript:")
                || value.starts_with("data:")
            {
                found.push(format!("{name}={value}"));
            }
        }
    }
    found
}

#[test]
fn nothing_that_runs_loads_sends_or_obeys_is_left_and_a_second_reading_finds_the_same() {
    for hostile in HOSTILE {
        for html in [
            hostile.to_owned(),
            format!("<html><head>{hostile}</head><body>{hostile}</body></html>"),
            format!("<table><tr><td>{hostile}"),
            format!("<svg>{hostile}"),
            format!("<math><mtext>{hostile}"),
            format!("<select><option>{hostile}"),
        ] {
            let once = clean(&html);
            assert_eq!(live_parts(&once), Vec::<String>::new(), "{html}\n-> {once}");
            assert_eq!(live_parts(&clean(&once)), Vec::<String>::new(), "{html}");
        }
    }
}

/// Each text below the body with its path, as annotations name it: `/div[1]/p[2]/text()[1]`. Elements that the
/// cleaner makes inert have one name here.
fn texts(html: &str) -> Vec<(String, String)> {
    fn walk(node: &Handle, path: &str, found: &mut Vec<(String, String)>) {
        let mut counts = HashMap::<String, usize>::new();
        for child in node.children.borrow().iter() {
            let name = match &child.data {
                NodeData::Text { .. } => "text()".to_owned(),
                NodeData::Element { name, .. } => name.local.to_string(),
                _ => continue,
            };
            let count = counts.entry(name.clone()).or_default();
            *count += 1;
            let path = format!("{path}/{name}[{count}]");
            match &child.data {
                NodeData::Text { contents } => found.push((path, contents.borrow().to_string())),
                _ => walk(child, &path, found),
            }
        }
    }
    let mut found = Vec::new();
    if let (_dom, Some(body)) = body_of(html) {
        walk(&body, "", &mut found);
    }
    found
}

#[test]
fn the_paths_and_offsets_of_existing_spans_stay_right() {
    let html = "  <html><head><title>Invoice</title><style>p > b{color:red}</style><meta charset=utf-8></head>\n\
        <body class=\"x\" onload=\"run()\"><h1>Invoice &amp; more</h1>one<object data=x>two</object>three\
        <form action=\"/x\"><p onclick=\"run()\">in a form <input name=a> and <b>bold</b></p></form>\
        <p>a<meta name=x>b<link rel=x>c</p><embed src=x><p>after <font color=red>font</font></p>\
        <table><tr><td>cell</td><td><a href=\"javascript:run()\">link</a></td></tr></table>\
        <style>.a{}</style>\n<ul><li>1<li>2</ul>é 🎉 end</body></html>";
    let before = texts(html);
    let after = texts(&clean(html));
    let names = |texts: &[(String, String)]| -> Vec<String> {
        texts
            .iter()
            .map(|(path, _)| path.replace("object", super::INERT))
            .collect()
    };
    assert_eq!(names(&after), names(&before));
    let words = |texts: &[(String, String)]| -> Vec<String> {
        texts.iter().map(|(_, text)| text.clone()).collect()
    };
    assert_eq!(words(&after), words(&before));
}

#[test]
fn a_removed_drawing_leaves_its_place_and_the_length_of_its_text() {
    let html = "<p>a<svg><text>two</text></svg>b<math><mi>x</mi></math>c</p><noscript><b>n</b></noscript>end";
    let cleaned = clean(html);
    let all = |html: &str| -> String { texts(html).into_iter().map(|(_, text)| text).collect() };
    assert_eq!(all(&cleaned), "atwobxc<b>n</b>end");
    let paths = texts(&cleaned);
    for (path, text) in [
        ("/p[1]/text()[1]", "a"),
        ("/p[1]/text()[2]", "b"),
        ("/p[1]/text()[3]", "c"),
        ("/text()[1]", "end"),
    ] {
        assert!(
            paths.contains(&(path.to_owned(), text.to_owned())),
            "{paths:?}"
        );
    }
}

#[test]
fn scripts_and_frames_go_as_the_editor_has_always_removed_them() {
    assert_eq!(
        texts(&clean(
            "<p>a<script>run()</script>b<!-- c --><iframe>d</iframe>e</p>"
        )),
        [("/p[1]/text()[1]".to_owned(), "abe".to_owned())]
    );
}

#[test]
fn what_is_harmless_stays_as_it_is() {
    for html in [
        "plain text & more",
        "<p class=\"a\" style=\"color: red\">x <b>y</b></p>",
        "<table><tbody><tr><td colspan=\"2\">x</td></tr></tbody></table>",
        "<img src=\"data:image/png;base64,AA==\" alt=\"x\">",
        "<img src=\"/tasks/1/resolve/?fileuri=eA==\">",
    ] {
        assert_eq!(clean(html), html);
    }
}

#[test]
fn what_is_nested_deeper_than_browsers_go_is_shown_as_its_source() {
    for deep in [
        "<div>".repeat(3_000_000),
        "<b a=1></x>".repeat(600),
        "<a><svg>".repeat(600),
    ] {
        let cleaned = clean(&deep);
        assert!(!cleaned.contains('<') && cleaned.starts_with("&lt;"));
    }
    let flat = "<p>x<br><li><div>y</div>".repeat(600);
    assert!(clean(&flat).contains("<div>y</div>"));
}

#[test]
fn markdown_keeps_its_own_signs_and_plain_elements() {
    assert_eq!(
        clean_markdown("> quote\n\na < b <b>bold</b> <br/> <img src=x onerror=run()> </p > <!-- x"),
        "> quote\n\na < b <b>bold</b> <br/> &lt;img src=x onerror=run()> &lt;/p > &lt;!-- x"
    );
}

#[test]
fn every_html_of_a_config_is_clean_and_the_rest_as_it_was() {
    let config = "<View>\n  <Style>.a > b{}</Style>\n  <HyperText name=\"t\" value=\"$html\"/>\n  <Choices name=\"c\" toName=\"t\">\n    \
        <Choice value=\"a &lt; b\" html=\"&lt;b onclick=run()>x&lt;/b>\"/>\n  </Choices>\n</View>";
    let cleaned = clean_config(config).unwrap();
    assert_eq!(
        cleaned,
        config.replace("&lt;b onclick=run()>x&lt;/b>", "&lt;b&gt;x&lt;/b&gt;")
    );

    for config in [
        "<View><HyperText name=\"t\"><p>a<svg onload=\"run()\"/><script>run()</script></p></HyperText></View>",
        "<View><hypertext name=\"t\"><![CDATA[<p>a<svg><style><img src=x onerror=run()></style></svg>]]></hypertext></View>",
        "<View><HYPERTEXT name=\"t\" VALUE=\"&lt;p>a&lt;img src=x onerror=run()>\"/></View>",
        "<View><HyperText name=\"t\" value=\"b\"><p onclick=\"run()\">a\nb</p></HyperText></View>",
        "<View><Markdown><![CDATA[a <img src=x onerror=run()>]]></Markdown></View>",
        "<View><Label value=\"a\" Html='&lt;img src=x onerror=run()>'/></View>",
    ] {
        let cleaned = clean_config(config).unwrap();
        let document = roxmltree::Document::parse(&cleaned).unwrap();
        for node in document.descendants().filter(roxmltree::Node::is_element) {
            assert!(
                !["script", "svg", "img", "p"].contains(&node.tag_name().name()),
                "{cleaned}"
            );
            for attribute in node.attributes() {
                assert!(live_parts(attribute.value()).is_empty(), "{cleaned}");
            }
        }
    }
    assert_eq!(clean_config("<View>"), None);
}

#[test]
fn a_config_stays_well_formed_whatever_letters_its_html_names() {
    let config =
        "<View><HyperText name=\"t\"><![CDATA[<p>a&#1;b&#xFFFE;c&#9;d</p>]]></HyperText></View>";
    let cleaned = clean_config(config).unwrap();
    let document = roxmltree::Document::parse(&cleaned).unwrap();
    let text = document.root_element().first_element_child().unwrap();
    assert_eq!(
        text.attribute("value"),
        Some("<p>a\u{fffd}b\u{fffd}c\td</p>")
    );
}

#[test]
fn a_task_is_clean_where_its_project_shows_html_and_as_it_was_elsewhere() {
    let config = "<View><HyperText name=\"h\" value=\"$html\"/><Text name=\"t\" value=\"$text\"/>\
        <HyperText name=\"e\" value=\"$packed\" encoding=\"base64unicode\"/><HyperText name=\"u\" value=\"$page\" valueType=\"url\"/>\
        <HyperText name=\"r\" value=\"$pages[{{i}}].doc\"/><List name=\"l\" value=\"$items\"/></View>";
    let bad = "<p onclick=run()>é</p>";
    let fields = is_shown_as_html(config);
    let mut task = json!({"id": 7, "data": {
        "html": bad, "text": bad, "packed": STANDARD.encode(bad),
        "page": "/tasks/7/resolve/?fileuri=eA==", "pages": [{"doc": bad}], "items": [{"title": bad, "html": bad}],
    }});
    clean_task(&mut task, &fields);
    let good = "<p>é</p>";
    assert_eq!(
        task["data"],
        json!({
            "html": good, "text": bad, "packed": STANDARD.encode(good),
            "page": "/tasks/7/shown-html/?fileuri=eA==", "pages": [{"doc": good}], "items": [{"title": bad, "html": good}],
        })
    );

    let mut task = json!({"id": 7, "data": {"x": 1}});
    clean_task(&mut task, &BTreeMap::new());
    assert_eq!(task["data"]["x"], 1);
}
