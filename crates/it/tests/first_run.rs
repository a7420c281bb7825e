//! The first run: a link that makes the first owner, once.

use testkit::{LocalAzure, Longshore, Person, Settings};

const OWNER: [(&str, &str); 3] = [
    ("organization", "Contoso <b>Labeling</b>"),
    ("email", "Ann@Example.com"),
    ("password", "a long password"),
];

#[tokio::test]
async fn the_printed_link_makes_the_first_owner_once() -> anyhow::Result<()> {
    let azure = LocalAzure::start(None)?;
    let settings = Settings {
        is_new: true,
        ..Settings::default()
    };
    let mut longshore = Longshore::start(&azure.endpoints.cloud_file, settings)?;
    let link = longshore.first_run.clone().expect("a link");
    let known = longshore.command(&["token", "create", "ann@example.com"])?;
    assert!(!known.status.success(), "nobody is there");
    let operator = longshore.command(&["azure-link", "list"])?;
    let said = String::from_utf8_lossy(&operator.stderr).into_owned();
    assert!(said.contains("open the link it prints"), "{said}");

    // Who comes without the link is told where it is, and no other link opens anything.
    let stranger = Person::stranger(&longshore);
    let sign_in = stranger.get("/user/login").await?;
    assert!(sign_in.text.contains("first-run"), "{}", sign_in.text);
    assert!(!sign_in.text.contains(&link));
    let other = format!("/first-run/{}", "0".repeat(64));
    assert_eq!(stranger.get(&other).await?.status, 404);
    assert_eq!(stranger.post(&other, &OWNER).await?.status, 404);

    // The same link after a restart; what is wrong is said beside the field.
    longshore.crash_and_restart()?;
    assert_eq!(longshore.first_run.as_ref(), Some(&link));
    let ann = Person::stranger(&longshore);
    assert_eq!(ann.get(&link).await?.status, 200);
    for (field, value, words) in [
        ("password", "short", "at least 8 characters"),
        ("email", "nobody", "valid email"),
        ("organization", "  ", "Give your organization a name"),
    ] {
        let mut form = OWNER;
        for pair in form.iter_mut().filter(|(name, _)| *name == field) {
            pair.1 = value;
        }
        let refused = ann.post(&link, &form).await?;
        assert_eq!(refused.status, 400, "{}", refused.text);
        let beside = format!("id=\"{field}-error\"");
        assert!(
            refused.text.contains(words) && refused.text.contains(&beside),
            "{}",
            refused.text
        );
    }
    let evil = Longshore::answer(
        longshore
            .anonymous(reqwest::Method::POST, &link)
            .header("Origin", "https://evil.example")
            .form(&OWNER),
    );
    assert_eq!(evil.await?.status, 403);

    let made = ann.post(&link, &OWNER).await?;
    assert_eq!(made.status, 303, "{}", made.text);
    let home = ann.get("/").await?;
    assert_eq!(home.status, 200);
    assert!(home.text.contains("ann@example.com"), "{}", home.text);
    assert!(home.text.contains("/projects/new") && home.text.contains("Connect to Azure"));
    let settings = ann.get("/settings").await?.text;
    assert!(settings.contains("Contoso &#60;b&#62;"), "{settings}");

    // Now it is over, and the command line acts in her name.
    for answer in [
        Person::stranger(&longshore).get(&link).await?,
        Person::stranger(&longshore).post(&link, &OWNER).await?,
    ] {
        assert_eq!(answer.status, 404);
        assert!(answer.text.contains("set up with it already"));
    }
    assert!(longshore.command(&["azure-link", "list"])?.status.success());
    Person::sign_in(&longshore, "ann@example.com", "a long password").await?;
    Ok(())
}
