//! Connect to Azure, as two companies' people press it, with everything that goes wrong on the way.

mod claim_races;
mod claim_table;
mod claims;
mod consent;
mod members;
mod organization;
mod proof;
mod unlink;
mod withdrawal;

use std::time::Duration;

use anyhow::Context;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{
    Answer, App, At, DirectoryRole, LocalAzure, Longshore, Person, Settings, eventually,
};

use crate::world::World;

/// A Longshore with its app registration, and two companies that have tenants.
struct Stage {
    world: World,
    app: App,
    /// Contoso's administrator, who owns the storage account.
    ada: String,
    /// Contoso's employee.
    mel: String,
    /// Fabrikam's tenant id.
    fabrikam: String,
    /// Fabrikam's administrator.
    eve: String,
}

impl Stage {
    async fn start() -> anyhow::Result<Self> {
        Ok(Self::replicated(Vec::new()).await?.0)
    }

    /// With more settings; with all that another replica needs.
    async fn replicated(
        more: Vec<(&str, String)>,
    ) -> anyhow::Result<(Self, Vec<(String, String)>)> {
        let azure = LocalAzure::start(None)?;
        let platform = azure.create_tenant("longshore.example").await?;
        let app = azure.create_app(&platform, "Longshore", true).await?;
        let secret = azure.add_secret(&app).await?;
        let mut settings = vec![("LONGSHORE_APP_CLIENT_SECRET", secret)];
        settings.extend(more);
        Self::with(azure, app, settings).await
    }

    /// With this proof of the app.
    async fn with(
        azure: LocalAzure,
        app: App,
        settings: Vec<(&str, String)>,
    ) -> anyhow::Result<(Self, Vec<(String, String)>)> {
        azure.register_redirects(&app).await?;
        let contoso = azure.create_tenant("contoso.example").await?;
        let fabrikam = azure.create_tenant("fabrikam.example").await?;
        let administrator = DirectoryRole::GlobalAdministrator;
        let ada = azure.create_user(&contoso, "ada", administrator).await?;
        let mel = azure
            .create_user(&contoso, "mel", DirectoryRole::Member)
            .await?;
        let eve = azure.create_user(&fabrikam, "eve", administrator).await?;
        let account = azure.create_account("contosodata", &contoso).await?;
        let environment: Vec<(String, String)> = settings
            .into_iter()
            .chain([("LONGSHORE_APP_CLIENT_ID", app.client_id.clone())])
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        let settings = Settings {
            environment: environment.clone(),
            ..Settings::default()
        };
        let longshore = Longshore::start(&azure.endpoints.cloud_file, settings)?;
        let stage = Self {
            world: World {
                azure,
                longshore,
                account,
                tenant: contoso,
            },
            app,
            ada,
            mel,
            fabrikam,
            eve,
        };
        Ok((stage, environment))
    }

    /// What a command of the operator prints.
    fn run(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.world.longshore.command(arguments)?;
        anyhow::ensure!(output.status.success(), "{arguments:?} failed");
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Another owner of the same organization: e-mail and password.
    fn second_owner(&self) -> anyhow::Result<(String, String)> {
        let email = "other@longshore.example";
        let said = self.run(&["user", "create", email, "--role", "owner"])?;
        Ok((email.to_owned(), printed_password(&said)?))
    }

    async fn owner(&self) -> anyhow::Result<Person<'_>> {
        Person::owner(&self.world.longshore).await
    }

    /// Answers a page of Entra ID; where it sends the browser.
    async fn answer(&self, page: &str, who: &str, action: &str) -> anyhow::Result<String> {
        self.world.azure.decide_at_entra(page, who, action).await
    }

    /// Presses Connect to Azure and signs in there; what comes after.
    async fn sign_in(&self, person: &Person<'_>, who: &str) -> anyhow::Result<At> {
        let page = person.begin_connect().await?;
        let location = self.answer(&page, who, "sign_in").await?;
        person.come_back(&location).await
    }

    /// Signs in, and decides on the consent page; the page of ours after it.
    async fn decide(&self, person: &Person<'_>, who: &str, action: &str) -> anyhow::Result<Answer> {
        let consent = self.sign_in(person, who).await?.away()?;
        let location = self.answer(&consent, who, action).await?;
        person.come_back(&location).await?.here()
    }

    /// The whole way; the link as the API shows it.
    async fn connect(&self, person: &Person<'_>, who: &str) -> anyhow::Result<Value> {
        self.decide(person, who, "accept").await?;
        self.linked().await
    }

    /// Asks, as the waiting page does, until there is a link.
    async fn linked(&self) -> anyhow::Result<Value> {
        let longshore = &self.world.longshore;
        eventually("the link", Duration::from_secs(30), async || {
            longshore
                .post("/api/azure-links/pending/check", &json!({}))
                .await?
                .expect(200)?;
            Ok(self.links().await?.into_iter().next())
        })
        .await
    }

    /// The organization's links that are in use.
    async fn links(&self) -> anyhow::Result<Vec<Value>> {
        let found = self
            .world
            .longshore
            .get("/api/azure-links/")
            .await?
            .expect(200)?;
        let links = found["links"].as_array().context("links")?;
        let in_use = links.iter().filter(|link| link["unlinked_at"].is_null());
        Ok(in_use.cloned().collect())
    }

    /// The settings page, as text.
    async fn integrations(&self, person: &Person<'_>) -> anyhow::Result<String> {
        Ok(person.get("/settings/integrations").await?.text)
    }

    /// Nothing was linked, and the page says these words.
    #[track_caller]
    fn refused(&self, page: &Answer, words: &[&str]) -> impl Future<Output = anyhow::Result<()>> {
        for word in words {
            assert!(
                page.text.contains(word),
                "{word:?} is not in: {}",
                page.text
            );
        }
        async {
            assert_eq!(
                self.links().await?,
                Vec::<Value>::new(),
                "nothing is linked"
            );
            Ok(())
        }
    }

    /// A task whose data names this blob; the path that opens it.
    async fn task(&self, container: &str, blob: &str) -> anyhow::Result<String> {
        let project = self.world.project(crate::world::IMAGE_CONFIG).await?;
        let uri = format!(
            "https://{}.blob.core.windows.net/{container}/{blob}",
            self.world.account.name
        );
        let task = self
            .world
            .longshore
            .post(
                "/api/tasks/",
                &json!({"project": project, "data": {"image": uri}}),
            )
            .await?
            .expect(201)?;
        Ok(format!("/tasks/{}/resolve/?fileuri={uri}", task["id"]))
    }

    /// Whom role assignments are for.
    fn principal<'l>(&self, link: &'l Value) -> &'l str {
        link["principal_object_id"]
            .as_str()
            .unwrap_or_else(|| panic!("no object id in {link}"))
    }

    /// Anybody may read the container's blobs.
    async fn make_public(&self, container: &str) -> anyhow::Result<()> {
        let path = format!(
            "/accounts/{}/containers/{container}",
            self.world.account.name
        );
        let body = json!({"public_access": "blob"});
        self.world
            .azure
            .control(Method::PATCH, &path, &body)
            .await
            .map(|_| ())
    }

    /// Asks for the blob with the owner's token.
    async fn resolve(&self, path: &str) -> anyhow::Result<Answer> {
        Longshore::answer(self.world.longshore.request(Method::GET, path)).await
    }
}

/// The generated password, of `The password is … (shown only now).`
fn printed_password(said: &str) -> anyhow::Result<String> {
    let (_, rest) = said.split_once("password is ").context("a password")?;
    Ok(rest.split(' ').next().unwrap_or_default().to_owned())
}
