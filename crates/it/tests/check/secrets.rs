//! Account keys, and accounts that do not take them.

use reqwest::Method;
use serde_json::json;

use super::{
    case::{Case, cases},
    lab::Lab,
};

/// Base64 of the right length.
const OTHER_KEY: &str =
    "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eA==";

cases! {
    key_of_another_account: async |lab: &Lab| {
        let fields = lab.by_key(json!({"account_key": OTHER_KEY}));
        Ok(Case::new(fields, "list", "account_key_rejected").fixed_by_entering("account_key"))
    };
    key_rotated: async |lab: &Lab| {
        let fields = lab.by_key(json!({}));
        let path = format!("/accounts/{}/rotate-keys", lab.account.name);
        lab.azure.control(Method::POST, &path, &json!({})).await?;
        Ok(Case::new(fields, "list", "account_key_rejected").fixed_by_entering("account_key"))
    };
    shared_key_off: async |lab: &Lab| {
        lab.switch(json!({"allow_shared_key": false})).await?;
        Ok(Case::new(lab.by_key(json!({})), "list", "shared_key_disabled").fixed())
    };
}
