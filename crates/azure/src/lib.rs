//! Microsoft over HTTP: clouds as data, tokens, blobs, SAS, and which tenant owns an account.
//!
//! [`Azure`] is made once; [`Azure::container`] gives a [`ContainerClient`] for one credential and
//! one container, and that is what lists, reads, writes and signs. Requests only ever go to hosts
//! of the [`Cloud`], never to an address that a customer typed.

mod account;
mod answer;
mod azure;
mod blob;
mod challenge;
mod cloud;
mod delegation_key;
mod encoding;
mod error;
mod http;
mod id_token;
mod instant;
mod probe;
mod renewable;
mod retry;
mod sas;
mod shared_key;
mod sign_in;
mod signing_keys;
mod token;
mod xml;

pub use azure::{AppRegistration, Azure, HostIdentity};
pub use blob::{
    BlobBody, BlobItem, BlobProperties, ContainerClient, GetRequest, GetResponse, GetStatus,
    ListPage, ListRequest, PutCondition, PutResult, SignRequest, SignedUrl,
};
pub use challenge::Challenge;
pub use cloud::Cloud;
pub use error::{Error, ErrorKind};
pub use id_token::EntraUser;
pub use probe::{
    AccountInfo, Greeting, Preflight, Right, SoftDeleted, credential_expiry, is_before_time_frame,
};
pub use sign_in::SignInRequest;

/// What this crate's calls return.
pub type Result<T, E = Error> = std::result::Result<T, E>;
