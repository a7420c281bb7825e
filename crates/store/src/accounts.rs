//! Organizations, people and their memberships.

use model::{OrgId, Role, User, UserId};

use crate::{Result, Store};

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
        _email: &str,
        _password_hash: &str,
        _org_title: &str,
        _now_ms: i64,
    ) -> Result<Option<(OrgId, UserId)>> {
        todo!()
    }

    /// Creates a person as a member of the organization.
    ///
    /// # Errors
    /// `Conflict` when the e-mail is taken.
    pub async fn create_user(
        &self,
        _org: OrgId,
        _user: &NewUser<'_>,
        _now_ms: i64,
    ) -> Result<User> {
        todo!()
    }

    /// A member of the organization.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_user(&self, _org: OrgId, _user: UserId) -> Result<Option<User>> {
        todo!()
    }

    /// The organization's members, by id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_users(&self, _org: OrgId) -> Result<Vec<User>> {
        todo!()
    }

    /// Changes a member; `None` when there is no such member.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn update_user(
        &self,
        _org: OrgId,
        _user: UserId,
        _patch: &UserPatch,
    ) -> Result<Option<User>> {
        todo!()
    }

    /// The person with this e-mail (any case), with the first organization they joined.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_login(&self, _email: &str) -> Result<Option<Login>> {
        todo!()
    }

    /// The organization's title.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_org_title(&self, _org: OrgId) -> Result<Option<String>> {
        todo!()
    }
}
