//! The settings, as the file, the environment and the flags give them.

use std::fs;

use super::Config;
use crate::args::Flags;

fn load(file: &str, environment: &[(&str, &str)], flags: Flags) -> anyhow::Result<Config> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("longshore.toml");
    fs::write(&path, file)?;
    let flags = Flags {
        config: Some(path),
        ..flags
    };
    let environment = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::load(&flags, environment)
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let file = "cloud = \"china\"\nlisten = \"127.0.0.1:1\"\ndata_dir = \"a\"";
    let environment = [
        ("LONGSHORE_CLOUD", "usgov"),
        ("LONGSHORE_LISTEN", "127.0.0.1:2"),
    ];
    let flags = Flags {
        listen: Some(([127, 0, 0, 1], 3).into()),
        ..Flags::default()
    };
    let config = load(file, &environment, flags).unwrap();
    assert_eq!(config.listen.port(), 3);
    assert_eq!(config.cloud, "usgov");
    assert_eq!(config.data_dir.to_str(), Some("a"));
}

#[test]
fn a_mistake_is_named_with_its_place() {
    for (file, environment, parts) in [
        ("lisen = \"x\"", ("A", "b"), ["configuration file", "lisen"]),
        ("", ("LONGSHORE_LISEN", "x"), ["environment", "lisen"]),
        (
            "",
            ("LONGSHORE_WORKER_JOBS", "many"),
            ["environment", "worker_jobs"],
        ),
        (
            "body_limit_mib = 0",
            ("A", "b"),
            ["configuration file", "body_limit_mib"],
        ),
        (
            "",
            ("LONGSHORE_APP_CLIENT_ID", "x"),
            ["app_client_id", "exactly one"],
        ),
    ] {
        let error = load(file, &[environment], Flags::default()).unwrap_err();
        let text = format!("{error:#}");
        for part in parts {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}

#[test]
fn media_have_a_host_name_of_their_own_or_none() {
    let of = |public: &str, media: &str| {
        let file = format!("{public}\nmedia_url = \"{media}\"");
        load(&file, &[], Flags::default()).map_err(|error| format!("{error:#}"))
    };
    let public = "public_url = \"https://label.example.com\"";
    let config = of(public, "https://media.example.com").unwrap();
    assert_eq!(
        config.media_url.unwrap().as_str(),
        "https://media.example.com/"
    );
    for (public, media, why) in [
        ("", "https://media.example.com", "needs public_url"),
        (
            public,
            "https://label.example.com:8443",
            "another host name",
        ),
        (public, "http://media.example.com", "must begin with https"),
        (
            public,
            "https://media.example.com/media",
            "a scheme, a host",
        ),
        (public, "media.example.com", "media_url"),
    ] {
        let error = of(public, media).unwrap_err();
        assert!(error.contains(why), "{media}: {error}");
    }
}

#[test]
fn numbers_of_the_environment_are_numbers() {
    let environment = [("LONGSHORE_WORKER_JOBS", "7"), ("AZURE_CLIENT_ID", "abc")];
    let config = load("body_limit_mib = 3", &environment, Flags::default()).unwrap();
    assert_eq!((config.worker_jobs, config.body_limit_mib), (7, 3));
    assert_eq!(config.host.client_id.as_deref(), Some("abc"));
}

#[test]
fn secrets_are_never_shown() {
    let environment = [
        ("LONGSHORE_ADMIN_EMAIL", "a@example.com"),
        ("LONGSHORE_ADMIN_PASSWORD", "hunter2hunter2"),
        ("LONGSHORE_DATABASE_URL", "postgres://u:hunter2hunter2@db/x"),
        ("LONGSHORE_APP_CLIENT_ID", "app"),
        ("LONGSHORE_APP_CLIENT_SECRET", "hunter2hunter2"),
        ("IDENTITY_HEADER", "hunter2hunter2"),
    ];
    let config = load("", &environment, Flags::default()).unwrap();
    let shown = format!("{config} {config:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(shown.contains("postgres://u:REDACTED@db/x"), "{shown}");
}

#[test]
fn what_is_printed_can_be_read_again() {
    let config = load("", &[], Flags::default()).unwrap();
    let again = load(&config.to_string(), &[], Flags::default()).unwrap();
    assert_eq!(again.to_string(), config.to_string());
}
