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
        Scope::Container => format!("/blobServices/default/containers/{}", at.container()),
    };
    format!(
        "az role assignment create --role \"{role}\" {} --scope \"$(az storage account show --name {} --query id --output tsv){below}\"",
        assignee(at),
        at.account(),
    )
}

/// Shows every role of the credential's identity, with its scope.
pub(super) fn list_roles(at: &Situation<'_>) -> String {
    let assignee = assignee(at)
        .replace("--assignee-object-id", "--assignee")
        .replace(" --assignee-principal-type ServicePrincipal", "");
    format!(
        "az role assignment list {assignee} --all --include-inherited --query \"[].{{role:roleDefinitionName,scope:scope,condition:condition}}\""
    )
}

/// The same grant as [`assign_role`] in Bicep; the ids are those of Azure's built-in roles.
pub(super) fn bicep_role(at: &Situation<'_>, role: &str, scope: Scope) -> String {
    let id = match role {
        "Storage Blob Data Reader" => "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
        "Storage Blob Data Contributor" => "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
        _ => "db58b8e5-c6ad-4a2a-8342-4190687cbf4a",
    };
    let (declared, symbol) = match scope {
        Scope::Account => (String::new(), "account"),
        Scope::Container => (
            format!(
                "resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2023-05-01' existing = {{\n  parent: account\n  name: 'default'\n}}\nresource container 'Microsoft.Storage/storageAccounts/blobServices/containers@2023-05-01' existing = {{\n  parent: blobs\n  name: '{}'\n}}\n",
                at.container()
            ),
            "container",
        ),
    };
    format!(
        "param principalId string\nresource account 'Microsoft.Storage/storageAccounts@2023-05-01' existing = {{\n  name: '{}'\n}}\n{declared}resource grant 'Microsoft.Authorization/roleAssignments@2022-04-01' = {{\n  scope: {symbol}\n  name: guid({symbol}.id, principalId, '{id}')\n  properties: {{\n    principalId: principalId\n    principalType: 'ServicePrincipal'\n    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '{id}')\n  }}\n}}\n",
        at.account()
    )
}

/// Lets a web page of this origin read the account's blobs.
pub(super) fn add_cors(at: &Situation<'_>, origin: &str) -> String {
    format!(
        "az storage cors add --services b --methods GET HEAD OPTIONS --origins {} --allowed-headers '*' --exposed-headers '*' --max-age 3600 --account-name {}",
        quote(origin),
        at.account()
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
        at.account(),
        quote(at.container())
    )
}

/// Ends a lease on the blob, or on the container where no blob is named.
pub(super) fn break_lease(at: &Situation<'_>) -> String {
    match at.blob {
        Some(blob) => format!(
            "az storage blob lease break --account-name {} --container-name {} --blob-name {} --auth-mode login",
            at.account(),
            quote(at.container()),
            quote(blob.as_str())
        ),
        None => of_container(at, "lease break", " --auth-mode login"),
    }
}

/// `az storage container WHAT` on this container.
pub(super) fn of_container(at: &Situation<'_>, what: &str, options: &str) -> String {
    format!(
        "az storage container {what} --account-name {} --container-name {}{options}",
        at.account(),
        quote(at.container())
    )
}

pub(super) fn rehydrate(at: &Situation<'_>) -> String {
    format!(
        "az storage blob set-tier --account-name {} --container-name {} --name {} --tier Hot --auth-mode login",
        at.account(),
        quote(at.container()),
        quote(at.blob.map_or("BLOB", |blob| blob.as_str()))
    )
}

pub(super) fn undelete(at: &Situation<'_>, blob: &str) -> String {
    format!(
        "az storage blob undelete --account-name {} --container-name {} --name {} --auth-mode login",
        at.account(),
        quote(at.container()),
        quote(blob)
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
