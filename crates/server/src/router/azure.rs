//! The routes of Azure links: connecting by browser, the pages, the API.

use axum::routing::MethodFilter;
use model::Permission::ManageOrganization;

use crate::{
    api::azure_links,
    pages::{connect, integrations},
    parameters::{one_of, text},
    routes::{ANYBODY, OWNERS, Routes, op},
};

pub(super) fn azure_routes(routes: Routes) -> Routes {
    let (get, post) = (MethodFilter::GET, MethodFilter::POST);
    routes
        .page("/settings/integrations", get, OWNERS, integrations::show)
        .part("/settings/integrations/events", get, OWNERS, integrations::events)
        .page("/settings/integrations/anonymous", post, OWNERS, integrations::set_anonymous)
        .page("/settings/integrations/{tenant}", get, OWNERS, integrations::show_link)
        .page("/settings/integrations/{tenant}/claim", post, OWNERS, integrations::claim)
        .page("/settings/integrations/{tenant}/agreement", post, OWNERS, integrations::agree)
        .page("/settings/integrations/{tenant}/check", post, OWNERS, integrations::check)
        .page("/settings/integrations/{tenant}/unlink", get, OWNERS, integrations::confirm_unlink)
        .page("/settings/integrations/{tenant}/unlink", post, OWNERS, integrations::unlink)
        .page("/connect/azure/start", post, OWNERS, connect::start)
        .page("/connect/azure/callback", get, ANYBODY, connect::signed_in)
        .page("/connect/azure/consent", post, OWNERS, connect::ask_consent)
        .page("/connect/azure/consented", get, ANYBODY, connect::consented)
        .page("/connect/azure/check", post, OWNERS, connect::check)
        .page("/connect/azure/cancel", post, OWNERS, connect::cancel)
        .get(
            "/api/azure-links",
            azure_links::list,
            op("The organization's Azure links, and what the caller has begun to connect.")
                .needs(ManageOrganization)
                .returns::<azure_links::IntegrationsView>(200),
        )
        .post(
            "/api/azure-links/pending/check",
            azure_links::check_pending,
            op("Asks Entra ID now whether the tenant that the caller connects has consented; links it if so.")
                .needs(ManageOrganization)
                .returns::<azure_links::IntegrationsView>(200),
        )
        .patch(
            "/api/azure-links/settings",
            azure_links::settings,
            op("Allows or forbids reading blobs outside storages without a credential while nothing is linked.")
                .needs(ManageOrganization)
                .takes::<azure_links::AnonymousInput>()
                .returns::<azure_links::IntegrationsView>(200),
        )
        .delete(
            "/api/azure-links/{tenant}",
            azure_links::unlink,
            op("Unlinks a tenant from this instant on. Nothing is revoked in Azure; the answer says what stays there.")
                .needs(ManageOrganization)
                .returns::<azure_links::UnlinkedView>(200),
        )
        .post(
            "/api/azure-links/{tenant}/check",
            azure_links::check,
            op("Asks Entra ID whether the link still works.")
                .needs(ManageOrganization)
                .returns::<azure_links::IntegrationsView>(200),
        )
        .get(
            "/api/azure-links/{tenant}/grants",
            azure_links::grants,
            op("Which roles to grant on a container, ready to run, and which act already.")
                .needs(ManageOrganization)
                .query([text("account"), text("container"), one_of("purpose", &["read", "export"])])
                .returns::<azure_links::GrantsView>(200),
        )
        .post(
            "/api/azure-links/{tenant}/claim",
            azure_links::claim,
            op("Claims a container: by the proven link where nobody else is, else by the blob that proves control.")
                .needs(ManageOrganization)
                .takes::<azure_links::ContainerInput>()
                .returns::<azure_links::ClaimView>(200),
        )
        .post(
            "/api/azure-links/{tenant}/agreement",
            azure_links::agree,
            op("Agrees that another organization which has linked the tenant may claim its containers, or takes that back.")
                .needs(ManageOrganization)
                .takes::<azure_links::AgreementInput>()
                .returns::<azure_links::IntegrationsView>(200),
        )
}
