//! Azure's error answers: status, code, message, and the XML body that begins with a BOM.
//! Codes and texts are those of the real service (recordings and "Blob service error codes").

use std::{borrow::Cow, fmt};

use axum::body::Body;
use http::{HeaderValue, Method, Response, StatusCode, header};

use crate::blob::{time, xml};

/// One refusal, as the Blob service words it.
#[derive(Clone, Debug)]
pub struct BlobError {
    pub status: StatusCode,
    pub code: Cow<'static, str>,
    message: &'static str,
    /// Further elements of the body, such as `AuthenticationErrorDetail`.
    elements: Vec<(&'static str, String)>,
    /// Further headers, such as the challenge.
    headers: Vec<(&'static str, String)>,
}

/// What engine and front answer with.
pub type Result<T> = std::result::Result<T, BlobError>;

macro_rules! answers {
    ($($(#[$doc:meta])* $name:ident $status:literal $code:literal $message:literal;)+) => {
        impl BlobError {$(
            $(#[$doc])*
            pub fn $name() -> Self {
                Self::new($status, $code, $message)
            }
        )+}
    };
}

answers! {
    account_not_found 404 "ResourceNotFound" "The specified resource does not exist.";
    resource_not_found 404 "ResourceNotFound" "The specified resource does not exist.";
    container_not_found 404 "ContainerNotFound" "The specified container does not exist.";
    container_exists 409 "ContainerAlreadyExists" "The specified container already exists.";
    blob_not_found 404 "BlobNotFound" "The specified blob does not exist.";
    blob_exists 409 "BlobAlreadyExists" "The specified blob already exists.";
    blob_archived 409 "BlobArchived" "This operation is not permitted on an archived blob.";
    no_overwrite 403 "UnauthorizedBlobOverwrite" "This request is not authorized to perform blob overwrites.";
    condition_not_met 412 "ConditionNotMet" "The condition specified using HTTP conditional header(s) is not met.";
    multiple_conditions 400 "MultipleConditionHeadersNotSupported" "Multiple condition headers are not supported.";
    lease_id_missing 412 "LeaseIdMissing" "There is currently a lease on the blob and no lease ID was specified in the request.";
    immutable_by_policy 409 "BlobImmutableDueToPolicy" "This operation is not permitted as the blob is immutable due to a policy.";
    immutable_by_hold 409 "BlobImmutableDueToLegalHold" "This operation is not permitted as the blob is immutable due to one or more legal holds.";
    container_being_deleted 409 "ContainerBeingDeleted" "The specified container is being deleted. Try operation later.";
    blob_rehydrating 409 "BlobBeingRehydrated" "This operation is not permitted because the blob is being rehydrated.";
    not_modified 304 "ConditionNotMet" "The condition specified using HTTP conditional header(s) is not met.";
    invalid_resource_name 400 "InvalidResourceName" "The specified resource name contains invalid characters.";
    invalid_uri 400 "InvalidUri" "The requested URI does not represent any resource on the server.";
    invalid_xml 400 "InvalidXmlDocument" "XML specified is not syntactically valid.";
    invalid_block_list 400 "InvalidBlockList" "The specified block list is invalid.";
    md5_mismatch 400 "Md5Mismatch" "The MD5 value specified in the request did not match the MD5 value calculated by the server.";
    body_too_large 413 "RequestBodyTooLarge" "The request body is too large and exceeds the maximum permissible limit.";
    length_required 411 "MissingContentLengthHeader" "Content-Length HTTP header is missing.";
    not_implemented 501 "NotImplemented" "The requested operation is not implemented on the specified resource.";
    internal 500 "InternalError" "The server encountered an internal error. Please retry the request.";
    /// Network rules: says the same whether the data exists or not.
    firewall 403 "AuthorizationFailure" "This request is not authorized to perform this operation.";
    permission_mismatch 403 "AuthorizationPermissionMismatch" "This request is not authorized to perform this operation using this permission.";
    source_ip_mismatch 403 "AuthorizationSourceIPMismatch" "This request is not authorized to perform this operation using this source IP.";
    protocol_mismatch 403 "AuthorizationProtocolMismatch" "This request is not authorized to perform this operation using this protocol.";
    service_mismatch 403 "AuthorizationServiceMismatch" "This request is not authorized to perform this operation using this service.";
    resource_type_mismatch 403 "AuthorizationResourceTypeMismatch" "This request is not authorized to perform this operation using this resource type.";
    shared_key_disabled 403 "KeyBasedAuthenticationNotPermitted" "Key based authentication is not permitted on this storage account.";
    public_access_disabled 409 "PublicAccessNotPermitted" "Public access is not permitted on this storage account.";
    https_required 400 "AccountRequiresHttps" "The account being accessed does not support http.";
    cors_forbidden 403 "CorsPreflightFailure" "CORS not enabled or no matching rule found for this request.";
}

impl fmt::Display for BlobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status.as_u16(), self.code)
    }
}

impl std::error::Error for BlobError {}

impl BlobError {
    /// Any answer of the service.
    pub fn new(status: u16, code: impl Into<Cow<'static, str>>, message: &'static str) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self {
            status,
            code: code.into(),
            message,
            elements: Vec::new(),
            headers: Vec::new(),
        }
    }

    /// The answer of an ordered fault, with the status' usual code unless one is given.
    pub fn of_status(status: u16, code: Option<String>) -> Self {
        let mut error = match status {
            429 => Self::new(429, "TooManyRequests", "The request rate is too high."),
            503 => Self::new(503, "ServerBusy", "The server is busy."),
            500 => Self::internal(),
            other => Self::new(
                other,
                "OperationTimedOut",
                "The operation could not be completed within the permitted time.",
            ),
        };
        if let Some(code) = code {
            error.code = code.into();
        }
        error
    }

    /// 403 with the reason that Azure adds for the developer.
    pub fn authentication_failed(detail: impl Into<String>) -> Self {
        Self::new(
            403,
            "AuthenticationFailed",
            "Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly including the signature.",
        )
        .element("AuthenticationErrorDetail", detail)
    }

    /// 401 without a credential; the challenge names the tenant that owns the account.
    pub fn no_authentication(challenge: &str) -> Self {
        Self::new(
            401,
            "NoAuthenticationInformation",
            "Server failed to authenticate the request. Please refer to the information in the www-authenticate header.",
        )
        .header("www-authenticate", challenge)
    }

    /// 401 for a token this account does not believe, with the same challenge.
    pub fn invalid_authentication(challenge: &str, detail: impl Into<String>) -> Self {
        Self::new(
            401,
            "InvalidAuthenticationInfo",
            "Server failed to authenticate the request. Please refer to the information in the www-authenticate header.",
        )
        .header("www-authenticate", challenge)
        .element("AuthenticationErrorDetail", detail)
    }

    /// 416; `size` is the blob's.
    pub fn invalid_range(size: u64) -> Self {
        Self::new(
            416,
            "InvalidRange",
            "The range specified is invalid for the current size of the resource.",
        )
        .header("content-range", format!("bytes */{size}"))
    }

    /// 400 naming the header and the value that is wrong.
    pub fn invalid_header(name: &str, value: &str) -> Self {
        Self::new(
            400,
            "InvalidHeaderValue",
            "The value for one of the HTTP headers is not in the correct format.",
        )
        .element("HeaderName", name)
        .element("HeaderValue", value)
    }

    /// 400 naming the header that is absent.
    pub fn missing_header(name: &str) -> Self {
        Self::new(
            400,
            "MissingRequiredHeader",
            "An HTTP header that's mandatory for this request is not specified.",
        )
        .element("HeaderName", name)
    }

    /// 400 naming the query parameter and the value that is wrong.
    pub fn invalid_query(name: &str, value: &str) -> Self {
        Self::new(
            400,
            "InvalidQueryParameterValue",
            "Value for one of the query parameters specified in the request URI is invalid.",
        )
        .element("QueryParameterName", name)
        .element("QueryParameterValue", value)
    }

    /// Adds an element to the body.
    #[must_use]
    pub fn element(mut self, name: &'static str, text: impl Into<String>) -> Self {
        self.elements.push((name, text.into()));
        self
    }

    /// Adds a response header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The HTTP answer; a HEAD and a 304 carry headers only.
    pub fn render(&self, method: &Method, request_id: &str, now_ms: i64) -> Response<Body> {
        let bodiless = method == Method::HEAD || self.status == StatusCode::NOT_MODIFIED;
        let body = if bodiless {
            Vec::new()
        } else {
            self.body(request_id, now_ms)
        };
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if let Ok(code) = HeaderValue::from_str(&self.code) {
            headers.insert("x-ms-error-code", code);
        }
        if !bodiless {
            headers.insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/xml"),
            );
        }
        for (name, value) in &self.headers {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(*name, value);
            }
        }
        response
    }

    fn body(&self, request_id: &str, now_ms: i64) -> Vec<u8> {
        let mut body = xml::document();
        body.extend_from_slice(b"<Error>");
        xml::element(&mut body, "Code", &self.code);
        let message = format!(
            "{}\nRequestId:{request_id}\nTime:{}",
            self.message,
            time::iso(now_ms)
        );
        xml::element(&mut body, "Message", &message);
        for (name, text) in &self.elements {
            xml::element(&mut body, name, text);
        }
        body.extend_from_slice(b"</Error>");
        body
    }
}
