//! Pre-signed URLs are read by pages: the account must let their origin in.

use serde_json::{Value, json};

use super::{
    case::{Case, cases},
    lab::Lab,
};

/// A rule for every origin.
pub fn everybody() -> Value {
    rule("*")
}

fn rule(origin: &str) -> Value {
    json!({"cors": [{
        "allowed_origins": [origin], "allowed_methods": ["GET", "HEAD", "OPTIONS"],
        "allowed_headers": ["*"], "exposed_headers": ["*"], "max_age_in_seconds": 60,
    }]})
}

const ORIGIN: &str = "https://labels.contoso.example";

fn presigned(lab: &Lab) -> Case {
    let fields = lab.by_key(json!({"presign": true, "origin": ORIGIN}));
    Case::new(fields, "cors", "cors_missing")
        .says(ORIGIN)
        .fixed()
}

cases! {
    no_rule: async |lab: &Lab| Ok(presigned(lab));
    rule_for_another_origin: async |lab: &Lab| {
        lab.switch(rule("https://another.contoso.example")).await?;
        Ok(presigned(lab))
    };
    rule_for_another_method: async |lab: &Lab| {
        let mut rules = rule(ORIGIN);
        rules["cors"][0]["allowed_methods"] = json!(["PUT"]);
        lab.switch(rules).await?;
        Ok(presigned(lab))
    };
}
