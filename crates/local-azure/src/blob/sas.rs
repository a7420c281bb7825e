//! Shared access signatures: which kind a query carries, whether it is genuine and in force,
//! and what it grants. The strings to sign are tables by `sv`, in `sas_strings`.

use crate::{
    State, Transport,
    blob::{
        CLIENT_ADDRESS,
        error::{BlobError, Result},
        request::BlobRequest,
        sas_strings::{account_string, delegation_string, service_string},
        shared_key, time,
    },
    state::{Account, DelegationKeyFields},
};

/// What a genuine SAS grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grant {
    /// Letters of `sp`, over the resource types of `srt`.
    Account {
        permissions: String,
        resource_types: String,
    },
    /// Letters of `sp`, on the container or blob that the signature covers.
    Service { permissions: String },
    /// As `Service`, and never more than this principal's roles allow now.
    UserDelegation {
        permissions: String,
        object_id: String,
    },
}

/// Checks the SAS of a request.
///
/// # Errors
/// 403 with Azure's codes: `AuthenticationFailed` (malformed, not genuine, out of its window),
/// `KeyBasedAuthenticationNotPermitted`, `AuthorizationProtocolMismatch`,
/// `AuthorizationSourceIPMismatch`, `AuthorizationServiceMismatch`.
pub fn check(
    state: &State,
    account: &Account,
    request: &BlobRequest,
    transport: Transport,
) -> Result<Grant> {
    let field = |name| request.query.get(name).unwrap_or("");
    let (start, expiry, permissions) = in_force(account, request)?;
    if field("sv").is_empty() || expiry.is_empty() || permissions.is_empty() {
        return Err(malformed());
    }
    let grant = if !field("ss").is_empty() {
        check_account(account, request, permissions)?
    } else if !field("skoid").is_empty() {
        check_delegation(state, account, request, permissions)?
    } else {
        check_service(account, request, permissions)?
    };
    check_window(request, &start, &expiry, "")?;
    if field("spr") == "https" && transport == Transport::Http {
        return Err(BlobError::protocol_mismatch());
    }
    if !field("sip").is_empty() && !covers_client(field("sip")) {
        return Err(BlobError::source_ip_mismatch());
    }
    Ok(grant)
}

/// Beginning, end and permissions: each of the token, or of the stored access policy that it names.
fn in_force(account: &Account, request: &BlobRequest) -> Result<(String, String, String)> {
    let field = |name| request.query.get(name).unwrap_or("").to_owned();
    let own = (field("st"), field("se"), field("sp"));
    let Some(id) = request.query.get("si") else {
        return Ok(own);
    };
    let container = request.container.as_deref().unwrap_or_default();
    let policies = &account.settings.access_policies;
    let policy = policies.get(&format!("{container}/{id}")).ok_or_else(|| {
        BlobError::authentication_failed(
            "SAS identifier cannot be found for specified signed identifier",
        )
    })?;
    let one = |own: String, of_policy: &Option<String>| match (own.as_str(), of_policy) {
        ("", Some(given)) => Ok(given.clone()),
        (_, None) => Ok(own),
        // In both is in neither.
        _ => Err(BlobError::authentication_failed(
            "Access policy fields can be associated with signature or SAS identifier but not both",
        )),
    };
    Ok((
        one(own.0, &policy.start)?,
        one(own.1, &policy.expiry)?,
        one(own.2, &policy.permissions)?,
    ))
}

fn check_account(account: &Account, request: &BlobRequest, permissions: String) -> Result<Grant> {
    let text = account_string(&account.name, request).ok_or_else(malformed)?;
    check_with_account_key(account, request, &text)?;
    if !request
        .query
        .get("ss")
        .is_some_and(|services| services.contains('b'))
    {
        return Err(BlobError::service_mismatch());
    }
    Ok(Grant::Account {
        permissions,
        resource_types: request.query.get("srt").unwrap_or("").to_owned(),
    })
}

fn check_service(account: &Account, request: &BlobRequest, permissions: String) -> Result<Grant> {
    let text =
        service_string(&canonical_resource(account, request)?, request).ok_or_else(malformed)?;
    check_with_account_key(account, request, &text)?;
    Ok(Grant::Service { permissions })
}

fn check_delegation(
    state: &State,
    account: &Account,
    request: &BlobRequest,
    permissions: String,
) -> Result<Grant> {
    let field = |name| request.query.get(name).unwrap_or("").to_owned();
    let text =
        delegation_string(&canonical_resource(account, request)?, request).ok_or_else(malformed)?;
    let fields = DelegationKeyFields {
        account: account.name.clone(),
        object_id: field("skoid"),
        tenant: field("sktid"),
        start: field("skt"),
        expiry: field("ske"),
        version: field("skv"),
    };
    // A key that was never issued, or revoked, has no value that could match.
    let key = state.delegation_key(&fields);
    let genuine = key.is_some_and(|key| shared_key::is_signature(&key, &text, &field("sig")));
    if !genuine || fields.tenant != account.tenant {
        return Err(signature_mismatch(&text));
    }
    check_window(request, &fields.start, &fields.expiry, "key ")?;
    Ok(Grant::UserDelegation {
        permissions,
        object_id: fields.object_id,
    })
}

fn check_with_account_key(account: &Account, request: &BlobRequest, text: &str) -> Result<()> {
    if !account.settings.allow_shared_key {
        return Err(BlobError::shared_key_disabled());
    }
    let signature = request.query.get("sig").unwrap_or("");
    if [&account.key1, &account.key2]
        .iter()
        .any(|key| shared_key::is_signature(key, text, signature))
    {
        return Ok(());
    }
    Err(signature_mismatch(text))
}

/// `/blob/ACCOUNT/CONTAINER` for `sr=c`, with the blob for `sr=b` and one of its snapshots or
/// versions, with the first `sdd` folders of the name for `sr=d`; names decoded.
fn canonical_resource(account: &Account, request: &BlobRequest) -> Result<String> {
    let container = request.container.as_deref().ok_or_else(malformed)?;
    // Since 2015-02-21 with the service in front.
    let service = match request.query.get("sv") {
        Some(version) if version < "2015-02-21" => "",
        _ => "/blob",
    };
    let of_container = format!("{service}/{}/{container}", account.name);
    let query = &request.query;
    match (query.get("sr"), &request.blob) {
        (Some("c"), _) => Ok(of_container),
        (Some("b"), Some(blob)) => Ok(format!("{of_container}/{blob}")),
        (Some("bs"), Some(blob)) if query.get("snapshot").is_some() => {
            Ok(format!("{of_container}/{blob}"))
        }
        (Some("bv"), Some(blob)) if query.get("versionid").is_some() => {
            Ok(format!("{of_container}/{blob}"))
        }
        (Some("d"), blob) => {
            let depth = query.get("sdd").and_then(|depth| depth.parse().ok());
            let name = blob.as_deref().or(query.get("prefix")).unwrap_or_default();
            let folders: Vec<&str> = name.split('/').take(depth.ok_or_else(malformed)?).collect();
            Ok(format!("{of_container}/{}", folders.join("/")))
        }
        _ => Err(malformed()),
    }
}

/// `of` is `key ` for the window of a user delegation key.
fn check_window(request: &BlobRequest, start: &str, expiry: &str, of: &str) -> Result<()> {
    let starts = match start {
        "" => i64::MIN,
        text => time::parse_iso(text).ok_or_else(malformed)?,
    };
    let expires = time::parse_iso(expiry).ok_or_else(malformed)?;
    if (starts..expires).contains(&request.now_ms) {
        return Ok(());
    }
    let now = time::http_date(request.now_ms);
    let (from, to) = (
        if start.is_empty() {
            "none".to_owned()
        } else {
            time::http_date(starts)
        },
        time::http_date(expires),
    );
    Err(BlobError::authentication_failed(format!(
        "Signature not valid in the specified {of}time frame: Start [{from}] - Expiry [{to}] - Current [{now}]"
    )))
}

/// `sip` is one IPv4 address or a range `a-b`, both ends included.
fn covers_client(allowed: &str) -> bool {
    let address = |text: &str| text.parse::<std::net::Ipv4Addr>().ok();
    let (first, last) = allowed.split_once('-').unwrap_or((allowed, allowed));
    match (address(first), address(last), address(CLIENT_ADDRESS)) {
        (Some(first), Some(last), Some(client)) => first <= client && client <= last,
        _ => false,
    }
}

fn malformed() -> BlobError {
    BlobError::authentication_failed("Signature fields not well formed.")
}

fn signature_mismatch(text: &str) -> BlobError {
    BlobError::authentication_failed(format!(
        "Signature did not match. String to sign used was {text}"
    ))
}
