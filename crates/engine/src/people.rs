//! People: accounts, members, invitations, and what they are known by: passwords, sessions, tokens.

pub(crate) mod accounts;
pub(crate) mod first_run;
pub(crate) mod hashing;
pub(crate) mod invites;
pub(crate) mod known_browsers;
pub(crate) mod members;
pub(crate) mod sessions;
pub(crate) mod tokens;
