//! The Blob service's operations that the local Azure knows, told from a request's shape,
//! and for each what it needs: one table for role assignments and for SAS permissions.

use http::Method;

use crate::{blob::query::Query, state::StorageAction};

/// One operation of the Blob service REST API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    ListContainers,
    GetServiceProperties,
    SetServiceProperties,
    GetUserDelegationKey,
    GetAccountInformation,
    Preflight,
    CreateContainer,
    DeleteContainer,
    GetContainerProperties,
    /// Set Container ACL; only the control endpoint asks for it.
    SetPublicAccess,
    ListBlobs,
    PutBlob,
    PutBlock,
    PutBlockList,
    GetBlob,
    GetBlobProperties,
    DeleteBlob,
    /// Delete Blob in an account with soft delete.
    SoftDeleteBlob,
    UndeleteBlob,
    SetBlobTier,
}

/// What an operation acts on; also the letter of an account SAS's `srt`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Service,
    Container,
    Object,
}

impl Level {
    /// The letter of `srt` (signed resource types) that covers this level.
    pub fn letter(self) -> char {
        match self {
            Self::Service => 's',
            Self::Container => 'c',
            Self::Object => 'o',
        }
    }
}

/// What a caller must hold.
#[derive(Clone, Copy, Debug)]
pub struct Needs {
    /// What a role must allow.
    pub action: StorageAction,
    /// What is enough when the blob does not exist yet.
    pub action_if_new: Option<StorageAction>,
    pub level: Level,
    /// Any one of these letters of `sp` allows it; empty: no SAS can.
    pub sas: &'static str,
    /// As `sas`, when the blob does not exist yet.
    pub sas_if_new: &'static str,
}

impl Operation {
    /// The operation a request asks for, by method, path depth, `restype` and `comp`.
    pub fn of(method: &Method, has_container: bool, has_blob: bool, query: &Query) -> Option<Self> {
        let restype = query.get("restype").unwrap_or("");
        let comp = query.get("comp").unwrap_or("");
        if method == Method::OPTIONS {
            return Some(Self::Preflight);
        }
        let read = method == Method::GET || method == Method::HEAD;
        if read && restype == "account" && comp == "properties" {
            return Some(Self::GetAccountInformation);
        }
        let verb = method.as_str();
        Some(match (has_container, has_blob, verb, restype, comp) {
            (false, _, "GET", "", "list") => Self::ListContainers,
            (false, _, "GET", "service", "properties") => Self::GetServiceProperties,
            (false, _, "PUT", "service", "properties") => Self::SetServiceProperties,
            (false, _, "POST", "service", "userdelegationkey") => Self::GetUserDelegationKey,
            (true, false, "PUT", "container", "") => Self::CreateContainer,
            (true, false, "DELETE", "container", "") => Self::DeleteContainer,
            (true, false, "GET" | "HEAD", "container", "" | "metadata") => {
                Self::GetContainerProperties
            }
            (true, false, "GET", "container", "list") => Self::ListBlobs,
            (true, true, "PUT", "", "") => Self::PutBlob,
            (true, true, "PUT", "", "block") => Self::PutBlock,
            (true, true, "PUT", "", "blocklist") => Self::PutBlockList,
            (true, true, "PUT", "", "tier") => Self::SetBlobTier,
            (true, true, "PUT", "", "undelete") => Self::UndeleteBlob,
            (true, true, "GET", "", "") => Self::GetBlob,
            (true, true, "HEAD", "", "" | "metadata") => Self::GetBlobProperties,
            (true, true, "DELETE", "", "") => Self::DeleteBlob,
            _ => return None,
        })
    }

    /// What the caller must hold, from Microsoft's "Permissions for calling data operations"
    /// and the permission tables of "Create a service SAS" and "Create an account SAS".
    pub fn needs(self) -> Needs {
        let needs = |action, level, sas| Needs {
            action,
            action_if_new: None,
            level,
            sas,
            sas_if_new: sas,
        };
        let writes_blob = Needs {
            action: StorageAction::WriteBlob,
            action_if_new: Some(StorageAction::AddBlob),
            level: Level::Object,
            sas: "w",
            sas_if_new: "cw",
        };
        match self {
            Self::ListContainers => needs(StorageAction::ReadContainer, Level::Service, "l"),
            Self::GetServiceProperties => needs(StorageAction::ReadService, Level::Service, "r"),
            Self::SetServiceProperties => needs(StorageAction::WriteService, Level::Service, "w"),
            Self::GetUserDelegationKey => {
                needs(StorageAction::GenerateUserDelegationKey, Level::Service, "")
            }
            Self::GetAccountInformation | Self::Preflight => {
                needs(StorageAction::ReadService, Level::Service, "rwdlacup")
            }
            Self::CreateContainer => needs(StorageAction::WriteContainer, Level::Container, "cw"),
            Self::DeleteContainer => needs(StorageAction::DeleteContainer, Level::Container, "d"),
            Self::GetContainerProperties => {
                needs(StorageAction::ReadContainer, Level::Container, "r")
            }
            Self::SetPublicAccess => needs(StorageAction::WriteContainer, Level::Container, ""),
            Self::ListBlobs => needs(StorageAction::ReadBlob, Level::Container, "l"),
            Self::PutBlob | Self::PutBlockList => writes_blob,
            Self::PutBlock => Needs {
                sas: "cw",
                ..writes_blob
            },
            Self::GetBlob | Self::GetBlobProperties => {
                needs(StorageAction::ReadBlob, Level::Object, "r")
            }
            Self::DeleteBlob | Self::SoftDeleteBlob => {
                needs(StorageAction::DeleteBlob, Level::Object, "d")
            }
            Self::SetBlobTier | Self::UndeleteBlob => {
                needs(StorageAction::WriteBlob, Level::Object, "w")
            }
        }
    }
}
