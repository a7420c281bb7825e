//! Ready texts that grant roles: az CLI, Bicep, Terraform, and a minimal custom role. Accounts and
//! containers are Azure's own names, so nothing in them can end a quoting but the `$` of `$root`.

use std::fmt::Write as _;

use model::{AccountName, ContainerName};

use super::{GrantPurpose, GrantScope, GrantedRole};

/// Who gets the roles.
pub(super) struct Principal<'a> {
    pub object_id: Option<&'a str>,
    pub client_id: Option<&'a str>,
}

impl Principal<'_> {
    /// As `az role assignment create` takes it; by object id it needs no look-up in the directory.
    fn assignee(&self) -> String {
        match self.object_id {
            Some(id) => {
                format!("--assignee-object-id {id} --assignee-principal-type ServicePrincipal")
            }
            None => format!("--assignee {}", self.client_id.unwrap_or("CLIENT_ID")),
        }
    }

    fn id(&self) -> &str {
        self.object_id.unwrap_or("PRINCIPAL_OBJECT_ID")
    }
}

pub(super) fn az(
    roles: &[GrantedRole],
    to: &Principal<'_>,
    account: &AccountName,
    container: &ContainerName,
) -> String {
    let lines: Vec<String> = roles
        .iter()
        .map(|role| assign(role.name, to, account, container, role.scope))
        .collect();
    lines.join("\n")
}

fn assign(
    role: &str,
    to: &Principal<'_>,
    account: &AccountName,
    container: &ContainerName,
    scope: GrantScope,
) -> String {
    let below = match scope {
        GrantScope::Account => String::new(),
        GrantScope::Container => format!(
            "/blobServices/default/containers/{}",
            container.as_str().replace('$', "\\$")
        ),
    };
    format!(
        "az role assignment create --role \"{role}\" {} --scope \"$(az storage account show --name {account} --query id --output tsv){below}\"",
        to.assignee()
    )
}

pub(super) fn bicep(
    roles: &[GrantedRole],
    to: &Principal<'_>,
    account: &AccountName,
    container: &ContainerName,
) -> String {
    let mut text = format!(
        "// az deployment group create --resource-group GROUP --template-file longshore.bicep
param principalId string = '{}'

resource account 'Microsoft.Storage/storageAccounts@2023-05-01' existing = {{
  name: '{account}'

  resource blobs 'blobServices' existing = {{
    name: 'default'

    resource container 'containers' existing = {{
      name: '{container}'
    }}
  }}
}}
",
        to.id()
    );
    for (number, role) in roles.iter().enumerate() {
        let scope = match role.scope {
            GrantScope::Account => "account",
            GrantScope::Container => "account::blobs::container",
        };
        let _ = write!(
            text,
            "
// {name}
resource grant{number} 'Microsoft.Authorization/roleAssignments@2022-04-01' = {{
  scope: {scope}
  name: guid({scope}.id, principalId, '{id}')
  properties: {{
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '{id}')
  }}
}}
",
            name = role.name,
            id = role.id,
        );
    }
    text
}

pub(super) fn terraform(
    roles: &[GrantedRole],
    to: &Principal<'_>,
    account: &AccountName,
    container: &ContainerName,
) -> String {
    let mut text = format!(
        "data \"azurerm_storage_account\" \"longshore\" {{
  name                = \"{account}\"
  resource_group_name = \"GROUP\"
}}
"
    );
    for (number, role) in roles.iter().enumerate() {
        let below = match role.scope {
            GrantScope::Account => String::new(),
            GrantScope::Container => format!("/blobServices/default/containers/{container}"),
        };
        let _ = write!(
            text,
            "
resource \"azurerm_role_assignment\" \"longshore_{number}\" {{
  scope                = \"${{data.azurerm_storage_account.longshore.id}}{below}\"
  role_definition_name = \"{}\"
  principal_id         = \"{}\"
  principal_type       = \"ServicePrincipal\"
}}
",
            role.name,
            to.id(),
        );
    }
    text
}

/// The least that the purpose needs, as a role of one's own.
pub(super) fn custom_role(
    purpose: GrantPurpose,
    to: &Principal<'_>,
    account: &AccountName,
    container: &ContainerName,
) -> String {
    let (name, says, action) = match purpose {
        GrantPurpose::Read => ("Longshore blob reader", "Lists and reads blobs", "read"),
        GrantPurpose::Export => (
            "Longshore blob adder",
            "Adds blobs, and can neither read nor overwrite any",
            "add/action",
        ),
    };
    format!(
        "cat > longshore-role.json <<'JSON'
{{
  \"Name\": \"{name}\",
  \"Description\": \"{says}.\",
  \"Actions\": [],
  \"DataActions\": [\"Microsoft.Storage/storageAccounts/blobServices/containers/blobs/{action}\"],
  \"AssignableScopes\": [\"/subscriptions/SUBSCRIPTION_ID\"]
}}
JSON
az role definition create --role-definition @longshore-role.json
{}",
        assign(name, to, account, container, GrantScope::Container)
    )
}

#[cfg(test)]
mod tests {
    use model::{AccountName, ContainerName};

    use super::{GrantPurpose, Principal, az, bicep, custom_role, terraform};
    use crate::links::grants::{DELEGATOR, READER};

    const TO: Principal<'static> = Principal {
        object_id: Some("11111111-1111-1111-1111-111111111111"),
        client_id: None,
    };

    #[test]
    fn every_text_names_principal_account_container_and_roles() {
        let account = AccountName::parse("media1").unwrap();
        let container = ContainerName::parse("$web").unwrap();
        let roles = [READER, DELEGATOR];
        for text in [
            az(&roles, &TO, &account, &container),
            bicep(&roles, &TO, &account, &container),
            terraform(&roles, &TO, &account, &container),
        ] {
            for said in [
                "11111111-1111",
                "media1",
                "web",
                "Storage Blob Data Reader",
                "Storage Blob Delegator",
            ] {
                assert!(text.contains(said), "{said} in {text}");
            }
        }
        // In a shell, `$web` in double quotes would be a variable.
        assert!(az(&roles, &TO, &account, &container).contains("containers/\\$web\""));
        let role = custom_role(GrantPurpose::Export, &TO, &account, &container);
        let json = role
            .split("JSON'\n")
            .nth(1)
            .unwrap()
            .split("\nJSON")
            .next()
            .unwrap();
        let json: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!(
            json["DataActions"][0],
            "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/add/action"
        );
    }
}
