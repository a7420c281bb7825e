//! `longshore check`: the access check for a person at a terminal, or for a script.

use std::{
    fs,
    io::Read as _,
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use engine::{
    Engine, Fix, StorageInput,
    check::{CheckOptions, CheckReport, CheckStep, Granted, StepState, Verdict},
};
use model::{
    Actor, CredentialKind, Direction, OrgId, Role, Secret, StorageId, StorageType, UserId,
};

use crate::{
    args::{CheckArgs, CheckAuth},
    config::Config,
    logging, parts,
};

/// Between two checks that wait for a role.
const PAUSE: Duration = Duration::from_secs(10);

/// What the target on the command line is.
enum Target {
    Storage(StorageId),
    Url {
        url: String,
        of: StorageType,
        input: Box<StorageInput>,
    },
}

/// Checks, prints the report, and answers with its exit code.
///
/// # Errors
/// When the check cannot be made: no such storage, a URL that is none, an unreadable secret.
pub async fn check(config: &Config, args: CheckArgs) -> anyhow::Result<ExitCode> {
    let target = target(&args)?;
    let engine = parts::operators_engine(config).await?;
    let actor = match &target {
        Target::Storage(_) => parts::operator(config, &engine).await?,
        // A URL can be checked before anybody is a member; then nothing is stored to be seen.
        Target::Url { .. } => match parts::operator(config, &engine).await {
            Ok(operator) => operator,
            Err(_) if config.operator_email.is_none() => nobody(),
            Err(error) => return Err(error),
        },
    };
    let page = args.origin.as_ref().or(config.public_url.as_ref());
    let options = CheckOptions {
        origin: page.map(|url| url.origin().ascii_serialization()),
        time: Duration::from_secs(args.timeout),
        granted: match args.wait {
            Some(_) => Granted::JustNow,
            None => Granted::NotSaid,
        },
        ..CheckOptions::default()
    };
    let until = Instant::now() + Duration::from_secs(args.wait.unwrap_or_default());
    let report = loop {
        let report = tokio::select! {
            report = run(&engine, &actor, &target, &options) => report?,
            _ = tokio::signal::ctrl_c() => bail!("cancelled"),
        };
        if report.verdict != Verdict::NotYetEffective || Instant::now() + PAUSE >= until {
            break report;
        }
        if !args.json {
            logging::to_stdout(&waiting(&report))?;
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            _ = tokio::signal::ctrl_c() => bail!("cancelled"),
        }
    };
    let text = if args.json {
        serde_json::to_string_pretty(&report)?
    } else {
        words(&report)
    };
    logging::to_stdout(text.trim_end())?;
    Ok(exit_code(report.verdict))
}

async fn run(
    engine: &Engine,
    actor: &Actor,
    target: &Target,
    options: &CheckOptions,
) -> anyhow::Result<CheckReport> {
    Ok(match target {
        Target::Storage(id) => {
            let storage = engine.find_storage(actor, *id).await?;
            engine
                .check_storage(actor, storage.storage_type(), *id, options)
                .await?
        }
        Target::Url { url, of, input } => engine.check_url(actor, url, *of, input, options).await?,
    })
}

fn exit_code(verdict: Verdict) -> ExitCode {
    match verdict {
        Verdict::Ready | Verdict::Advice => ExitCode::SUCCESS,
        Verdict::Failed => ExitCode::from(3),
        Verdict::NotYetEffective => ExitCode::from(4),
        Verdict::Unknown => ExitCode::from(5),
    }
}

/// An organization that owns nothing; ids of the database begin with 1.
fn nobody() -> Actor {
    Actor {
        org_id: OrgId(0),
        user_id: UserId(0),
        role: Role::Owner,
    }
}

fn target(args: &CheckArgs) -> anyhow::Result<Target> {
    if let Ok(id) = args.target.parse::<i64>() {
        return Ok(Target::Storage(StorageId(id)));
    }
    let secret = args.secret_file.as_deref().map(read_secret).transpose()?;
    let needed = |what: &str| {
        secret.clone().with_context(|| {
            format!("--auth needs {what} in --secret-file FILE (or - for standard input)")
        })
    };
    let (tenant_id, client_id) = (args.tenant_id.clone(), args.client_id.clone());
    let (kind, input) = match args.auth {
        CheckAuth::Anonymous => (CredentialKind::Sas, StorageInput::default()),
        CheckAuth::Sas => (
            CredentialKind::Sas,
            StorageInput {
                // The URL itself may hold it.
                sas_token: secret,
                ..StorageInput::default()
            },
        ),
        CheckAuth::Key => (
            CredentialKind::AccountKey,
            StorageInput {
                account_key: Some(needed("the account key")?),
                ..StorageInput::default()
            },
        ),
        CheckAuth::ServicePrincipal => {
            let secret = needed("the client secret or certificate")?;
            let is_pem = secret.expose().contains("-----BEGIN");
            let (client_secret, client_certificate) = match is_pem {
                true => (None, Some(secret)),
                false => (Some(secret), None),
            };
            (
                CredentialKind::ServicePrincipal,
                StorageInput {
                    tenant_id,
                    client_id,
                    client_secret,
                    client_certificate,
                    ..StorageInput::default()
                },
            )
        }
        CheckAuth::ManagedIdentity => (
            CredentialKind::ManagedIdentity,
            StorageInput {
                identity_client_id: client_id,
                ..StorageInput::default()
            },
        ),
        CheckAuth::AzureLink => (
            CredentialKind::AzureLink,
            StorageInput {
                tenant_id,
                ..StorageInput::default()
            },
        ),
    };
    let direction = match args.target_storage {
        true => Direction::Target,
        false => Direction::Source,
    };
    Ok(Target::Url {
        url: args.target.clone(),
        of: direction.by(kind),
        input: Box::new(input),
    })
}

fn read_secret(path: &Path) -> anyhow::Result<Secret> {
    let mut text = String::new();
    if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text)?;
    } else {
        text = fs::read_to_string(path)
            .with_context(|| format!("--secret-file {}", path.display()))?;
    }
    Ok(Secret::new(text.trim()))
}

fn waiting(report: &CheckReport) -> String {
    let titles: Vec<&str> = report
        .steps
        .iter()
        .filter(|step| step.state == StepState::NotYetEffective)
        .map(|step| step.title)
        .collect();
    format!(
        "{}: {}; trying again in {} seconds.",
        StepState::NotYetEffective.title(),
        titles.join(", "),
        PAUSE.as_secs()
    )
}

/// The report for a terminal, in the words of the API and the page.
fn words(report: &CheckReport) -> String {
    let mut text = format!("{}\n\n", report.subject);
    for step in &report.steps {
        text += &step_words(step);
    }
    text += &format!(
        "\n{} ({:.1} seconds)\n",
        report.verdict.sentence(),
        report.took_ms as f64 / 1000.0
    );
    text
}

fn step_words(step: &CheckStep) -> String {
    let code = step
        .code
        .map_or_else(String::new, |code| format!(" [{code}]"));
    let mut lines = vec![format!("{:<9} {}{code}", step.state.title(), step.title)];
    let mut add = |line: String| lines.push(format!("          {line}"));
    let is_problem = !matches!(step.state, StepState::Passed | StepState::Skipped);
    if is_problem {
        add(step.tried.clone());
    }
    if !step.cause.is_empty() {
        add(step.cause.clone());
    }
    if let Some(answer) = &step.azure {
        let mut said = vec!["Azure answered".to_owned()];
        said.extend(answer.status.map(|status| status.to_string()));
        said.extend(answer.code.clone());
        let request = answer.request_id.as_ref();
        let request = request.map_or_else(String::new, |id| format!(" (request id {id})"));
        add(format!("{}{request}: {}", said.join(" "), answer.message));
    }
    if let Some(fix) = &step.fix {
        fix_lines(fix).into_iter().for_each(add);
    }
    lines.join("\n") + "\n"
}

fn fix_lines(fix: &Fix) -> Vec<String> {
    let mut lines = vec![format!("→ {}", fix.text)];
    lines.extend(fix.command.as_ref().map(|command| format!("  {command}")));
    lines.extend(
        fix.portal
            .as_ref()
            .map(|path| format!("  In the portal: {path}")),
    );
    lines.extend(fix.takes.map(|time| format!("  Takes {time}.")));
    lines
}
