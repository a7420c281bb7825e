//! The `az` commands that fix things, on the local Azure's control endpoint. An option that is
//! not known is refused, as by `az`.

use std::{collections::BTreeMap, fs};

use anyhow::{Context, bail, ensure};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{Account, LocalAzure, Sas, SasScope};

/// A person at the command line.
pub struct Session<'a> {
    azure: &'a LocalAzure,
    /// The tenant that the person is signed in to.
    pub tenant: String,
}

/// What stands after the command's name.
struct Options(BTreeMap<String, Vec<String>>);

impl Options {
    /// `az GROUP… --option value…`: the command's name, and its options.
    fn split(words: &[String]) -> anyhow::Result<(String, Self)> {
        let (program, words) = words.split_first().context("a command")?;
        ensure!(program == "az", "{program} is not az");
        let first = words.iter().position(|word| word.starts_with('-'));
        let (name, rest) = words.split_at(first.unwrap_or(words.len()));
        let mut options = BTreeMap::new();
        let mut last = String::new();
        for word in rest {
            let is_option = word.len() > 1 && word.starts_with('-');
            if is_option {
                last = match word.as_str() {
                    "-n" => "--name",
                    "-g" => "--resource-group",
                    "-o" => "--output",
                    long => long,
                }
                .to_owned();
                let twice = options.insert(last.clone(), Vec::new()).is_some();
                ensure!(!twice, "{last} twice");
            } else {
                options.entry(last.clone()).or_default().push(word.clone());
            }
        }
        Ok((name.join(" "), Self(options)))
    }

    fn find(&mut self, name: &str) -> anyhow::Result<Option<String>> {
        let Some(mut values) = self.0.remove(name) else {
            return Ok(None);
        };
        ensure!(values.len() == 1, "{name} takes one value: {values:?}");
        Ok(values.pop())
    }

    fn one(&mut self, name: &str) -> anyhow::Result<String> {
        self.find(name)?
            .with_context(|| format!("{name} is required"))
    }

    fn many(&mut self, name: &str) -> anyhow::Result<Vec<String>> {
        self.0
            .remove(name)
            .with_context(|| format!("{name} is required"))
    }

    fn flag(&mut self, name: &str) -> anyhow::Result<bool> {
        match self.0.remove(name) {
            None => Ok(false),
            Some(values) => {
                ensure!(values.is_empty(), "{name} takes no value: {values:?}");
                Ok(true)
            }
        }
    }

    /// Options that change nothing here, such as the resource group of an account.
    fn ignore(&mut self, names: &[&str]) {
        for name in names {
            self.0.remove(*name);
        }
    }

    /// Nothing may be left over.
    fn end(self) -> anyhow::Result<()> {
        ensure!(self.0.is_empty(), "unrecognized arguments: {:?}", self.0);
        Ok(())
    }
}

impl<'a> Session<'a> {
    pub fn new(azure: &'a LocalAzure, tenant: &str) -> Self {
        Self {
            azure,
            tenant: tenant.to_owned(),
        }
    }

    /// What the command prints.
    ///
    /// # Errors
    /// As `FixCommand::apply`.
    pub async fn run(&mut self, words: &[String]) -> anyhow::Result<String> {
        let (name, mut options) = Options::split(words)?;
        let query = options.find("--query")?;
        let output = options.find("--output")?;
        let answer = match name.as_str() {
            "login" => self.login(&mut options).await?,
            "role assignment create" => self.assign_role(&mut options).await?,
            "storage account show" => {
                let account = self.account(&options.one("--name")?).await?;
                options.ignore(&["--resource-group"]);
                json!({"id": account["scope"], "name": account["name"]})
            }
            "storage account update" => self.update_account(&mut options).await?,
            "storage account keys list" => {
                let account = self.account(&options.one("--account-name")?).await?;
                options.ignore(&["--resource-group"]);
                json!([
                    {"keyName": "key1", "value": account["keys"][0]},
                    {"keyName": "key2", "value": account["keys"][1]},
                ])
            }
            "storage account network-rule add" => self.add_network_rule(&mut options).await?,
            "storage container create" => self.create_container(&mut options).await?,
            "storage container set-permission" => self.set_permission(&mut options).await?,
            "storage container generate-sas" => self.generate_sas(&mut options).await?,
            "storage blob undelete" => self.undelete(&mut options).await?,
            "storage blob set-tier" => self.set_tier(&mut options).await?,
            "storage cors add" => self.add_cors(&mut options).await?,
            "ad app credential reset" => self.reset_credential(&mut options).await?,
            "ad app update" => self.update_app(&mut options).await?,
            "ad app federated-credential create" => self.federate(&mut options).await?,
            "ad sp create" | "ad app permission admin-consent" => {
                let client = options.one("--id")?;
                let consent = json!({"tenant": self.tenant, "client_id": client});
                let made = self.post("/consent", &consent).await?;
                json!({"id": made["object_id"], "appId": client})
            }
            "ad sp show" => {
                let client = options.one("--id")?;
                json!({"id": self.principal(&client).await?, "appId": client})
            }
            "ad sp update" => self.update_principal(&mut options).await?,
            "identity show" => {
                let identity = self.identity(&options.one("--ids")?).await?;
                json!({"principalId": identity["object_id"], "clientId": identity["client_id"]})
            }
            "vm identity assign" | "webapp identity assign" => {
                self.assign_identity(&mut options).await?
            }
            _ => bail!("the local Azure has no: az {name}"),
        };
        options.end()?;
        let found = match &query {
            Some(query) => select(&answer, query)?,
            None => &answer,
        };
        Ok(match (output.as_deref(), found) {
            (Some("tsv"), Value::String(text)) => text.clone(),
            _ => found.to_string(),
        })
    }

    async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.azure.control(Method::POST, path, body).await
    }

    async fn patch(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.azure.control(Method::PATCH, path, body).await
    }

    /// The entry of a list in the state that has this value in one of these fields.
    async fn find(&self, list: &str, fields: &[&str], value: &str) -> anyhow::Result<Value> {
        let state = self
            .azure
            .control(Method::GET, "/state", &json!({}))
            .await?;
        let all = state[list].as_array().context("a list")?;
        let is = |entry: &&Value| {
            let here = entry["tenant"]
                .as_str()
                .is_none_or(|tenant| tenant == self.tenant);
            fields
                .iter()
                .any(|&field| entry[field].as_str() == Some(value))
                && here
        };
        let found = all.iter().find(is).cloned();
        found.with_context(|| format!("{} has none of {list} with {value}", self.tenant))
    }

    async fn account(&self, name: &str) -> anyhow::Result<Value> {
        self.find("accounts", &["name"], name).await
    }

    async fn known_account(&self, name: &str) -> anyhow::Result<Account> {
        let account = self.account(name).await?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok(Account {
            name: name.to_owned(),
            key: text(&account["keys"][0]),
            scope: text(&account["scope"]),
        })
    }

    async fn identity(&self, id: &str) -> anyhow::Result<Value> {
        let fields = ["resource_id", "client_id", "object_id"];
        self.find("identities", &fields, id).await
    }

    /// The object id of an app's service principal or of a managed identity.
    async fn principal(&self, id: &str) -> anyhow::Result<String> {
        let fields = ["client_id", "object_id"];
        let found = match self.find("service_principals", &fields, id).await {
            Ok(found) => found,
            Err(_) => self.identity(id).await?,
        };
        Ok(found["object_id"].as_str().context("object_id")?.to_owned())
    }

    async fn login(&mut self, options: &mut Options) -> anyhow::Result<Value> {
        let tenant = options.one("--tenant")?;
        let tenants = self.find("tenants", &["id"], &tenant).await?;
        self.tenant = tenant;
        Ok(tenants)
    }

    async fn assign_role(&self, options: &mut Options) -> anyhow::Result<Value> {
        let principal = match options.find("--assignee-object-id")? {
            Some(id) => {
                // Azure wants the kind along, when it cannot look the object up.
                let kind = options.one("--assignee-principal-type")?;
                ensure!(kind == "ServicePrincipal", "{kind}");
                id
            }
            None => self.principal(&options.one("--assignee")?).await?,
        };
        let body = json!({
            "principal": principal,
            "role": options.one("--role")?,
            "scope": options.one("--scope")?,
        });
        self.post("/role-assignments", &body).await
    }

    async fn update_account(&self, options: &mut Options) -> anyhow::Result<Value> {
        let name = options.one("--name")?;
        options.ignore(&["--resource-group"]);
        let mut switches = json!({});
        for (option, switch, on, off) in [
            (
                "--allow-shared-key-access",
                "allow_shared_key",
                "true",
                "false",
            ),
            (
                "--allow-blob-public-access",
                "allow_public_access",
                "true",
                "false",
            ),
            ("--https-only", "https_only", "true", "false"),
            ("--default-action", "firewall_open", "Allow", "Deny"),
        ] {
            if let Some(value) = options.find(option)? {
                ensure!(value == on || value == off, "{option} {value}");
                switches[switch] = json!(value == on);
            }
        }
        ensure!(switches != json!({}), "nothing to update");
        self.patch(&format!("/accounts/{name}"), &switches).await
    }

    async fn add_network_rule(&self, options: &mut Options) -> anyhow::Result<Value> {
        let account = self.account(&options.one("--account-name")?).await?;
        options.ignore(&["--resource-group"]);
        let mut rules = account["allowed_addresses"].clone();
        let address = options.one("--ip-address")?;
        rules.as_array_mut().context("rules")?.push(json!(address));
        let path = format!("/accounts/{}", account["name"].as_str().unwrap_or_default());
        self.patch(&path, &json!({"allowed_addresses": rules}))
            .await
    }

    async fn create_container(&self, options: &mut Options) -> anyhow::Result<Value> {
        let account = options.one("--account-name")?;
        let access = options.find("--public-access")?;
        options.ignore(&["--auth-mode"]);
        let body = json!({
            "name": options.one("--name")?,
            "public_access": access.as_deref().unwrap_or("none"),
        });
        self.post(&format!("/accounts/{account}/containers"), &body)
            .await
    }

    async fn set_permission(&self, options: &mut Options) -> anyhow::Result<Value> {
        let account = options.one("--account-name")?;
        let name = options.one("--name")?;
        // With Entra ID this operation needs a role that nobody is told to have.
        let mode = options.one("--auth-mode")?;
        ensure!(mode == "key", "--auth-mode {mode}");
        let access = match options.one("--public-access")?.as_str() {
            "off" => "none".to_owned(),
            on => on.to_owned(),
        };
        let path = format!("/accounts/{account}/containers/{name}");
        self.patch(&path, &json!({"public_access": access})).await
    }

    async fn generate_sas(&self, options: &mut Options) -> anyhow::Result<Value> {
        let account = self.known_account(&options.one("--account-name")?).await?;
        let container = options.one("--name")?;
        let permissions = options.one("--permissions")?;
        let expiry = options.one("--expiry")?;
        let start = options.find("--start")?.unwrap_or_default();
        let sas = Sas {
            permissions: &permissions,
            scope: SasScope::Container(&container),
            start: &start,
            expiry: &expiry,
            protocol: if options.flag("--https-only")? {
                "https"
            } else {
                "https,http"
            },
            address: "",
        };
        let mode = options.find("--auth-mode")?;
        if !options.flag("--as-user")? {
            return Ok(json!(sas.signed_by(&account)));
        }
        ensure!(
            mode.as_deref() == Some("login"),
            "--as-user needs --auth-mode login"
        );
        let signed = self
            .azure
            .user_delegation_sas(&account, &self.tenant, &sas)
            .await?;
        Ok(json!(signed))
    }

    async fn set_tier(&self, options: &mut Options) -> anyhow::Result<Value> {
        let account = self.known_account(&options.one("--account-name")?).await?;
        let container = options.one("--container-name")?;
        let blob = options.one("--name")?;
        let tier = options.one("--tier")?;
        options.ignore(&["--auth-mode", "--rehydrate-priority"]);
        self.azure
            .set_tier(&account, &container, &blob, &tier)
            .await?;
        Ok(Value::Null)
    }

    async fn undelete(&self, options: &mut Options) -> anyhow::Result<Value> {
        let account = self.known_account(&options.one("--account-name")?).await?;
        let container = options.one("--container-name")?;
        let blob = options.one("--name")?;
        options.ignore(&["--auth-mode"]);
        self.azure
            .undelete_blob(&account, &container, &blob)
            .await?;
        Ok(Value::Null)
    }

    async fn add_cors(&self, options: &mut Options) -> anyhow::Result<Value> {
        ensure!(
            options.one("--services")? == "b",
            "CORS of the blob service"
        );
        let account = self.account(&options.one("--account-name")?).await?;
        options.ignore(&["--auth-mode"]);
        let mut listed = |name: &str| -> anyhow::Result<Vec<String>> {
            // `az` takes header lists with spaces or commas between.
            let words = options.0.remove(name).unwrap_or_default();
            Ok(words
                .iter()
                .flat_map(|word| word.split(','))
                .map(str::to_owned)
                .collect())
        };
        let (allowed, exposed) = (listed("--allowed-headers")?, listed("--exposed-headers")?);
        let age: u32 = options
            .find("--max-age")?
            .unwrap_or_default()
            .parse()
            .unwrap_or(0);
        let mut rules = account["cors"].clone();
        rules.as_array_mut().context("rules")?.push(json!({
            "allowed_origins": options.many("--origins")?,
            "allowed_methods": options.many("--methods")?,
            "allowed_headers": allowed,
            "exposed_headers": exposed,
            "max_age_in_seconds": age,
        }));
        let path = format!("/accounts/{}", account["name"].as_str().unwrap_or_default());
        self.patch(&path, &json!({"cors": rules})).await
    }

    async fn reset_credential(&self, options: &mut Options) -> anyhow::Result<Value> {
        let client = options.one("--id")?;
        ensure!(
            options.flag("--append")?,
            "without --append the app's other credentials are gone"
        );
        options.ignore(&["--display-name", "--years"]);
        if let Some(file) = options.find("--cert")? {
            let path = file.strip_prefix('@').context("--cert @FILE")?;
            let pem = fs::read_to_string(path).with_context(|| path.to_owned())?;
            let path = format!("/apps/{client}/certificates");
            return self.post(&path, &json!({"pem": pem})).await;
        }
        let secret = self
            .post(&format!("/apps/{client}/secrets"), &json!({}))
            .await?;
        Ok(json!({"appId": client, "password": secret["value"], "tenant": self.tenant}))
    }

    async fn update_app(&self, options: &mut Options) -> anyhow::Result<Value> {
        let client = options.one("--id")?;
        let audience = match options.one("--sign-in-audience")?.as_str() {
            "AzureADMultipleOrgs" => "multi_tenant",
            "AzureADMyOrg" => "single_tenant",
            other => bail!("--sign-in-audience {other}"),
        };
        self.patch(&format!("/apps/{client}"), &json!({"audience": audience}))
            .await
    }

    async fn federate(&self, options: &mut Options) -> anyhow::Result<Value> {
        let client = options.one("--id")?;
        let given: Value = serde_json::from_str(&options.one("--parameters")?)?;
        ensure!(
            given["name"].is_string(),
            "a federated credential has a name"
        );
        let body = json!({
            "issuer": given["issuer"],
            "subject": given["subject"],
            "audience": given["audiences"][0],
        });
        let path = format!("/apps/{client}/federated-credentials");
        self.post(&path, &body).await
    }

    async fn update_principal(&self, options: &mut Options) -> anyhow::Result<Value> {
        let principal = self.principal(&options.one("--id")?).await?;
        let enabled = match options.one("--set")?.as_str() {
            "accountEnabled=true" => true,
            "accountEnabled=false" => false,
            other => bail!("--set {other}"),
        };
        let path = format!("/service-principals/{principal}");
        self.patch(&path, &json!({"enabled": enabled})).await
    }

    /// The local Azure has one machine, whatever its name.
    async fn assign_identity(&self, options: &mut Options) -> anyhow::Result<Value> {
        options.one("--name")?;
        options.one("--resource-group")?;
        let Some(identity) = options.find("--identities")? else {
            let body = json!({"tenant": self.tenant, "name": "vm", "kind": "system_assigned"});
            return self.post("/identities", &body).await;
        };
        let identity = self.find("identities", &["resource_id"], &identity).await?;
        let id = identity["object_id"].as_str().unwrap_or_default();
        let path = format!("/identities/{id}");
        self.patch(&path, &json!({"attached": true})).await
    }
}

/// The part of JMESPath that commands need: `name`, `[0]`, `[0].name`.
fn select<'v>(value: &'v Value, query: &str) -> anyhow::Result<&'v Value> {
    let mut found = value;
    for part in query.split('.') {
        let index = part
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        found = match index {
            Some(index) => &found[index.parse::<usize>()?],
            None => &found[part],
        };
    }
    ensure!(!found.is_null(), "--query {query} selects nothing");
    Ok(found)
}
