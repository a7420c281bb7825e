//! The words of Azure and of labeling that pages explain beside them.

/// Why there is no Azure link at all, and who changes that.
pub(crate) const NO_APP: &str = "This server cannot connect to Azure by a link yet: whoever runs it registers an app in Entra ID and sets LONGSHORE_APP_CLIENT_ID with its proof, as docs/azure-app.md of the source says. A service principal, a managed identity, a SAS token or an account key of your own works without.";

/// What the word means, in a sentence or two. A template that asks for another word shows nothing;
/// a test holds that none does.
pub(crate) fn meaning(word: &str) -> &'static str {
    WORDS
        .iter()
        .find(|(known, _)| *known == word)
        .map_or("", |(_, meaning)| meaning)
}

const WORDS: [(&str, &str); 26] = [
    (
        "Azure link",
        "Your organization's proven, consented connection to one tenant of Entra ID. Longshore reads with a token of that tenant: no account key, no secret of yours.",
    ),
    (
        "tenant",
        "Your company's directory in Microsoft Entra ID, for instance contoso.onmicrosoft.com. Its id is a GUID, shown in the Azure portal under Microsoft Entra ID, Overview.",
    ),
    (
        "subscription",
        "What Azure bills: storage accounts live in one. Its id is in the scope of a role assignment.",
    ),
    (
        "service principal",
        "An application's identity in a tenant. Roles are assigned to it as to a person.",
    ),
    (
        "app registration",
        "The description of an application in Entra ID: its client id and how it proves itself (a secret, a certificate, or a managed identity).",
    ),
    (
        "client id",
        "The id of an app registration (Application ID), a GUID: Entra ID, App registrations, Overview.",
    ),
    (
        "client secret",
        "A password of an app registration: Certificates & secrets, New client secret. Paste its Value, not its Secret ID.",
    ),
    (
        "certificate",
        "A PEM file with the private key and the certificate whose public part was uploaded to the app registration.",
    ),
    (
        "admin consent",
        "An administrator's agreement, once for the whole tenant, that this application may exist there. It gives no access to any data: roles do.",
    ),
    (
        "role assignment",
        "The grant: a role (what), a principal (who), a scope (where: an account or one container). It can take up to ten minutes to act.",
    ),
    (
        "managed identity",
        "An identity that Azure gives to the machine Longshore runs on. Nothing secret is stored anywhere.",
    ),
    (
        "storage account",
        "The name before .blob.core.windows.net: 3 to 24 small letters and digits.",
    ),
    (
        "container",
        "The first part of a blob's path, like a top folder: 3 to 63 small letters, digits and dashes.",
    ),
    ("blob", "One file in a container."),
    (
        "prefix",
        "Only blobs whose names begin so. A folder's prefix ends with a slash: photos/2026/.",
    ),
    (
        "ETag",
        "A mark that Azure changes with every change of a blob; Longshore sees by it that a blob is another one now.",
    ),
    (
        "account key",
        "A password for everything in the storage account, for ever. Every other way in is safer; many companies switch keys off.",
    ),
    (
        "SAS",
        "A signed address or token that opens a part of Azure Storage until a set time, without signing in.",
    ),
    (
        "user delegation SAS",
        "A SAS that Azure signs for an identity instead of an account key. It needs the role Storage Blob Delegator on the account, and lives 7 days at most.",
    ),
    (
        "pre-signed URL",
        "The browser gets the blob straight from Azure, by a SAS that lives for minutes. The storage account must allow this site by CORS.",
    ),
    (
        "proxy",
        "The browser gets the blob through Longshore, which reads it from Azure. Nothing has to be set in Azure.",
    ),
    (
        "CORS",
        "The storage account's list of web sites whose pages may read its blobs. Pre-signed URLs need this site in it.",
    ),
    ("source storage", "A container that tasks come from."),
    (
        "target storage",
        "A container that annotations are written to.",
    ),
    (
        "sync",
        "Looking through the container for new and changed blobs. What was imported is never imported twice.",
    ),
    (
        "labeling config",
        "The form that annotators see, in Label Studio's XML: what is shown, and which labels there are.",
    ),
];

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::meaning;

    /// Every `words::help("…")` of the templates.
    fn asked(folder: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            if entry.path().is_dir() {
                asked(&entry.path(), found);
                continue;
            }
            let text = fs::read_to_string(entry.path()).unwrap_or_default();
            let words = text.split("::help(\"").skip(1);
            found.extend(words.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())));
        }
    }

    #[test]
    fn every_word_that_a_page_explains_is_explained() {
        let mut words = Vec::new();
        asked(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("templates"),
            &mut words,
        );
        let unknown: Vec<_> = words
            .iter()
            .filter(|word| meaning(word).is_empty())
            .collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }
}
