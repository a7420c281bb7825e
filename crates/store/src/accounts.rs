//! Organizations, people and their memberships.

use model::{OrgId, Role, User, UserId};

use crate::{
    Result, Store,
    db::{Row, Tx, sql},
};

macro_rules! users {
    ($rest:literal) => {
        concat!(
            "SELECT u.id, m.org_id, u.email, u.first_name, u.last_name, m.role, u.created_at_ms, u.password_hash
             FROM users u JOIN memberships m ON m.user_id = u.id ",
            $rest
        )
    };
}

/// A person to create in an organization.
#[derive(Clone, Debug)]
pub struct NewUser<'a> {
    pub email: &'a str,
    /// PHC string; never a password.
    pub password_hash: &'a str,
    pub first_name: &'a str,
    pub last_name: &'a str,
    pub role: Role,
}

/// What to change of a person; `None` leaves it.
#[derive(Clone, Debug, Default)]
pub struct UserPatch {
    pub password_hash: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
}

/// What a sign-in needs.
#[derive(Clone, Debug)]
pub struct Login {
    pub user: User,
    /// PHC string.
    pub password_hash: String,
}

impl Store {
    /// Creates the first organization and its owner; `None` when any user exists already.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn create_first_owner(
        &self,
        email: &str,
        password_hash: &str,
        org_title: &str,
        now_ms: i64,
    ) -> Result<Option<(OrgId, UserId)>> {
        let mut tx = self.db.begin().await?;
        let org = tx
            .row(
                sql("INSERT INTO orgs (title, created_at_ms)
                     SELECT $1, $2 WHERE NOT EXISTS (SELECT 1 FROM users) RETURNING id")
                .bind(org_title)
                .bind(now_ms),
            )
            .await?;
        let Some(org) = org else { return Ok(None) };
        let org = OrgId(org.get("id")?);
        let owner = NewUser {
            email,
            password_hash,
            first_name: "",
            last_name: "",
            role: Role::Owner,
        };
        let user = insert_user(&mut tx, org, &owner, now_ms).await?;
        tx.commit().await?;
        Ok(Some((org, user.id)))
    }

    /// Creates a further organization with its owner.
    ///
    /// # Errors
    /// `Conflict` when the e-mail is taken.
    pub async fn create_org(&self, title: &str, owner: &NewUser<'_>, now_ms: i64) -> Result<User> {
        let mut tx = self.db.begin().await?;
        let org = tx
            .one(
                sql("INSERT INTO orgs (title, created_at_ms) VALUES ($1, $2) RETURNING id")
                    .bind(title)
                    .bind(now_ms),
            )
            .await?;
        let owner = insert_user(&mut tx, OrgId(org.get("id")?), owner, now_ms).await?;
        tx.commit().await?;
        Ok(owner)
    }

    /// Creates a person as a member of the organization.
    ///
    /// # Errors
    /// `Conflict` when the e-mail is taken.
    pub async fn create_user(&self, org: OrgId, user: &NewUser<'_>, now_ms: i64) -> Result<User> {
        let mut tx = self.db.begin().await?;
        let user = insert_user(&mut tx, org, user, now_ms).await?;
        tx.commit().await?;
        Ok(user)
    }

    /// A member of the organization.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_user(&self, org: OrgId, user: UserId) -> Result<Option<User>> {
        let query = sql(users!("WHERE m.org_id = $1 AND u.id = $2"));
        let row = self.db.read_one(query.bind(org).bind(user)).await?;
        row.as_ref().map(user_of).transpose()
    }

    /// The organization's members, by id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_users(&self, org: OrgId) -> Result<Vec<User>> {
        let query = sql(users!("WHERE m.org_id = $1 ORDER BY u.id")).bind(org);
        self.db.read(query).await?.iter().map(user_of).collect()
    }

    /// Changes a member; `None` when there is no such member.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn update_user(
        &self,
        org: OrgId,
        user: UserId,
        patch: &UserPatch,
    ) -> Result<Option<User>> {
        self.db
            .execute(
                sql("UPDATE users SET password_hash = COALESCE($3, password_hash),
                     first_name = COALESCE($4, first_name), last_name = COALESCE($5, last_name)
                     WHERE id = (SELECT user_id FROM memberships WHERE org_id = $1 AND user_id = $2)")
                .bind(org)
                .bind(user)
                .bind(patch.password_hash.as_deref())
                .bind(patch.first_name.as_deref())
                .bind(patch.last_name.as_deref()),
            )
            .await?;
        self.find_user(org, user).await
    }

    /// Is there nobody yet: has this installation no owner?
    ///
    /// # Errors
    /// When the database fails.
    pub async fn is_without_users(&self) -> Result<bool> {
        let row = self
            .db
            .read_one(sql("SELECT id FROM users LIMIT 1"))
            .await?;
        Ok(row.is_none())
    }

    /// The organization that was created first: the operator's own.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn first_org(&self) -> Result<Option<OrgId>> {
        let row = self
            .db
            .read_one(sql("SELECT MIN(id) AS id FROM orgs"))
            .await?;
        let id = row.map(|row| row.get::<Option<i64>>("id")).transpose()?;
        Ok(id.flatten().map(OrgId))
    }

    /// The owner of the first organization who has been one for longest.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_first_owner(&self) -> Result<Option<User>> {
        let query = sql(users!(
            "WHERE m.role = 'owner' ORDER BY m.org_id, m.created_at_ms, u.id LIMIT 1"
        ));
        let row = self.db.read_one(query).await?;
        row.as_ref().map(user_of).transpose()
    }

    /// The person with this e-mail (any case), with the first organization they joined.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_login(&self, email: &str) -> Result<Option<Login>> {
        let query = sql(users!(
            "WHERE u.email = $1 ORDER BY m.created_at_ms, m.org_id LIMIT 1"
        ));
        let row = self.db.read_one(query.bind(email.to_lowercase())).await?;
        row.map(|row| {
            Ok(Login {
                user: user_of(&row)?,
                password_hash: row.get("password_hash")?,
            })
        })
        .transpose()
    }

    /// Gives the account with this e-mail another one, and takes back the invitations to it of the
    /// account's own organizations: the old one is free. Answers the account and its organizations;
    /// `None` when nobody has it.
    ///
    /// # Errors
    /// `Conflict` when the other one is taken.
    pub async fn release_email(
        &self,
        email: &str,
        other: &str,
        now_ms: i64,
    ) -> Result<Option<(UserId, Vec<OrgId>)>> {
        let mut tx = self.db.begin().await?;
        let renamed = sql("UPDATE users SET email = $2 WHERE email = $1 RETURNING id")
            .bind(email)
            .bind(other);
        let Some(row) = tx.row(renamed).await? else {
            return Ok(None);
        };
        let user = UserId(row.get("id")?);
        let orgs = sql("SELECT org_id FROM memberships WHERE user_id = $1 ORDER BY org_id");
        let mut ids = Vec::new();
        for row in tx.rows(orgs.bind(user)).await? {
            let org = OrgId(row.get("org_id")?);
            let revoke = sql(
                "UPDATE invites SET revoked_at_ms = $3 WHERE org_id = $1 AND email = $2
                 AND accepted_at_ms IS NULL AND revoked_at_ms IS NULL",
            );
            tx.execute(revoke.bind(org).bind(email).bind(now_ms))
                .await?;
            ids.push(org);
        }
        tx.commit().await?;
        Ok(Some((user, ids)))
    }

    /// The organization's title.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_org_title(&self, org: OrgId) -> Result<Option<String>> {
        let row = self
            .db
            .read_one(sql("SELECT title FROM orgs WHERE id = $1").bind(org))
            .await?;
        row.map(|row| row.get("title")).transpose()
    }
}

/// E-mails are kept in lower case, so that signing in does not depend on it.
pub(crate) async fn insert_user(
    tx: &mut Tx,
    org: OrgId,
    user: &NewUser<'_>,
    now_ms: i64,
) -> Result<User> {
    let row = tx
        .one(
            sql(
                "INSERT INTO users (email, password_hash, first_name, last_name, created_at_ms)
                 VALUES ($1, $2, $3, $4, $5) RETURNING id",
            )
            .bind(user.email.to_lowercase())
            .bind(user.password_hash)
            .bind(user.first_name)
            .bind(user.last_name)
            .bind(now_ms),
        )
        .await?;
    let id = UserId(row.get("id")?);
    add_membership(tx, org, id, user.role, now_ms).await?;
    Ok(User {
        id,
        org_id: org,
        email: user.email.to_lowercase(),
        first_name: user.first_name.to_owned(),
        last_name: user.last_name.to_owned(),
        role: user.role,
        created_at_ms: now_ms,
    })
}

pub(crate) async fn add_membership(
    tx: &mut Tx,
    org: OrgId,
    user: UserId,
    role: Role,
    now_ms: i64,
) -> Result<()> {
    let insert = sql(
        "INSERT INTO memberships (org_id, user_id, role, created_at_ms) VALUES ($1, $2, $3, $4)",
    );
    tx.execute(insert.bind(org).bind(user).bind(role.as_str()).bind(now_ms))
        .await
        .map(drop)
}

fn user_of(row: &Row) -> Result<User> {
    Ok(User {
        id: UserId(row.get("id")?),
        org_id: OrgId(row.get("org_id")?),
        email: row.get("email")?,
        first_name: row.get("first_name")?,
        last_name: row.get("last_name")?,
        role: row.word("role", Role::parse)?,
        created_at_ms: row.get("created_at_ms")?,
    })
}
