//! What is looked at of every request's head before anything else: heads that no client of ours
//! sends, and that would cost more than they are worth.
//!
//! Its length and its number of headers are bounded where it is read (`serve.rs`).

use axum::{extract::Request, http::header};
use model::budgets;

use crate::error::ApiError;

/// # Errors
/// 414 on an address that is too long, 400 on too many parameters, and on two hosts, between which
/// a proxy and we could choose differently (RFC 9112, section 3.2).
pub(crate) fn check(request: &Request) -> Result<(), ApiError> {
    let uri = request.uri();
    let query = uri.query().unwrap_or_default();
    if uri.path().len() + query.len() > budgets::ADDRESS {
        return Err(ApiError::address_too_long());
    }
    if query.split('&').count() > budgets::PARAMETERS {
        return Err(ApiError::invalid_request(format!(
            "The query has more than {} parameters.",
            budgets::PARAMETERS
        )));
    }
    if request
        .headers()
        .get_all(header::HOST)
        .iter()
        .nth(1)
        .is_some()
    {
        return Err(ApiError::invalid_request(
            "The request has more than one Host header.",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::Request};

    use super::check;

    #[test]
    fn a_head_that_costs_too_much_is_refused() {
        let request = |uri: String| Request::get(uri).body(Body::empty()).unwrap();
        let blob = "%C3%A9".repeat(1_024);
        assert!(check(&request(format!("/tasks/1/resolve?fileuri={blob}"))).is_ok());
        assert!(check(&request(format!("/?{}", "x".repeat(20_000)))).is_err());
        assert!(check(&request(format!("/{}", "x".repeat(20_000)))).is_err());
        assert!(check(&request(format!("/?{}", "a=1&".repeat(99)))).is_ok());
        assert!(check(&request(format!("/?{}", "a=1&".repeat(100)))).is_err());
        let hosts = |second| {
            let request = Request::get("/").header("Host", "a").header(second, "a");
            check(&request.body(Body::empty()).unwrap())
        };
        assert!(hosts("Host").is_err());
        assert!(hosts("Accept").is_ok());
    }
}
