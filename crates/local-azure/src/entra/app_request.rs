//! What sign-in and consent have in common: which app asks, whereto the answer goes, who acts.

use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};
use url::Url;

use super::{discovery::tenant_not_found, form::Form, refusal::Refusal};
use crate::{
    State,
    state::{App, AppAudience, Tenant, TenantUser},
};

/// A request of a known app to one of its own addresses: errors may go there from now on.
pub struct AppRequest<'r> {
    pub form: &'r Form,
    /// As the path names it.
    pub authority: &'r str,
    /// The tenant of a tenant-specific authority.
    pub tenant: Option<Tenant>,
    pub app: App,
    pub redirect_uri: Url,
}

impl<'r> AppRequest<'r> {
    /// # Errors
    /// What Entra says on its own page, because no address is known to be the app's.
    pub fn read(state: &State, authority: &'r str, form: &'r Form) -> Result<Self, Refusal> {
        let world = state.world();
        let tenant = match authority {
            "organizations" | "common" => None,
            named => Some(
                world
                    .tenant(named)
                    .map_err(|_| tenant_not_found(named, "invalid_request"))?
                    .clone(),
            ),
        };
        let client_id = form.required("client_id")?;
        let app = world
            .apps
            .get(&client_id.to_ascii_lowercase())
            .ok_or_else(|| Refusal::unknown_app(client_id, tenant.as_ref()))?;
        if app.audience == AppAudience::SingleTenant {
            match &tenant {
                None => {
                    return Err(Refusal::bad_request(
                        50194,
                        "invalid_request",
                        format!(
                            "Application '{client_id}'({}) is not configured as a multi-tenant \
                             application. Usage of the /common endpoint is not supported for such \
                             apps created after '10/15/2018'. Use a tenant-specific endpoint or \
                             configure the application to be multi-tenant.",
                            app.display_name
                        ),
                    ));
                }
                Some(tenant) if tenant.id != app.home_tenant => {
                    return Err(Refusal::unknown_app(client_id, Some(tenant)));
                }
                Some(_) => {}
            }
        }
        let asked = form.required("redirect_uri")?;
        let redirect_uri = Url::parse(asked)
            .ok()
            .filter(|_| app.redirect_uris.iter().any(|known| same(known, asked)))
            .ok_or_else(|| {
                Refusal::bad_request(
                    50011,
                    "invalid_request",
                    format!(
                        "The redirect URI '{asked}' specified in the request does not match the \
                         redirect URIs configured for the application '{client_id}'. Make sure the \
                         redirect URI sent in the request matches one added to your application in \
                         the Azure portal. Navigate to https://aka.ms/redirectUriMismatchError to \
                         learn more about how to troubleshoot this error."
                    ),
                )
            })?;
        Ok(Self {
            form,
            authority,
            tenant,
            app: app.clone(),
            redirect_uri,
        })
    }

    /// The person that `login_as` names, with their tenant; `None` while nobody was chosen.
    ///
    /// # Errors
    /// AADSTS50034 for a stranger.
    pub fn person(&self, state: &State) -> Result<Option<(Tenant, TenantUser)>, Refusal> {
        let Some(name) = self.form.get("login_as") else {
            return Ok(None);
        };
        let world = state.world();
        let (tenant, user) = world.user(name).ok_or_else(|| {
            Refusal::bad_request(
                50034,
                "invalid_grant",
                format!(
                    "The user account {name} does not exist in the {} directory. To sign into this \
                     application, the account must be added to the directory.",
                    self.authority
                ),
            )
        })?;
        Ok(Some((tenant.clone(), user.clone())))
    }

    /// AADSTS50020 when the authority is another tenant's.
    ///
    /// # Errors
    /// That one.
    pub fn check_tenant(&self, home: &Tenant, user: &TenantUser) -> Result<(), Refusal> {
        match &self.tenant {
            Some(tenant) if tenant.id != home.id => Err(Refusal::bad_request(
                50020,
                "access_denied",
                format!(
                    "User account '{}' from identity provider 'https://sts.windows.net/{}/' does not \
                     exist in tenant '{}' and cannot access the application '{}'({}) in that tenant. \
                     The account needs to be added as an external user in the tenant first. Sign out \
                     and sign in again with a different Azure Active Directory user account.",
                    user.user_principal_name,
                    home.id,
                    tenant.domain,
                    self.app.client_id,
                    self.app.display_name
                ),
            )),
            _ => Ok(()),
        }
    }

    /// Back to the app with these parameters and the request's `state`.
    pub fn answer<'p>(&self, parameters: impl IntoIterator<Item = (&'p str, String)>) -> Response {
        redirect(self.location(parameters).as_str())
    }

    pub fn location<'p>(&self, parameters: impl IntoIterator<Item = (&'p str, String)>) -> Url {
        let mut location = self.redirect_uri.clone();
        let state = self.form.owned("state").map(|state| ("state", state));
        location
            .query_pairs_mut()
            .extend_pairs(parameters.into_iter().chain(state));
        location
    }
}

/// 302, as Entra redirects.
pub fn redirect(location: &str) -> Response {
    (StatusCode::FOUND, [(header::LOCATION, location)]).into_response()
}

/// Registered addresses match as written, except that the port of a loopback address is free
/// (RFC 8252, section 7.3).
fn same(registered: &str, asked: &str) -> bool {
    let without_port = |text: &str| {
        let mut url = Url::parse(text).ok()?;
        let loopback = matches!(url.host_str(), Some("localhost" | "127.0.0.1"));
        (loopback && url.scheme() == "http" && url.set_port(None).is_ok()).then_some(url)
    };
    registered == asked
        || matches!((without_port(registered), without_port(asked)), (Some(known), Some(asked)) if known == asked)
}
