//! Configuration files, as far as they are taken.

use toml::{Table, Value};
use url::Url;

use super::Config;

/// What is printed of a configuration is the same configuration, without its secrets.
#[test]
fn config_files() {
    const SECRET: &str = "q7Zx0Lk2Vb9Tn4Rm1Ws8";
    let seeds = [
        "listen = \"127.0.0.1:1\"\npublic_url = \"https://longshore.example\"\ndata_dir = \"a\"\nworker_jobs = 7\nlog = \"info,engine=debug\"",
        "database_url = \"postgres://u:q7Zx0Lk2Vb9Tn4Rm1Ws8@db:5432/x?sslmode=require\"\nadmin_email = \"a@example.com\"\nadmin_password = \"q7Zx0Lk2Vb9Tn4Rm1Ws8\"\nadmin_token = \"q7Zx0Lk2Vb9Tn4Rm1Ws8\"",
        "database_url = \"postgres://db/x?user=u&password=q7Zx0Lk2Vb9Tn4Rm1Ws8\"\napp_client_id = \"x\"\napp_client_secret = \"q7Zx0Lk2Vb9Tn4Rm1Ws8\"\ncloud = \"public\"",
    ];
    let words = [
        "listen = ",
        "public_url = ",
        "database_url = ",
        "admin_token = ",
        "cloud = ",
        "organization = ",
        "client_address_header = ",
        "max_connections = ",
        "\"",
        "'",
        "\"\"\"",
        "\\u00e9",
        "\n",
        "[",
        "]",
        "#",
        "://",
        ":",
        "@",
        "?password=",
        "postgres",
        "sqlite",
    ];
    let secrets = ["admin_password", "admin_token", "app_client_secret"];
    ::fuzz::texts("config_files", &seeds, &words, |text| {
        let Ok(table) = text.parse::<Table>() else {
            return;
        };
        let Ok(config) = Config::of(&table) else {
            return;
        };
        let _ = config.check();
        let shown = config.to_string();
        let printed: Table = shown.parse().expect("it was printed as TOML");
        let again = Config::of(&printed)
            .expect("it was printed by us")
            .to_string();
        assert_eq!(again, shown);
        // Does everything that is secret stand where secrets stand?
        let hides = |(key, value): (&String, &Value)| {
            let text = value.as_str().unwrap_or_default();
            !value.to_string().contains(SECRET)
                || secrets.contains(&key.as_str())
                || (key == "database_url" && is_password(text, SECRET))
        };
        if table.iter().all(hides) {
            assert!(!shown.contains(SECRET), "{shown}");
        }
    });
}

/// Is the secret the URL's password and nothing else of it?
fn is_password(url: &str, secret: &str) -> bool {
    let Ok(url) = Url::parse(url) else {
        return true;
    };
    let in_parameter = url
        .query_pairs()
        .any(|(name, value)| name == "password" && value == secret);
    (in_parameter || url.password() == Some(secret)) && url.as_str().matches(secret).count() == 1
}
