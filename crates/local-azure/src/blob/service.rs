//! The operations on the service itself, which no engine answers: user delegation keys,
//! service properties with their CORS rules, account information.

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

use crate::{
    State,
    blob::{
        authenticate::Caller,
        error::{BlobError, Result},
        request::BlobRequest,
        time, xml,
    },
    state::{Account, CorsRule, DelegationKeyFields},
};

/// The longest life of a user delegation key.
const MAX_KEY_LIFE_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// How many CORS rules a service keeps.
const MAX_CORS_RULES: usize = 5;

/// Get User Delegation Key; the caller was authorized for it, so it is a principal.
pub fn delegation_key(
    state: &State,
    account: &Account,
    request: &BlobRequest,
    caller: &Caller,
    body: &Bytes,
) -> Result<Response<Body>> {
    let Caller::Principal { object_id } = caller else {
        return Err(BlobError::authentication_failed(
            "Only authentication scheme Bearer is supported",
        ));
    };
    let text = body_text(body)?;
    let info = roxmltree::Document::parse(text).map_err(|_| BlobError::invalid_xml())?;
    let node = |name: &'static str| {
        let found = info.descendants().find(|node| node.has_tag_name(name))?;
        time::parse_iso(found.text().unwrap_or("").trim())
    };
    let start = node("Start").unwrap_or(request.now_ms);
    let expiry = node("Expiry").ok_or_else(|| invalid_node("Expiry"))?;
    if expiry <= start || expiry <= request.now_ms || expiry - start > MAX_KEY_LIFE_MS {
        return Err(invalid_node("Expiry"));
    }
    let key = state.issue_delegation_key(DelegationKeyFields {
        account: account.name.clone(),
        object_id: object_id.clone(),
        tenant: account.tenant.clone(),
        start: time::iso_seconds(start),
        expiry: time::iso_seconds(expiry),
        version: request.version().to_owned(),
    });
    let mut out = xml::document();
    out.extend_from_slice(b"<UserDelegationKey>");
    for (name, text) in [
        ("SignedOid", &key.fields.object_id),
        ("SignedTid", &key.fields.tenant),
        ("SignedStart", &key.fields.start),
        ("SignedExpiry", &key.fields.expiry),
        ("SignedService", &"b".to_owned()),
        ("SignedVersion", &key.fields.version),
        ("Value", &key.value),
    ] {
        xml::element(&mut out, name, text);
    }
    out.extend_from_slice(b"</UserDelegationKey>");
    Ok(xml_answer(out))
}

/// Get Blob Service Properties.
pub fn properties(account: &Account) -> Response<Body> {
    let mut out = xml::document();
    out.extend_from_slice(
        b"<StorageServiceProperties><Logging><Version>1.0</Version><Read>false</Read><Write>false</Write>\
          <Delete>false</Delete><RetentionPolicy><Enabled>false</Enabled></RetentionPolicy></Logging><Cors>",
    );
    for rule in &account.settings.cors {
        out.extend_from_slice(b"<CorsRule>");
        xml::element(&mut out, "AllowedMethods", &rule.allowed_methods.join(","));
        xml::element(&mut out, "AllowedOrigins", &rule.allowed_origins.join(","));
        xml::element(&mut out, "AllowedHeaders", &rule.allowed_headers.join(","));
        xml::element(&mut out, "ExposedHeaders", &rule.exposed_headers.join(","));
        xml::number_element(&mut out, "MaxAgeInSeconds", rule.max_age_in_seconds.into());
        out.extend_from_slice(b"</CorsRule>");
    }
    out.extend_from_slice(b"</Cors><DeleteRetentionPolicy>");
    let soft_delete = account.settings.soft_delete;
    xml::plain_element(&mut out, "Enabled", &soft_delete.to_string());
    out.extend_from_slice(
        b"</DeleteRetentionPolicy><StaticWebsite><Enabled>false</Enabled></StaticWebsite></StorageServiceProperties>",
    );
    xml_answer(out)
}

/// Set Blob Service Properties: its CORS rules are kept, the rest is accepted and ignored.
pub fn set_properties(state: &State, account: &Account, body: &Bytes) -> Result<Response<Body>> {
    let text = body_text(body)?;
    let document = roxmltree::Document::parse(text).map_err(|_| BlobError::invalid_xml())?;
    if let Some(cors) = document
        .descendants()
        .find(|node| node.has_tag_name("Cors"))
    {
        let rules: Vec<CorsRule> = cors
            .children()
            .filter(|node| node.has_tag_name("CorsRule"))
            .map(cors_rule)
            .collect::<Option<_>>()
            .ok_or_else(|| invalid_node("CorsRule"))?;
        if rules.len() > MAX_CORS_RULES {
            return Err(invalid_node("Cors"));
        }
        state
            .change_account(&account.name, |settings| settings.cors = rules)
            .map_err(|_| BlobError::account_not_found())?;
    }
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::ACCEPTED;
    Ok(answer)
}

/// Get Account Information: a general-purpose v2 account.
pub fn account_information(account: &Account) -> Response<Body> {
    let hierarchical = if account.settings.hierarchical_namespace {
        "true"
    } else {
        "false"
    };
    let mut answer = Response::new(Body::empty());
    for (name, value) in [
        ("x-ms-sku-name", "Standard_LRS"),
        ("x-ms-account-kind", "StorageV2"),
        ("x-ms-is-hns-enabled", hierarchical),
    ] {
        answer
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    answer
}

fn cors_rule(node: roxmltree::Node<'_, '_>) -> Option<CorsRule> {
    let text = |name| {
        node.children()
            .find(|child| child.has_tag_name(name))
            .and_then(|child| child.text())
    };
    let list = |name| -> Vec<String> {
        let items = text(name).unwrap_or("").split(',').map(str::trim);
        items
            .filter(|item| !item.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let rule = CorsRule {
        allowed_origins: list("AllowedOrigins"),
        allowed_methods: list("AllowedMethods"),
        allowed_headers: list("AllowedHeaders"),
        exposed_headers: list("ExposedHeaders"),
        max_age_in_seconds: text("MaxAgeInSeconds").unwrap_or("0").trim().parse().ok()?,
    };
    (!rule.allowed_origins.is_empty() && !rule.allowed_methods.is_empty()).then_some(rule)
}

fn body_text(body: &Bytes) -> Result<&str> {
    let text = std::str::from_utf8(body).map_err(|_| BlobError::invalid_xml())?;
    Ok(text.trim_start_matches('\u{FEFF}'))
}

fn invalid_node(name: &'static str) -> BlobError {
    BlobError::new(
        400,
        "InvalidXmlNodeValue",
        "The value for one of the XML nodes is not in the correct format.",
    )
    .element("XmlNodeName", name)
}

fn xml_answer(body: Vec<u8>) -> Response<Body> {
    let mut answer = Response::new(Body::from(body));
    answer.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/xml"),
    );
    answer
}
