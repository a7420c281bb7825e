//! What people search for is taken literally.

use sqlx::{Connection as _, SqliteConnection};

use super::pattern;

/// The database finds the text where it is, whatever it means in a pattern; the case of ASCII
/// letters does not matter.
#[test]
fn searches() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let database = runtime
        .block_on(SqliteConnection::connect("sqlite::memory:"))
        .expect("SQLite");
    let database = std::cell::RefCell::new(database);
    let seeds = [
        "100%\nabout 100% of it",
        "a_b\naxb",
        "!\n!!",
        "Aé\nxaÉ",
        "\\%\n\\%",
    ];
    ::fuzz::texts(
        "searches",
        &seeds,
        &["%", "_", "!", "!%", "!!", "\\", "'"],
        |text| {
            let (wanted, name) = text.split_once('\n').unwrap_or((text, text));
            // SQLite's own texts end there; names with it are refused before.
            if text.contains('\0') || pattern(wanted).len() > 40_000 {
                return;
            }
            let query = sqlx::query_scalar::<_, bool>("SELECT $1 LIKE $2 ESCAPE '!'")
                .bind(name.to_owned())
                .bind(pattern(wanted));
            let found = runtime.block_on(query.fetch_one(&mut *database.borrow_mut()));
            let is_in = name
                .to_ascii_lowercase()
                .contains(&wanted.to_ascii_lowercase());
            assert_eq!(found.expect("an answer"), is_in, "{:?}", pattern(wanted));
        },
    );
}
