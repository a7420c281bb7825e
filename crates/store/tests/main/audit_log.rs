//! The audit log is only added to, whatever is tried with SQL, and lets go only of what is old
//! enough, with an entry that says so.

use sqlx::{PgPool, SqlitePool};
use store::{AUDIT_EXPIRE, AuditEntry, AuditQuery};

use crate::world::{NOW, World};

const DAY_MS: i64 = 24 * 3_600_000;

fn entry(w: &World, at_ms: i64, subject: &str) -> AuditEntry {
    AuditEntry {
        event_id: format!("event of {subject}"),
        at_ms,
        org_id: w.org,
        actor: Some(w.user),
        action: "task.delete",
        subject: subject.to_owned(),
        detail: "{}".to_owned(),
    }
}

fn expiry(w: &World, at_ms: i64, until_ms: i64, count: i64) -> AuditEntry {
    AuditEntry {
        action: AUDIT_EXPIRE,
        detail: format!("{{\"entries\":{count},\"until_ms\":{until_ms}}}"),
        ..entry(w, at_ms, "audit")
    }
}

/// Somebody with the database's password; `false` when it refuses.
pub async fn by_hand(w: &World, sql: &str) -> bool {
    let (url, sql) = (&w.options.database_url, sqlx::AssertSqlSafe(sql.to_owned()));
    let done = if url.starts_with("sqlite:") {
        let pool = SqlitePool::connect(url).await.unwrap();
        sqlx::query(sql).execute(&pool).await.map(drop)
    } else {
        let pool = PgPool::connect(url).await.unwrap();
        sqlx::query(sql).execute(&pool).await.map(drop)
    };
    match done {
        Ok(()) => true,
        Err(error) => {
            assert!(error.to_string().contains("only added to"), "{error}");
            false
        }
    }
}

async fn subjects(w: &World) -> Vec<String> {
    let query = AuditQuery {
        limit: 1_000,
        ..AuditQuery::default()
    };
    let records = w.store.list_audit(w.org, &query).await.unwrap();
    records.into_iter().map(|record| record.subject).collect()
}

pub async fn nothing_is_changed_replaced_or_deleted_by_hand(w: World) {
    let entries = [entry(&w, NOW, "task/1"), entry(&w, NOW, "task/2")];
    w.store.record_audit(&entries).await.unwrap();
    let is_sqlite = w.options.database_url.starts_with("sqlite:");
    let values = "(1, 0, 1, 'x', 'forged', '{}', 'e')";
    let columns = "audit_log (id, at_ms, org_id, action, subject, detail, event_id)";
    let mut tried = vec![
        "UPDATE audit_log SET subject = 'forged'".to_owned(),
        "DELETE FROM audit_log".to_owned(),
        "DELETE FROM audit_log WHERE id = 1".to_owned(),
        format!(
            "INSERT INTO {columns} VALUES {values} ON CONFLICT (id) DO UPDATE SET subject = 'forged'"
        ),
    ];
    if is_sqlite {
        tried.push(format!("REPLACE INTO {columns} VALUES {values}"));
        tried.push(format!("INSERT OR REPLACE INTO {columns} VALUES {values}"));
        tried.push("UPDATE OR REPLACE audit_log SET id = 1 WHERE id = 2".to_owned());
    } else {
        tried.push("TRUNCATE audit_log".to_owned());
    }
    for sql in tried {
        assert!(!by_hand(&w, &sql).await, "{sql}");
    }
    assert_eq!(subjects(&w).await, ["task/2", "task/1"]);
}

pub async fn only_what_is_older_than_an_entry_says_can_go(w: World) {
    let old = NOW - 10 * DAY_MS;
    let entries = [
        entry(&w, old, "task/1"),
        entry(&w, old + 1, "task/2"),
        entry(&w, NOW - 1, "task/3"),
    ];
    w.store.record_audit(&entries).await.unwrap();

    // An instant less than a day before the entry that states it opens nothing.
    let too_new = w
        .store
        .expire_audit(w.org, NOW, 10, |count| expiry(&w, NOW, NOW, count))
        .await;
    assert!(too_new.is_err());
    assert_eq!(subjects(&w).await, ["task/3", "task/2", "task/1"]);

    let until = NOW - 5 * DAY_MS;
    let step = async || {
        let gone = w
            .store
            .expire_audit(w.org, until, 1, |count| expiry(&w, NOW, until, count));
        gone.await.unwrap()
    };
    assert_eq!(step().await, 1);
    assert_eq!(subjects(&w).await, ["audit", "task/3", "task/2"]);
    assert_eq!(step().await, 1);
    assert_eq!(
        step().await,
        0,
        "what is young stays, and nothing is told of nothing"
    );
    assert_eq!(subjects(&w).await, ["audit", "audit", "task/3"]);
    // Nor does the permission for the old open the young, or another organization's.
    assert!(!by_hand(&w, "DELETE FROM audit_log").await);
    let other = w.another_org().await;
    let theirs = AuditEntry {
        org_id: other,
        ..entry(&w, old, "task/9")
    };
    w.store.record_audit(&[theirs]).await.unwrap();
    let sql = format!("DELETE FROM audit_log WHERE org_id = {other}");
    assert!(!by_hand(&w, &sql).await);
}

pub async fn a_change_and_its_entry_are_there_together_or_not_at_all(w: World) {
    let told = w.store.telling(entry(&w, NOW, "project/1"));
    let begun = told.begin_project_deletion(w.stranger(), w.project, NOW);
    assert_eq!(begun.await.unwrap(), None);
    assert!(subjects(&w).await.is_empty(), "nothing was changed");

    // The log takes nothing: then nothing is deleted either.
    let broken = AuditEntry {
        detail: "{}".to_owned(),
        event_id: String::new(),
        ..entry(&w, NOW, "project/1")
    };
    let is_sqlite = w.options.database_url.starts_with("sqlite:");
    let refuse = if is_sqlite {
        "CREATE TRIGGER full BEFORE INSERT ON audit_log BEGIN SELECT RAISE(ABORT, 'full'); END"
    } else {
        "ALTER TABLE audit_log ADD CONSTRAINT audit_full CHECK (event_id <> '')"
    };
    assert!(by_hand(&w, refuse).await);
    let told = w.store.telling(broken);
    let begun = told.begin_project_deletion(w.org, w.project, NOW);
    assert!(begun.await.is_err());
    assert!(
        w.store
            .find_project(w.org, w.project)
            .await
            .unwrap()
            .is_some()
    );
    let open = if is_sqlite {
        "DROP TRIGGER full"
    } else {
        "ALTER TABLE audit_log DROP CONSTRAINT audit_full"
    };
    assert!(by_hand(&w, open).await);

    let told = w.store.telling(entry(&w, NOW, "project/1"));
    let begun = told.begin_project_deletion(w.org, w.project, NOW);
    assert!(begun.await.unwrap().is_some());
    assert_eq!(subjects(&w).await, ["project/1"]);
}
