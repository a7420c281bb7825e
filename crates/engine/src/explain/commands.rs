//! Ready `az` commands, filled with the names at hand. What is not known is written in
//! CAPITALS; nothing that came from outside can end its quoting.

use model::{Credential, IdentityId};

use super::Situation;

/// What a role is granted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    Container,
    Account,
}

/// Grants a role to the credential's identity.
pub(super) fn assign_role(at: &Situation<'_>, role: &str, scope: Scope) -> String {
    let below = match scope {
        Scope::Account => String::new(),
        Scope::Container => format!("/blobServices/default/containers/{}", at.container),
    };
    format!(
        "az role assignment create --role \"{role}\" {} --scope \"$(az storage account show --name {} --query id --output tsv){below}\"",
        assignee(at),
        at.account,
    )
}

/// The identity as `az role assignment create` takes it.
fn assignee(at: &Situation<'_>) -> String {
    match at.credential {
        Credential::ServicePrincipal { client_id, .. } => {
            format!("--assignee {}", quote(client_id))
        }
        Credential::AzureLink { .. } => {
            format!(
                "--assignee {}",
                quote(at.app_client_id.unwrap_or("CLIENT_ID"))
            )
        }
        Credential::ManagedIdentity { identity, .. } => match identity {
            IdentityId::ClientId(id) => format!("--assignee {}", quote(id)),
            IdentityId::ObjectId(id) => {
                format!(
                    "--assignee-object-id {} --assignee-principal-type ServicePrincipal",
                    quote(id)
                )
            }
            IdentityId::ResourceId(id) => format!(
                "--assignee-object-id \"$(az identity show --ids {} --query principalId --output tsv)\" --assignee-principal-type ServicePrincipal",
                quote(id)
            ),
            IdentityId::SystemAssigned => {
                "--assignee-object-id PRINCIPAL_ID --assignee-principal-type ServicePrincipal"
                    .to_owned()
            }
        },
        Credential::AccountKey { .. } | Credential::Sas { .. } | Credential::Anonymous => {
            "--assignee CLIENT_ID".to_owned()
        }
    }
}

pub(super) fn create_container(at: &Situation<'_>) -> String {
    format!(
        "az storage container create --account-name {} --name {} --auth-mode login",
        at.account,
        quote(at.container.as_str())
    )
}

pub(super) fn rehydrate(at: &Situation<'_>) -> String {
    format!(
        "az storage blob set-tier --account-name {} --container-name {} --name {} --tier Hot --auth-mode login",
        at.account,
        quote(at.container.as_str()),
        quote(at.blob.map_or("BLOB", |blob| blob.as_str()))
    )
}

/// A word of a POSIX shell command line.
pub(super) fn quote(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn nothing_escapes_its_quotes() {
        assert_eq!(quote("a-b/c.png"), "a-b/c.png");
        assert_eq!(quote("$root"), "'$root'");
        assert_eq!(quote("it's; rm x"), r"'it'\''s; rm x'");
        assert_eq!(quote(""), "''");
    }
}
