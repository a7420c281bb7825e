//! Between the machine and Azure: names, certificates, clocks, firewalls, limits, silence.

use serde_json::json;

use super::{
    case::{Case, cases},
    lab::Lab,
};

/// The listing of a container, and nothing else that a check asks.
const LISTING: &str = "restype=container&comp=list";

cases! {
    account_name_misspelt: async |lab: &Lab| {
        let fields = lab.by_key(json!({"account_name": "contosdata"}));
        Ok(Case::new(fields, "dns", "account_not_found").says("contosdata"))
    };
    no_account_of_that_name: async |lab: &Lab| {
        lab.profile(|line| Some(match line.split_once(" = ") {
            Some(("blob_endpoint", _)) => "blob_endpoint = \"https://{account}.blob.invalid\"".to_owned(),
            _ => line.to_owned(),
        }))?;
        Ok(Case::new(lab.by_key(json!({})), "dns", "account_not_found").says("contosodata"))
    };
    nobody_listens: async |lab: &Lab| {
        // The discard port.
        lab.profile(|line| Some(match line.split_once(" = ") {
            Some(("blob_endpoint", _)) => "blob_endpoint = \"https://127.0.0.1:9/{account}\"".to_owned(),
            _ => line.to_owned(),
        }))?;
        Ok(Case::new(lab.by_key(json!({})), "tls", "unreachable"))
    };
    certificate_authority_unknown: async |lab: &Lab| {
        lab.profile(|line| (!line.starts_with("extra_ca_file")).then(|| line.to_owned()))?;
        Ok(Case::new(lab.by_key(json!({})), "tls", "certificate_untrusted"))
    };
    clock_twenty_minutes_behind: async |lab: &Lab| {
        lab.azure.control(reqwest::Method::PUT, "/clock", &json!({"offset_ms": 1_200_000})).await?;
        Ok(Case::new(lab.by_key(json!({})), "clock", "clock_skew").says("behind"))
    };
    clock_twenty_minutes_ahead: async |lab: &Lab| {
        let client = lab.reader().await?;
        lab.azure.control(reqwest::Method::PUT, "/clock", &json!({"offset_ms": -1_200_000})).await?;
        let fields = lab.by_secret(&client.app, &client.secret, json!({}));
        Ok(Case::new(fields, "clock", "clock_skew").says("ahead"))
    };
    clock_seven_minutes_ahead: async |lab: &Lab| {
        lab.azure.control(reqwest::Method::PUT, "/clock", &json!({"offset_ms": -420_000})).await?;
        Ok(Case::new(lab.by_key(json!({})), "clock", "clock_drifts").state("advice").says("7 minutes"))
    };
    firewall: async |lab: &Lab| {
        lab.switch(json!({"firewall_open": false})).await?;
        Ok(Case::new(lab.by_key(json!({})), "network", "firewall").fixed().fill("ADDRESS", "127.0.0.1"))
    };
    firewall_for_a_reader: async |lab: &Lab| {
        let client = lab.reader().await?;
        lab.switch(json!({"firewall_open": false})).await?;
        let fields = lab.by_secret(&client.app, &client.secret, json!({}));
        Ok(Case::new(fields, "network", "firewall").fixed().fill("ADDRESS", "127.0.0.1"))
    };
    account_throttled: async |lab: &Lab| {
        lab.fault("blob", LISTING, json!({"status": {"status": 503, "retry_after_s": 1}})).await?;
        Ok(Case::new(lab.by_key(json!({})), "list", "throttled").azure_code("ServerBusy"))
    };
    entra_throttled: async |lab: &Lab| {
        let client = lab.reader().await?;
        lab.fault("entra", "/token", json!({"status": {"status": 429, "retry_after_s": 60}})).await?;
        let fields = lab.by_secret(&client.app, &client.secret, json!({}));
        Ok(Case::new(fields, "sign_in", "throttled"))
    };
    account_silent: async |lab: &Lab| {
        lab.fault("blob", LISTING, json!({"delay": {"ms": 120_000}})).await?;
        Ok(Case::new(lab.by_key(json!({})), "list", "timed_out"))
    };
    entra_silent: async |lab: &Lab| {
        let client = lab.reader().await?;
        lab.fault("entra", "/token", json!({"delay": {"ms": 120_000}})).await?;
        let fields = lab.by_secret(&client.app, &client.secret, json!({}));
        Ok(Case::new(fields, "sign_in", "timed_out"))
    };
    connection_breaks: async |lab: &Lab| {
        lab.fault("blob", "GET /contosodata/media/cats/a.png", json!({"cut_body": {"after_bytes": 0}})).await?;
        Ok(Case::new(lab.by_key(json!({})), "read", "interrupted"))
    };
    /// Nothing is guessed: the raw code is shown.
    an_answer_that_nobody_knows: async |lab: &Lab| {
        let fault = json!({"status": {"status": 403, "code": "InventedLastNight"}});
        lab.fault("blob", LISTING, fault).await?;
        Ok(Case::new(lab.by_key(json!({})), "list", "azure_error")
            .state("unknown")
            .azure_code("InventedLastNight")
            .says("InventedLastNight"))
    };
}
