//! Puts the product together from the settings: database, Azure, engine.

use std::{fs, path::Path};

use anyhow::{Context as _, bail};
use azure::{AppRegistration, Azure, Cloud};
use engine::{DefaultAccount, Engine, Limits, Settings, ThumbnailSettings};
use model::{AccountName, Actor, ClientProof, Clock, IdentityId, IdentitySource, Secret};
use store::{SealKeys, Store, StoreOptions};

use crate::{config::Config, data_dir};

/// Name of the key that signs API tokens, in the database.
const TOKEN_KEY: &str = "api-tokens";

/// The database, opened, migrated and answering.
///
/// # Errors
/// When it cannot be reached, or is newer than this program.
pub async fn store(config: &Config, seal_keys: SealKeys) -> anyhow::Result<Store> {
    data_dir::make_files_private(config);
    let store = Store::open(&StoreOptions {
        database_url: config.database_url().expose().to_owned(),
        seal_keys,
        max_connections: config.database_connections.try_into().unwrap_or(u32::MAX),
    })
    .await
    .context("the database")?;
    store.migrate().await.context("the database")?;
    store.ping().await.context("the database")?;
    Ok(store)
}

/// The engine over the configured database and cloud.
///
/// # Errors
/// With the setting that is wrong.
pub async fn engine(config: &Config) -> anyhow::Result<Engine> {
    let (store, azure, clock, settings) = pieces(config).await?;
    Ok(Engine::new(store, azure, clock, settings))
}

/// The engine of a command: what is done through it is the operator's doing.
///
/// # Errors
/// With the setting that is wrong.
pub async fn operators_engine(config: &Config) -> anyhow::Result<Engine> {
    let (store, azure, clock, settings) = pieces(config).await?;
    Ok(Engine::for_operator(store, azure, clock, settings))
}

async fn pieces(config: &Config) -> anyhow::Result<(Store, Azure, Clock, Settings)> {
    let clock = Clock::system();
    let store = store(config, data_dir::seal_keys(config)?).await?;
    // What a process sealed while the key was changed, and a change that was broken off.
    match store.reseal_all().await {
        Ok(0) => {}
        Ok(count) => tracing::info!(
            count,
            "secrets of older keys were sealed with the current one"
        ),
        Err(error) => {
            let error = anyhow::Error::from(error);
            tracing::error!(
                error = format!("{error:#}"),
                "secrets of older keys stay as they are; see `longshore secrets status`"
            );
        }
    }
    let token_key = store.signing_key(TOKEN_KEY, clock.now_ms()).await?;
    let azure = Azure::new(
        cloud(&config.cloud)?,
        config.host_identity(),
        app_registration(config)?,
        clock.clone(),
    )
    .context("the setting cloud")?;
    let settings = Settings {
        token_key: Secret::new(hex::encode(token_key)),
        app_client_id: config.app_client_id.clone(),
        default_account: default_account(config)?,
        limits: Limits {
            audit_days: config
                .audit_retention_days
                .map(|days| u32::try_from(days).unwrap_or(u32::MAX)),
            ..Limits::default()
        },
        thumbnails: ThumbnailSettings {
            folder: config.data_dir.join("thumbnails"),
            max_bytes: config.thumbnail_cache_mib << 20,
        },
    };
    Ok((store, azure, clock, settings))
}

/// The member in whose name an operator's command acts: who can read the database and the key file
/// may do everything.
///
/// # Errors
/// When nobody has the e-mail, or there is nobody yet.
pub async fn operator(config: &Config, engine: &Engine) -> anyhow::Result<Actor> {
    let named = config.operator_email.as_ref();
    match named.or(config.admin_email.as_ref()) {
        Some(email) => engine
            .actor_by_email(email)
            .await
            .context("say in whose name to act with --as EMAIL"),
        None => engine
            .first_owner()
            .await
            .context("set Longshore up first: start `longshore serve` and open the link it prints"),
    }
}

fn cloud(name: &str) -> anyhow::Result<Cloud> {
    if let Some(cloud) = Cloud::by_name(name) {
        return Ok(cloud);
    }
    let path = Path::new(name);
    let text = fs::read_to_string(path).with_context(|| {
        format!("the setting cloud is neither public, usgov or china nor a file: {name}")
    })?;
    Cloud::from_profile_toml(&text).with_context(|| name.to_owned())
}

fn app_registration(config: &Config) -> anyhow::Result<Option<AppRegistration>> {
    let Some(client_id) = config.app_client_id.clone() else {
        return Ok(None);
    };
    let proof = if let Some(secret) = &config.app_client_secret {
        ClientProof::Secret(secret.clone())
    } else if let Some(path) = &config.app_certificate_file {
        data_dir::warn_of_readers(path);
        let pem = fs::read_to_string(path)
            .with_context(|| format!("app_certificate_file: {}", path.display()))?;
        ClientProof::Certificate {
            pem: Secret::new(pem),
        }
    } else {
        ClientProof::Federated {
            source: IdentitySource::Auto,
            identity: federated_identity(config.app_federated.as_deref().unwrap_or_default())?,
        }
    };
    Ok(Some(AppRegistration { client_id, proof }))
}

fn federated_identity(text: &str) -> anyhow::Result<IdentityId> {
    match text.split_once(':') {
        None if text == "managed-identity" => Ok(IdentityId::SystemAssigned),
        Some(("managed-identity", id)) if !id.is_empty() => Ok(IdentityId::ClientId(id.to_owned())),
        _ => bail!("app_federated is \"managed-identity\" or \"managed-identity:CLIENT_ID\""),
    }
}

fn default_account(config: &Config) -> anyhow::Result<Option<DefaultAccount>> {
    match (
        &config.host.blob_account_name,
        &config.host.blob_account_key,
    ) {
        (Some(name), Some(key)) => Ok(Some(DefaultAccount {
            account: AccountName::parse(name.as_str()).context("AZURE_BLOB_ACCOUNT_NAME")?,
            key: key.clone(),
        })),
        _ => Ok(None),
    }
}
