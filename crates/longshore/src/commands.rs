//! The operator's commands.

use std::{collections::BTreeMap, io::Read as _};

use anyhow::Context as _;
use engine::{FirstOwner, NewMember};
use model::Secret;
use store::SealKeyInfo;

use crate::{
    args::{
        AzureLinkCommand, ConfigCommand, OrganizationCommand, SecretsCommand, TokenCommand,
        UserCommand,
    },
    config::Config,
    data_dir, logging, parts,
};

/// Creates the database or brings it to this version.
///
/// # Errors
/// When it cannot be reached or migrated.
pub async fn migrate(config: &Config) -> anyhow::Result<()> {
    let store = parts::store(config, data_dir::seal_keys(config)?).await?;
    store.close().await;
    logging::to_stdout("The database is up to date.")
}

/// # Errors
/// With the field that is wrong.
pub async fn user(config: &Config, command: UserCommand) -> anyhow::Result<()> {
    let engine = parts::operators_engine(config).await?;
    let operator = parts::operator(config, &engine).await?;
    match command {
        UserCommand::Create {
            email,
            first_name,
            last_name,
            role,
            password_stdin,
        } => {
            let member = NewMember {
                email,
                password: new_password(password_stdin)?,
                first_name,
                last_name,
                role,
            };
            let user = engine.create_user(&operator, &member).await?;
            logging::to_stdout(&format!(
                "{} is a member now ({}).",
                user.email,
                user.role.as_str()
            ))?;
            show_password(password_stdin, &member.password)
        }
        UserCommand::Release { email } => {
            let renamed = engine.release_email(&operator, &email).await?;
            logging::to_stdout(&format!(
                "{email} is free: whoever is invited with it now becomes a new person. The account that had it is {renamed} now; it keeps its password, its organization and its work."
            ))
        }
        UserCommand::SetPassword {
            email,
            password_stdin,
        } => {
            let password = new_password(password_stdin)?;
            let user = engine.set_password(&operator, &email, &password).await?;
            logging::to_stdout(&format!(
                "{} has a new password; their sessions have ended.",
                user.email
            ))?;
            show_password(password_stdin, &password)
        }
    }
}

/// # Errors
/// With the field that is wrong.
pub async fn organization(config: &Config, command: OrganizationCommand) -> anyhow::Result<()> {
    let OrganizationCommand::Create {
        name,
        owner,
        password_stdin,
    } = command;
    let engine = parts::operators_engine(config).await?;
    let owner = FirstOwner {
        email: owner,
        password: new_password(password_stdin)?,
        organization: name,
        token: None,
    };
    engine.create_organization(&owner).await?;
    logging::to_stdout(&format!("{} owns {} now.", owner.email, owner.organization))?;
    show_password(password_stdin, &owner.password)
}

/// From standard input, or made up.
fn new_password(from_stdin: bool) -> anyhow::Result<Secret> {
    if !from_stdin {
        return Ok(Secret::new(hex::encode(rand::random::<[u8; 12]>())));
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
}

fn show_password(is_known: bool, password: &Secret) -> anyhow::Result<()> {
    if is_known {
        return Ok(());
    }
    logging::to_stdout(&format!(
        "The password is {} (shown only now).",
        password.expose()
    ))
}

/// # Errors
/// When nobody has the e-mail.
pub async fn token(config: &Config, command: TokenCommand) -> anyhow::Result<()> {
    let TokenCommand::Create { email } = command;
    let engine = parts::operators_engine(config).await?;
    let actor = engine.actor_by_email(&email).await?;
    let token = engine.create_legacy_token(&actor).await?;
    logging::to_stdout(token.expose())
}

/// # Errors
/// When standard output is gone.
pub fn config(config: &Config, command: ConfigCommand) -> anyhow::Result<()> {
    let ConfigCommand::Print = command;
    logging::to_stdout(config.to_string().trim_end())
}

/// # Errors
/// When the key file cannot be replaced, or a secret cannot be opened with the keys in it.
pub async fn secrets(config: &Config, command: SecretsCommand) -> anyhow::Result<()> {
    let keys = match command {
        SecretsCommand::Rotate { reseal: false } => data_dir::add_key(config)?,
        _ => data_dir::seal_keys(config)?,
    };
    let store = parts::store(config, keys.clone()).await?;
    let mut resealed = None;
    if let SecretsCommand::Rotate { reseal } = command {
        let count = store.reseal_all().await.context("sealing again")?;
        resealed = Some(count);
        let key = if reseal { "the current" } else { "a new" };
        logging::to_stdout(&format!(
            "{count} secrets were sealed again with {key} key, the first of {}.",
            config.secret_key_file().display()
        ))?;
    }
    let sealed = store.count_sealed().await?;
    store.close().await;
    if let Some(count) = resealed {
        let engine = parts::operators_engine(config).await?;
        engine.record_rotation(count).await?;
    }
    logging::to_stdout(&seal_status(&keys.list(), sealed))
}

/// Which keys are in use, and what the operator may do.
fn seal_status(keys: &[SealKeyInfo], mut sealed: BTreeMap<String, u64>) -> String {
    let mut lines = Vec::new();
    let mut in_use = 0;
    for (place, SealKeyInfo { id, line }) in keys.iter().enumerate() {
        let count = sealed.remove(id).unwrap_or_default();
        let what = match (place, count) {
            (0, _) => "the current key",
            (_, 0) => "not in use: the line can be removed",
            _ => {
                in_use += 1;
                "in use: keep the line"
            }
        };
        lines.push(format!("line {line}, key {id}: {count} secrets; {what}"));
    }
    let lost: u64 = sealed.values().sum();
    if lost > 0 {
        lines.push(format!(
            "{lost} secrets are sealed with keys that are not in the file: put their lines back, or enter these secrets again."
        ));
    }
    if in_use > 0 {
        lines.push(
            "Seal what is left with the current key: longshore secrets rotate --reseal, or start a server."
                .to_owned(),
        );
    }
    if keys.len() > 1 {
        lines.push(
            "Running servers read the file again by themselves. Where another machine has a copy of it, copy it now. Look again with longshore secrets status right before you remove lines."
                .to_owned(),
        );
    }
    lines.join("\n")
}

/// # Errors
/// When Entra ID gives no token for the tenant, with the reason and the fix.
pub async fn azure_link(config: &Config, command: AzureLinkCommand) -> anyhow::Result<()> {
    let engine = parts::operators_engine(config).await?;
    let operator = parts::operator(config, &engine).await?;
    match command {
        AzureLinkCommand::Add { tenant_id } => {
            let link = engine.create_azure_link(&operator, &tenant_id).await?;
            logging::to_stdout(&format!("The tenant {} is linked.", link.tenant_id))
        }
        AzureLinkCommand::Remove { tenant_id } => {
            engine.delete_azure_link(&operator, &tenant_id).await?;
            logging::to_stdout(&format!(
                "The tenant {tenant_id} is unlinked: no token of it is used from now on. In Azure nothing was revoked; its administrator removes the app with: az ad sp delete --id {}",
                config.app_client_id.as_deref().unwrap_or("CLIENT_ID")
            ))
        }
        AzureLinkCommand::List => {
            for link in engine.list_azure_links(&operator).await? {
                logging::to_stdout(&link.tenant_id)?;
            }
            Ok(())
        }
    }
}

/// # Errors
/// When standard output is gone.
pub fn openapi() -> anyhow::Result<()> {
    let document = server::openapi_document().to_pretty_json()?;
    logging::to_stdout(&document)
}
