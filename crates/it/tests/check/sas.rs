//! SAS tokens: out of their time, of the wrong reach, without a permission, not genuine; and none.

use reqwest::Method;
use serde_json::json;
use testkit::{Sas, SasScope};

use super::{
    case::{Case, cases},
    lab::{CONTAINER, Lab},
};

/// The case of a storage with this SAS, whose fix is a new one.
fn with(lab: &Lab, sas: &Sas<'_>, step: &'static str, code: &'static str) -> Case {
    let fields = lab.by_sas(&sas.signed_by(&lab.account), json!({}));
    Case::new(fields, step, code)
        .fixed_by_entering("sas_token")
        .fill("YYYY-MM-DDTHH:MMZ", Lab::in_hours(24))
}

fn of_container<'a>() -> Sas<'a> {
    Sas {
        scope: SasScope::Container(CONTAINER),
        ..Sas::default()
    }
}

cases! {
    expired: async |lab: &Lab| {
        let expiry = Lab::in_hours(-1);
        Ok(with(lab, &Sas { expiry: &expiry, ..of_container() }, "list", "sas_expired"))
    };
    account_sas_expired: async |lab: &Lab| {
        let expiry = Lab::in_hours(-24 * 400);
        Ok(with(lab, &Sas { expiry: &expiry, ..Sas::default() }, "list", "sas_expired"))
    };
    not_yet_valid: async |lab: &Lab| {
        let start = Lab::in_hours(2);
        Ok(with(lab, &Sas { start: &start, ..of_container() }, "list", "sas_not_yet_valid"))
    };
    without_list: async |lab: &Lab| {
        Ok(with(lab, &Sas { permissions: "r", ..of_container() }, "list", "sas_permission_missing")
            .says("l (list)"))
    };
    without_read: async |lab: &Lab| {
        Ok(with(lab, &Sas { permissions: "l", ..of_container() }, "read", "sas_permission_missing")
            .says("r (read)"))
    };
    of_one_blob: async |lab: &Lab| {
        let scope = SasScope::Blob(CONTAINER, "cats/a.png");
        Ok(with(lab, &Sas { scope, ..Sas::default() }, "list", "sas_one_blob_only"))
    };
    of_another_address: async |lab: &Lab| {
        let sas = Sas { address: "203.0.113.1-203.0.113.9", ..of_container() };
        Ok(with(lab, &sas, "list", "sas_address").azure_code("AuthorizationSourceIPMismatch"))
    };
    of_another_service: async |lab: &Lab| {
        let scope = SasScope::Account { services: "qt", types: "sco" };
        Ok(with(lab, &Sas { scope, ..Sas::default() }, "list", "sas_service"))
    };
    of_objects_and_not_containers: async |lab: &Lab| {
        let scope = SasScope::Account { services: "b", types: "o" };
        Ok(with(lab, &Sas { scope, ..Sas::default() }, "list", "sas_resource_type"))
    };
    signature_cut_off: async |lab: &Lab| {
        let token = of_container().signed_by(&lab.account);
        let fields = lab.by_sas(&token[..token.len() - 9], json!({}));
        Ok(Case::new(fields, "list", "sas_rejected")
            .fixed_by_entering("sas_token")
            .fill("YYYY-MM-DDTHH:MMZ", Lab::in_hours(24)))
    };
    signed_by_a_key_that_was_rotated: async |lab: &Lab| {
        let case = with(lab, &of_container(), "list", "sas_rejected");
        let path = format!("/accounts/{}/rotate-keys", lab.account.name);
        lab.azure.control(Method::POST, &path, &json!({})).await?;
        Ok(case)
    };
    of_an_account_without_shared_keys: async |lab: &Lab| {
        let fields = lab.by_sas(&of_container().signed_by(&lab.account), json!({}));
        lab.switch(json!({"allow_shared_key": false})).await?;
        Ok(Case::new(fields, "list", "shared_key_disabled").fixed())
    };
    https_only_over_http: async |lab: &Lab| {
        let http = format!("blob_endpoint = \"{}/{{account}}\"", lab.azure.endpoints.blob_http);
        lab.profile(|line| Some(match line.split_once(" = ") {
            Some(("blob_endpoint", _)) => http.clone(),
            _ => line.to_owned(),
        }))?;
        let sas = Sas { protocol: "https", ..of_container() };
        let fields = lab.by_sas(&sas.signed_by(&lab.account), json!({}));
        Ok(Case::new(fields, "list", "sas_protocol").azure_code("AuthorizationProtocolMismatch"))
    };
    nothing_and_the_container_is_private: async |lab: &Lab| {
        lab.switch(json!({"allow_public_access": true})).await?;
        Ok(Case::new(lab.by_sas("", json!({})), "list", "credential_required").says(&lab.tenant))
    };
    nothing_and_the_account_is_private: async |lab: &Lab| {
        Ok(Case::new(lab.by_sas("", json!({})), "list", "credential_required").says(&lab.tenant))
    };
    /// As an older front of the service answers it.
    nothing_and_anonymous_access_is_off: async |lab: &Lab| {
        let fault = json!({"status": {"status": 409, "code": "PublicAccessNotPermitted"}});
        lab.fault("blob", "restype=container", fault).await?;
        Ok(Case::new(lab.by_sas("", json!({})), "list", "public_access_disabled")
            .azure_code("PublicAccessNotPermitted"))
    };
    /// Blobs are public, their list is not.
    nothing_and_only_blobs_are_public: async |lab: &Lab| {
        lab.switch(json!({"allow_public_access": true})).await?;
        let path = format!("/accounts/{}/containers", lab.account.name);
        lab.post(&path, json!({"name": "blobs", "public_access": "blob"})).await?;
        let fields = lab.by_sas("", json!({"container": "blobs"}));
        Ok(Case::new(fields, "list", "credential_required"))
    };
    allows_more_than_is_needed: async |lab: &Lab| {
        let sas = Sas { permissions: "rwdl", protocol: "https", ..of_container() };
        Ok(with(lab, &sas, "least_privilege", "sas_more_rights").state("advice").says("wd"))
    };
    of_the_whole_account: async |lab: &Lab| {
        let sas = Sas { protocol: "https", ..Sas::default() };
        Ok(with(lab, &sas, "least_privilege", "sas_account_wide").state("advice"))
    };
    usable_without_encryption: async |lab: &Lab| {
        Ok(with(lab, &of_container(), "least_privilege", "sas_http_allowed").state("advice"))
    };
    expires_soon: async |lab: &Lab| {
        let expiry = Lab::in_hours(30);
        let sas = Sas { expiry: &expiry, protocol: "https", ..of_container() };
        let fields = lab.by_sas(&sas.signed_by(&lab.account), json!({}));
        Ok(Case::new(fields, "expiry", "expires_soon").state("advice").says("1 day"))
    };
}
