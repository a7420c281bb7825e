//! HTML of strangers, clean before the annotation editor sees it: `ammonia` decides what stays, after a pass over the
//! same parser's tree that keeps everything where it is.
//!
//! What annotations point at must not move: spans of a HyperText are paths of elements and offsets into the text of
//! the document's body. So an element that may not stay becomes an inert one with the same children and the same
//! text. Only scripts and frames go with all that is in them, as the editor itself has always removed them.

mod config;
mod task;

use std::{
    cell::RefCell,
    collections::{HashMap, HashSet},
    rc::Rc,
    sync::LazyLock,
};

use ammonia::{Builder, UrlRelative};
use html5ever::{
    ParseOpts, QualName, local_name, ns, parse_document, serialize,
    serialize::{SerializeOpts, TraversalScope},
    tendril::TendrilSink,
    tree_builder::TreeBuilderOpts,
};
use markup5ever_rcdom::{Handle, Node, NodeData, RcDom, SerializableHandle};

pub(crate) use config::{Read, clean_config, is_shown_as_html};
pub(crate) use task::{clean_task, decoded};

/// What an element becomes that may not stay.
const INERT: &str = "longshore-inert";
/// Elements that the editor drops with what is in them.
const DROPPED: [&str; 2] = ["script", "iframe"];
/// Their text is in the document and never seen.
const UNSEEN: [&str; 9] = [
    "noscript", "noembed", "noframes", "style", "title", "desc", "defs", "metadata", "template",
];
/// Elements that stay.
const KEPT: &str = "a abbr acronym address article aside audio b bdi bdo big blockquote br button caption center \
    cite code col colgroup data datalist dd del details dfn dir div dl dt em fieldset figcaption figure font footer \
    form h1 h2 h3 h4 h5 h6 header hgroup hr i img input ins kbd label legend li longshore-inert main mark menu meter \
    nav nobr ol optgroup option output p picture pre progress q rp rt ruby s samp section select small source span \
    strike strong style sub summary sup table tbody td textarea tfoot th thead time tr tt u ul var video wbr";
/// Attributes that they may have; none loads, leads or acts.
const ATTRIBUTES: &str = "class id title lang dir style hidden role align valign width height bgcolor color colspan \
    rowspan span scope start value type checked selected disabled rows cols size face border cellpadding cellspacing \
    nowrap reversed open controls min max low high optimum datetime alt headers abbr";

static ELEMENTS: LazyLock<HashSet<&'static str>> = LazyLock::new(|| words(KEPT));

fn words(text: &'static str) -> HashSet<&'static str> {
    text.split_whitespace().collect()
}

static JUDGE: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut judge = Builder::empty();
    judge
        .tags(ELEMENTS.clone())
        .clean_content_tags(HashSet::from(["script", "iframe"]))
        .generic_attributes(words(ATTRIBUTES))
        .generic_attribute_prefixes(HashSet::from(["aria-"]))
        .add_tag_attributes("a", ["href"])
        .add_tag_attributes("img", ["src"])
        .add_tag_attributes("audio", ["src"])
        .add_tag_attributes("video", ["src"])
        .add_tag_attributes("source", ["src"])
        .url_schemes(HashSet::from(["http", "https", "mailto", "data"]))
        .url_relative(UrlRelative::PassThrough)
        .link_rel(Some("noopener noreferrer"))
        .attribute_filter(|element, attribute, value| {
            let value_of = || value.trim_start().to_ascii_lowercase();
            match (element, attribute) {
                ("img", "src") => Some(value.into()),
                (_, "src" | "href") if value_of().starts_with("data:") => None,
                // A button that sends a form with its address as the picture, or submits it.
                ("input", "type") if ["image", "submit", "file"].contains(&value_of().as_str()) => {
                    None
                }
                ("button", "type") => Some("button".into()),
                _ => Some(value.into()),
            }
        });
    judge
});

/// Browsers nest no deeper, and the parser's work grows with the depth.
const DEEPEST: usize = 512;
/// Elements without an end, or that end by themselves when the next begins.
const ENDLESS: &str = "area base br col embed hr img input link meta param source track wbr p li dt dd option \
    optgroup tr td th thead tbody tfoot colgroup rp rt";

/// Are more elements open at once than a browser nests?
fn is_too_deep(html: &str) -> bool {
    let endless = words(ENDLESS);
    let mut open = HashMap::<String, usize>::new();
    let mut depth = 0;
    for tag in html.split('<').skip(1) {
        let (ends, tag) = tag
            .strip_prefix('/')
            .map_or((false, tag), |tag| (true, tag));
        let end = tag.find(|letter: char| letter.is_whitespace() || letter == '>' || letter == '/');
        let name = tag[..end.unwrap_or(tag.len())].to_ascii_lowercase();
        if !name.starts_with(|letter: char| letter.is_ascii_alphabetic())
            || endless.contains(&*name)
        {
            continue;
        }
        let count = open.entry(name).or_default();
        if ends && *count > 0 {
            *count -= 1;
            depth -= 1;
        } else if !ends {
            *count += 1;
            depth += 1;
        }
        if depth > DEEPEST {
            return true;
        }
    }
    false
}

/// The document or the fragment without anything that could run, load a page, or send something; one that is nested
/// deeper than browsers go, as its source.
pub(crate) fn clean(html: &str) -> String {
    if !html.contains('<') {
        return html.to_owned();
    }
    if is_too_deep(html) {
        return html.replace('<', "&lt;");
    }
    let options = ParseOpts {
        tree_builder: TreeBuilderOpts {
            // As the browser reads it, whose frame allows scripts: what is in a noscript is text.
            scripting_enabled: true,
            ..TreeBuilderOpts::default()
        },
        ..ParseOpts::default()
    };
    let dom = parse_document(RcDom::default(), options).one(html);
    let blank = html.len() - html.trim_start().len();
    let mut cleaned = html[..blank].to_owned();
    let (head, body) = head_and_body(&dom.document);
    if let Some(head) = head {
        for style in head.children.borrow().iter() {
            if is_html(style, "style") {
                cleaned += &format!("<style>{}</style>", harmless_css(&text_of(style)));
            }
        }
    }
    let Some(body) = body else { return cleaned };
    make_inert(&body);
    let mut shaped = Vec::new();
    let children: SerializableHandle = body.clone().into();
    let inside = SerializeOpts {
        traversal_scope: TraversalScope::ChildrenOnly(None),
        scripting_enabled: true,
        ..SerializeOpts::default()
    };
    // Into memory: there is nothing to fail.
    if serialize(&mut shaped, &children, inside).is_err() {
        return String::new();
    }
    let judged = JUDGE.clean(&String::from_utf8_lossy(&shaped)).to_string();
    // Where the source says that its body begins, styles before it stay in the head.
    if html.to_ascii_lowercase().contains("<body") {
        cleaned + "<body>" + &judged + "</body>"
    } else {
        cleaned + &judged
    }
}

/// A stylesheet that cannot end its element, as long as it was.
pub(crate) fn harmless_css(css: &str) -> String {
    css.replace('<', " ")
}

/// Markdown whose HTML is at most plain elements without attributes.
pub(crate) fn clean_markdown(text: &str) -> String {
    const PLAIN: [&str; 12] = [
        "b", "i", "em", "strong", "u", "s", "br", "sub", "sup", "kbd", "code", "p",
    ];
    let mut cleaned = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        cleaned += before;
        let name = tag[1..].strip_prefix('/').unwrap_or(&tag[1..]);
        let end = name
            .find(|letter: char| !letter.is_ascii_alphanumeric())
            .unwrap_or(name.len());
        let (name, after) = name.split_at(end);
        let is_plain = PLAIN.contains(&name.to_ascii_lowercase().as_str())
            && (after.starts_with('>') || after.starts_with("/>"));
        let begins_markup = tag[1..].starts_with(|letter: char| {
            letter.is_ascii_alphabetic() || ['/', '!', '?'].contains(&letter)
        });
        cleaned += if begins_markup && !is_plain {
            "&lt;"
        } else {
            "<"
        };
        rest = &tag[1..];
    }
    cleaned + rest
}

fn head_and_body(document: &Handle) -> (Option<Handle>, Option<Handle>) {
    let root = document
        .children
        .borrow()
        .iter()
        .find(|node| is_html(node, "html"))
        .cloned();
    let child = |name: &str| {
        let root = root.as_ref()?;
        let children = root.children.borrow();
        children.iter().find(|node| is_html(node, name)).cloned()
    };
    (child("head"), child("body"))
}

fn is_html(node: &Handle, local: &str) -> bool {
    matches!(&node.data, NodeData::Element { name, .. } if name.ns == ns!(html) && &*name.local == local)
}

fn text_of(node: &Handle) -> String {
    let mut all = String::new();
    for child in node.children.borrow().iter() {
        if let NodeData::Text { contents } = &child.data {
            all += &contents.borrow();
        }
    }
    all
}

/// Every element below that may not stay becomes inert, where it is. Without recursion: a stranger decides how deep.
fn make_inert(top: &Handle) {
    let mut waiting = vec![top.clone()];
    while let Some(node) = waiting.pop() {
        let children = node.children.take();
        let mut kept = Vec::with_capacity(children.len());
        for child in children {
            let NodeData::Element { name, .. } = &child.data else {
                // Comments and instructions say nothing to anybody.
                if matches!(child.data, NodeData::Text { .. }) {
                    kept.push(child);
                }
                continue;
            };
            let local = name.local.to_ascii_lowercase();
            let local = &*local;
            if DROPPED.contains(&local) {
                continue;
            }
            let may_stay = name.ns == ns!(html) && ELEMENTS.contains(local);
            let child = if may_stay {
                child
            } else {
                inert(&child, local)
            };
            if is_html(&child, "style") {
                for text in child.children.borrow().iter() {
                    if let NodeData::Text { contents } = &text.data {
                        let harmless = harmless_css(&contents.borrow());
                        *contents.borrow_mut() = harmless.into();
                    }
                }
            }
            waiting.push(child.clone());
            kept.push(child);
        }
        *node.children.borrow_mut() = kept;
    }
}

/// An inert element with the children of this one; unseen, if this was.
fn inert(node: &Handle, local: &str) -> Handle {
    let hidden = UNSEEN.contains(&local).then(|| html5ever::Attribute {
        name: QualName::new(None, ns!(), local_name!("hidden")),
        value: "".into(),
    });
    let element = Node::new(NodeData::Element {
        name: QualName::new(None, ns!(html), INERT.into()),
        attrs: RefCell::new(hidden.into_iter().collect()),
        template_contents: RefCell::new(None),
        mathml_annotation_xml_integration_point: false,
    });
    *element.children.borrow_mut() = node.children.take();
    Rc::clone(&element)
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
