//! The stable names of everything that can go wrong with Azure or with a file there.
//!
//! One row a code, and a row without an answer to every question does not compile. What a code
//! means to a person is in `docs/causes.md`, where each has the section of its name.

use std::fmt;

use serde::{Serialize, Serializer};

/// The answers of a row.
macro_rules! holds {
    (passes) => {
        true
    };
    (stays) => {
        false
    };
    (one_blob) => {
        true
    };
    (the_storage) => {
        false
    };
}

macro_rules! codes {
    ($($code:ident = $text:literal, $lasts:ident, of $about:ident;)+) => {
        /// Why something does not work: for scripts, and the same in every release.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $(
                #[doc = concat!("`", $text, "`")]
                $code,
            )+
        }

        impl Code {
            /// Every code, in the order of `docs/causes.md`.
            pub const ALL: &'static [Self] = &[$(Self::$code,)+];

            /// As in JSON, in the database and in metrics: `role_missing`; also the heading of its
            /// section in `docs/causes.md`.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$code => $text,)+
                }
            }

            /// Does it pass by itself, so that the same may work moments later?
            pub const fn is_transient(self) -> bool {
                match self {
                    $(Self::$code => holds!($lasts),)+
                }
            }

            /// Is it about one blob, so that it says nothing of the storage?
            pub const fn is_of_one_blob(self) -> bool {
                match self {
                    $(Self::$code => holds!($about),)+
                }
            }
        }
    };
}

codes! {
    AccountNotFound = "account_not_found", stays, of the_storage;
    Unreachable = "unreachable", passes, of the_storage;
    CertificateUntrusted = "certificate_untrusted", stays, of the_storage;
    Firewall = "firewall", stays, of the_storage;
    ClockSkew = "clock_skew", stays, of the_storage;
    ClockDrifts = "clock_drifts", stays, of the_storage;
    Throttled = "throttled", passes, of the_storage;
    TimedOut = "timed_out", passes, of the_storage;
    Interrupted = "interrupted", passes, of one_blob;
    WrongTenant = "wrong_tenant", stays, of the_storage;
    TenantNotFound = "tenant_not_found", stays, of the_storage;
    WrongCloud = "wrong_cloud", stays, of the_storage;
    ClientSecretWrong = "client_secret_wrong", stays, of the_storage;
    ClientSecretExpired = "client_secret_expired", stays, of the_storage;
    ClientCertificateUnknown = "client_certificate_unknown", stays, of the_storage;
    ClientCertificateExpired = "client_certificate_expired", stays, of the_storage;
    ClientIdUnknown = "client_id_unknown", stays, of the_storage;
    ServicePrincipalMissing = "service_principal_missing", stays, of the_storage;
    ServicePrincipalDisabled = "service_principal_disabled", stays, of the_storage;
    ConsentMissing = "consent_missing", stays, of the_storage;
    AppNotMultiTenant = "app_not_multi_tenant", stays, of the_storage;
    ConditionalAccess = "conditional_access", stays, of the_storage;
    FederationMismatch = "federation_mismatch", stays, of the_storage;
    FederationMissing = "federation_missing", stays, of the_storage;
    StorageNotRegistered = "storage_not_registered", stays, of the_storage;
    TokenRejected = "token_rejected", stays, of the_storage;
    IdentityEndpointAbsent = "identity_endpoint_absent", stays, of the_storage;
    IdentityEndpointSlow = "identity_endpoint_slow", passes, of the_storage;
    IdentityBusy = "identity_busy", passes, of the_storage;
    IdentityHeaderRefused = "identity_header_refused", stays, of the_storage;
    WorkloadClientIdMissing = "workload_client_id_missing", stays, of the_storage;
    IdentityNotFound = "identity_not_found", stays, of the_storage;
    RoleMissing = "role_missing", stays, of the_storage;
    ListNotAllowed = "list_not_allowed", stays, of the_storage;
    RoleMoreRights = "role_more_rights", stays, of the_storage;
    DelegatorMissing = "delegator_missing", stays, of the_storage;
    AccountKeyRejected = "account_key_rejected", stays, of the_storage;
    SharedKeyDisabled = "shared_key_disabled", stays, of the_storage;
    AccountKeyAllRights = "account_key_all_rights", stays, of the_storage;
    CredentialRequired = "credential_required", stays, of the_storage;
    PublicAccessDisabled = "public_access_disabled", stays, of the_storage;
    ContainerPublic = "container_public", stays, of the_storage;
    SasExpired = "sas_expired", stays, of the_storage;
    SasNotYetValid = "sas_not_yet_valid", stays, of the_storage;
    SasRejected = "sas_rejected", stays, of the_storage;
    SasPermissionMissing = "sas_permission_missing", stays, of the_storage;
    SasOneBlobOnly = "sas_one_blob_only", stays, of the_storage;
    SasAddress = "sas_address", stays, of the_storage;
    SasProtocol = "sas_protocol", stays, of the_storage;
    SasService = "sas_service", stays, of the_storage;
    SasResourceType = "sas_resource_type", stays, of the_storage;
    SasMoreRights = "sas_more_rights", stays, of the_storage;
    SasAccountWide = "sas_account_wide", stays, of the_storage;
    SasHttpAllowed = "sas_http_allowed", stays, of the_storage;
    ExpiresSoon = "expires_soon", stays, of the_storage;
    ContainerNotFound = "container_not_found", stays, of the_storage;
    ContainerBeingDeleted = "container_being_deleted", stays, of the_storage;
    ContainerEmpty = "container_empty", stays, of the_storage;
    PrefixMatchesNothing = "prefix_matches_nothing", stays, of the_storage;
    BlobsSoftDeleted = "blobs_soft_deleted", stays, of the_storage;
    FilterMatchesNothing = "filter_matches_nothing", stays, of the_storage;
    OnlyFolders = "only_folders", stays, of the_storage;
    NothingToImport = "nothing_to_import", stays, of the_storage;
    BlobNotFound = "blob_not_found", stays, of one_blob;
    BlobArchived = "blob_archived", stays, of one_blob;
    SomeBlobsArchived = "some_blobs_archived", stays, of the_storage;
    BlobRehydrating = "blob_rehydrating", stays, of one_blob;
    AmbiguousAddress = "ambiguous_address", stays, of one_blob;
    DnsZoneAccount = "dns_zone_account", stays, of one_blob;
    InvalidRange = "invalid_range", stays, of one_blob;
    ChangedMeanwhile = "changed_meanwhile", stays, of one_blob;
    AlreadyExists = "already_exists", stays, of one_blob;
    ForeignBlob = "foreign_blob", stays, of one_blob;
    OverwriteNotAllowed = "overwrite_not_allowed", stays, of the_storage;
    AppendOnly = "append_only", stays, of the_storage;
    CorsMissing = "cors_missing", stays, of the_storage;
    InvalidInput = "invalid_input", stays, of the_storage;
    ListingRepeats = "listing_repeats", stays, of the_storage;
    AzureError = "azure_error", stays, of the_storage;
    NotAzure = "not_azure", stays, of the_storage;
    ProxyRefused = "proxy_refused", stays, of the_storage;
    RequestChanged = "request_changed", stays, of the_storage;
    VersionUnknown = "version_unknown", stays, of the_storage;
    HttpsRequired = "https_required", stays, of the_storage;
    TlsTooOld = "tls_too_old", stays, of the_storage;
    AccountDisabled = "account_disabled", stays, of the_storage;
    AccountReadOnly = "account_read_only", stays, of the_storage;
    AccountBeingCreated = "account_being_created", stays, of the_storage;
    ContainerDisabled = "container_disabled", stays, of the_storage;
    DeletionUnderWay = "deletion_under_way", stays, of the_storage;
    EncryptionKeyUnavailable = "encryption_key_unavailable", stays, of the_storage;
    EncryptionScopeForced = "encryption_scope_forced", stays, of the_storage;
    BlobHasOwnKey = "blob_has_own_key", stays, of one_blob;
    InvalidName = "invalid_name", stays, of the_storage;
    Leased = "leased", stays, of one_blob;
    RetentionPolicy = "retention_policy", stays, of the_storage;
    LegalHold = "legal_hold", stays, of the_storage;
    AnotherKindThere = "another_kind_there", stays, of one_blob;
    CopyUnderWay = "copy_under_way", stays, of one_blob;
    NothingFoundYet = "nothing_found_yet", stays, of the_storage;
    PresignedUrlRefused = "presigned_url_refused", stays, of the_storage;
    SasKeyExpired = "sas_key_expired", stays, of the_storage;
    SasPolicyMissing = "sas_policy_missing", stays, of the_storage;
    SasSignerRoleMissing = "sas_signer_role_missing", stays, of the_storage;
    AppPublicClient = "app_public_client", stays, of the_storage;
    ClientCertificateRefused = "client_certificate_refused", stays, of the_storage;
    AssertionExpired = "assertion_expired", stays, of the_storage;
    AssertionNotYetValid = "assertion_not_yet_valid", stays, of the_storage;
    AppDisabled = "app_disabled", stays, of the_storage;
    AppNotAssigned = "app_not_assigned", stays, of the_storage;
    TenantIdWrong = "tenant_id_wrong", stays, of the_storage;
    TenantRestrictions = "tenant_restrictions", stays, of the_storage;
    CrossTenantPolicy = "cross_tenant_policy", stays, of the_storage;
    StoragePrincipalDisabled = "storage_principal_disabled", stays, of the_storage;
    FederationNotAllowed = "federation_not_allowed", stays, of the_storage;
    FederationKeyUnknown = "federation_key_unknown", stays, of the_storage;
    FederationIssuerUnreachable = "federation_issuer_unreachable", stays, of the_storage;
    EntraBusy = "entra_busy", passes, of the_storage;
    EntraLoop = "entra_loop", stays, of the_storage;
    EntraInternal = "entra_internal", stays, of the_storage;
    IdentityNotChosen = "identity_not_chosen", stays, of the_storage;
    IdentityHeaderLost = "identity_header_lost", stays, of the_storage;
    IdentityEndpointRefuses = "identity_endpoint_refuses", stays, of the_storage;
    IdentityNotSelectable = "identity_not_selectable", stays, of the_storage;
    IdentityKeyRefused = "identity_key_refused", stays, of the_storage;
    IdentityKeyUnreadable = "identity_key_unreadable", stays, of the_storage;
    IdentityHostUnsupported = "identity_host_unsupported", stays, of the_storage;
    SignInDeclined = "sign_in_declined", stays, of the_storage;
    SignInRefused = "sign_in_refused", stays, of the_storage;
    SignInFailed = "sign_in_failed", stays, of the_storage;
    IdTokenRefused = "id_token_refused", stays, of the_storage;
    CodeNotAccepted = "code_not_accepted", stays, of the_storage;
    PersonalAccount = "personal_account", stays, of the_storage;
    OtherTenantsUser = "other_tenants_user", stays, of the_storage;
    AdministratorNeeded = "administrator_needed", stays, of the_storage;
    ConsentDeclined = "consent_declined", stays, of the_storage;
    ConsentRefused = "consent_refused", stays, of the_storage;
    ConsentNotThereYet = "consent_not_there_yet", stays, of the_storage;
    NoAppRegistration = "no_app_registration", stays, of the_storage;
    AppNotFound = "app_not_found", stays, of the_storage;
    AppProofRefused = "app_proof_refused", stays, of the_storage;
    RedirectNotRegistered = "redirect_not_registered", stays, of the_storage;
    ServiceNotInTenant = "service_not_in_tenant", stays, of the_storage;
    LinkMissing = "link_missing", stays, of the_storage;
    Unlinked = "unlinked", stays, of the_storage;
    ClaimRequired = "claim_required", stays, of the_storage;
    BadName = "bad_name", stays, of one_blob;
    FileTooLarge = "file_too_large", stays, of one_blob;
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Code;

    #[test]
    fn every_code_has_a_text_of_its_own() {
        let texts: BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(texts.len(), Code::ALL.len());
    }

    #[test]
    fn one_missing_blob_does_not_make_a_storage_ill_and_a_busy_account_is_not_forbidden() {
        assert!(Code::BlobNotFound.is_of_one_blob() && !Code::BlobNotFound.is_transient());
        assert!(!Code::Throttled.is_of_one_blob() && Code::Throttled.is_transient());
        assert!(!Code::RoleMissing.is_of_one_blob() && !Code::RoleMissing.is_transient());
    }
}
