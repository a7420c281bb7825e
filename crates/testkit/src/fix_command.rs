//! Does to the local Azure what a printed command would do to Azure: the command's own text is
//! read and carried out, so a wrong command does not become right here.

mod az;
mod shell;

use anyhow::{Context, bail, ensure};

use crate::LocalAzure;
use shell::{Line, Piece, Word};

/// What Longshore tells a person to run, or the consent page that it tells an administrator to open.
#[derive(Clone, Debug)]
pub struct FixCommand {
    text: String,
    action: Action,
}

#[derive(Clone, Debug)]
enum Action {
    Shell(Line),
    Consent { tenant: String, client_id: String },
}

/// Words in capitals that are no placeholders: HTTP methods, as `az storage cors add` takes them.
const CAPITALS: [&str; 8] = [
    "GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "MERGE", "PATCH",
];

impl FixCommand {
    /// Reads `az …` (also several, joined by `&&`) or an admin consent address.
    ///
    /// # Errors
    /// When a shell would not run it as it stands.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let action = if text.starts_with("https://") {
            consent(text)
        } else {
            Line::parse(text).map(Action::Shell)
        };
        Ok(Self {
            text: text.to_owned(),
            action: action.with_context(|| format!("reading: {text}"))?,
        })
    }

    /// Puts a value in the place of a word in capitals, as a person does before running it.
    ///
    /// # Errors
    /// When the command has no such word.
    pub fn fill(mut self, placeholder: &str, value: &str) -> anyhow::Result<Self> {
        let mut found = false;
        if let Action::Shell(line) = &mut self.action {
            line.each_text(&mut |text| {
                if text.contains(placeholder) {
                    *text = text.replace(placeholder, value);
                    found = true;
                }
            });
        }
        ensure!(found, "there is no {placeholder} in: {}", self.text);
        Ok(self)
    }

    /// The words in capitals that are still to be filled in.
    pub fn placeholders(&self) -> Vec<String> {
        let mut found = Vec::new();
        if let Action::Shell(line) = &self.action {
            line.clone().each_text(&mut |text| {
                let words = text.split(|letter: char| !(letter.is_alphanumeric() || letter == '_'));
                let open = words.filter(|word| is_placeholder(word)).map(str::to_owned);
                found.extend(open);
            });
        }
        found
    }

    /// Carries it out as a person who is signed in to `tenant`; what the last command prints.
    ///
    /// # Errors
    /// A placeholder that nobody filled in, a command or an option that is not known, and
    /// whatever the local Azure refuses.
    pub async fn apply(&self, azure: &LocalAzure, tenant: &str) -> anyhow::Result<String> {
        let open = self.placeholders();
        ensure!(
            open.is_empty(),
            "{open:?} still to be filled in: {}",
            self.text
        );
        let outcome = match &self.action {
            Action::Consent { tenant, client_id } => {
                let consent = serde_json::json!({"tenant": tenant, "client_id": client_id});
                let done = azure.control(reqwest::Method::POST, "/consent", &consent);
                done.await.map(|_| String::new())
            }
            Action::Shell(line) => run(line, azure, tenant).await,
        };
        outcome.with_context(|| format!("running: {}", self.text))
    }
}

fn is_placeholder(word: &str) -> bool {
    word.len() > 1
        && word
            .chars()
            .all(|letter| letter.is_ascii_uppercase() || letter == '_')
        && !CAPITALS.contains(&word)
}

/// `AUTHORITY/TENANT/adminconsent?client_id=ID` and maybe more.
fn consent(text: &str) -> anyhow::Result<Action> {
    let url = reqwest::Url::parse(text)?;
    let (Some(mut path), true) = (url.path_segments(), url.path().ends_with("/adminconsent"))
    else {
        bail!("no admin consent address");
    };
    let client_id = url.query_pairs().find(|(name, _)| name == "client_id");
    Ok(Action::Consent {
        tenant: path.next().context("the tenant")?.to_owned(),
        client_id: client_id.context("client_id")?.1.into_owned(),
    })
}

/// One command after the other; the output of the last.
async fn run(line: &Line, azure: &LocalAzure, tenant: &str) -> anyhow::Result<String> {
    let mut session = az::Session::new(azure, tenant);
    let mut output = String::new();
    for command in &line.0 {
        let mut words = Vec::new();
        for word in command {
            words.push(expand(word, azure, &session.tenant).await?);
        }
        output = session.run(&words).await?;
    }
    Ok(output)
}

async fn expand(word: &Word, azure: &LocalAzure, tenant: &str) -> anyhow::Result<String> {
    let mut text = String::new();
    for piece in &word.0 {
        match piece {
            Piece::Text(literal) => text += literal,
            // Boxed, because commands nest.
            Piece::Output(line) => {
                let output = Box::pin(run(line, azure, tenant)).await?;
                text += output.trim_end_matches('\n');
            }
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::FixCommand;

    #[test]
    fn placeholders_are_seen_and_filled_in() {
        let command = FixCommand::parse(
            "az vm identity assign --name VM --resource-group GROUP --methods GET --id \"$(az x --ids RESOURCE_ID)/y\"",
        )
        .unwrap();
        assert_eq!(command.placeholders(), ["VM", "GROUP", "RESOURCE_ID"]);
        let filled = command
            .fill("VM", "vm1")
            .unwrap()
            .fill("GROUP", "g")
            .unwrap();
        assert_eq!(filled.placeholders(), ["RESOURCE_ID"]);
        assert!(filled.fill("VM", "again").is_err());
        let expiry = FixCommand::parse("az x --expiry YYYY-MM-DDTHH:MMZ").unwrap();
        assert_eq!(expiry.placeholders(), ["YYYY", "MM", "DDTHH", "MMZ"]);
    }

    #[test]
    fn only_a_consent_address_is_an_address() {
        let consent = "https://login.example/0000/adminconsent?client_id=1111";
        assert!(FixCommand::parse(consent).is_ok());
        for text in [
            "https://login.example/0000/adminconsent",
            "https://login.example/0000/authorize?client_id=1111",
        ] {
            assert!(FixCommand::parse(text).is_err(), "{text}");
        }
    }
}
