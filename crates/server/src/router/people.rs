//! The routes of people: members, invitations, tokens, sessions, the audit log.

use axum::routing::MethodFilter;
use model::Permission::ManageOrganization;

use crate::{
    api::{audit, invites, members, named_tokens},
    pages::{account, audit_page, entra, invitation, members_page, tokens_page},
    routes::{ANYBODY, MEMBERS, OWNERS, Routes, op},
};

pub(super) fn people_routes(routes: Routes) -> Routes {
    let (get, post) = (MethodFilter::GET, MethodFilter::POST);
    routes
        .page("/settings", get, MEMBERS, account::settings)
        .page("/settings/account", get, MEMBERS, account::show)
        .page(
            "/settings/account/password",
            post,
            MEMBERS,
            account::change_password,
        )
        .page(
            "/settings/account/sign-out-everywhere",
            post,
            MEMBERS,
            account::sign_out_everywhere,
        )
        .page("/settings/account/entra", post, MEMBERS, entra::connect)
        .page(
            "/settings/account/entra/remove",
            post,
            MEMBERS,
            entra::remove,
        )
        .page("/user/login/entra", get, ANYBODY, entra::begin)
        .page("/settings/members", get, OWNERS, members_page::show)
        .page(
            "/settings/members/invite",
            post,
            OWNERS,
            members_page::invite,
        )
        .page(
            "/settings/members/{id}/role",
            post,
            OWNERS,
            members_page::change_role,
        )
        .page(
            "/settings/members/{id}/remove",
            post,
            OWNERS,
            members_page::remove,
        )
        .page(
            "/settings/invites/{id}/revoke",
            post,
            OWNERS,
            members_page::revoke_invite,
        )
        .page("/settings/tokens", get, MEMBERS, tokens_page::show)
        .page("/settings/tokens", post, MEMBERS, tokens_page::create)
        .page(
            "/settings/tokens/{id}/revoke",
            post,
            MEMBERS,
            tokens_page::revoke,
        )
        .page("/settings/audit", get, OWNERS, audit_page::show)
        .page("/invite/{secret}", get, ANYBODY, invitation::show)
        .page("/invite/{secret}", post, ANYBODY, invitation::accept)
        .get(
            "/api/members",
            members::list,
            op("The organization's members.")
                .needs(ManageOrganization)
                .lists::<members::MemberView>(200),
        )
        .patch(
            "/api/members/{id}",
            members::change_role,
            op("Gives a member another role, from their next request.")
                .needs(ManageOrganization)
                .takes::<members::RoleInput>()
                .returns::<members::MemberView>(200),
        )
        .delete(
            "/api/members/{id}",
            members::remove,
            op("Ends a membership, and the person's sessions and tokens with it.")
                .needs(ManageOrganization),
        )
        .get(
            "/api/invites",
            invites::list,
            op("The invitations that can still be accepted.")
                .needs(ManageOrganization)
                .lists::<invites::InviteView>(200),
        )
        .post(
            "/api/invites",
            invites::create,
            op("Invites a person by a link that is shown this once.")
                .needs(ManageOrganization)
                .takes::<invites::InviteInput>()
                .returns::<invites::InviteView>(201),
        )
        .delete(
            "/api/invites/{id}",
            invites::revoke,
            op("Takes an invitation back.").needs(ManageOrganization),
        )
        .get(
            "/api/api-tokens",
            named_tokens::list,
            op("The caller's API tokens, with their last use.")
                .lists::<named_tokens::NamedTokenView>(200),
        )
        .post(
            "/api/api-tokens",
            named_tokens::create,
            op("Makes a named API token; shown this once.")
                .takes::<named_tokens::NamedTokenInput>()
                .returns::<named_tokens::NewTokenView>(201),
        )
        .delete(
            "/api/api-tokens/{id}",
            named_tokens::revoke,
            op("Revokes one of the caller's API tokens from this instant."),
        )
        .post(
            "/api/current-user/sign-out-everywhere",
            members::sign_out_everywhere,
            op("Ends the caller's sessions and personal access tokens."),
        )
        .get(
            "/api/audit",
            audit::list,
            op("The audit log, newest first.")
                .needs(ManageOrganization)
                .query([&audit::PARAMETERS[..], &[audit::LIMIT]].concat())
                .lists::<audit::AuditView>(200),
        )
        .get(
            "/api/audit/export",
            audit::export,
            op("The audit log as JSON lines, newest first.")
                .needs(ManageOrganization)
                .query(audit::PARAMETERS)
                .returns::<audit::AuditView>(200),
        )
}
