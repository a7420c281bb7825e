//! What an entry of the audit log can be about.

macro_rules! actions {
    ($($variant:ident = $word:literal, $title:literal;)+) => {
        /// What an entry is about.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum AuditAction { $($variant),+ }

        impl AuditAction {
            /// Every action, in the order of a list to choose from.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// As stored: `blob.sign`; the part before the dot is its kind.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// For people.
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title),+ }
            }
        }
    };
}

actions! {
    BlobSign = "blob.sign", "Gave out a pre-signed URL";
    BlobRead = "blob.read", "Read a blob";
    BlobRefuse = "blob.refuse", "Was refused a blob";
    RequestRefuse = "request.refuse", "Was refused what they asked for";
    LinkConnect = "azure_link.connect", "Connected a tenant";
    LinkUnlink = "azure_link.unlink", "Unlinked a tenant";
    LinkClaim = "azure_link.claim", "Claimed a container";
    LinkAnonymous = "azure_link.anonymous", "Changed whether unlinked data is read anonymously";
    LinkProve = "azure_link.prove", "Proved that the tenant wants the link";
    LinkRefuse = "azure_link.refuse", "Was refused a container";
    LinkGiveUp = "azure_link.give_up", "Gave up a container";
    LinkAgree = "azure_link.agree", "Agreed on another organization's link";
    LinkDisagree = "azure_link.disagree", "Took back an agreement on a link";
    LinkOther = "azure_link.other", "Another organization linked the same tenant";
    LinkCheck = "azure_link.check", "Checked a link to a tenant";
    StorageCreate = "storage.create", "Created a storage";
    StorageChange = "storage.change", "Changed a storage";
    StorageDelete = "storage.delete", "Deleted a storage";
    StorageCheck = "storage.check", "Checked access";
    StoragePreview = "storage.preview", "Looked what a storage would import";
    SyncStart = "sync.start", "Started a sync";
    SyncCancel = "sync.cancel", "Stopped a sync";
    SyncEnd = "sync.end", "Ended a sync";
    ExportStart = "export.start", "Started an export";
    ExportCancel = "export.cancel", "Stopped an export";
    ExportEnd = "export.end", "Ended an export";
    ExportAdopt = "export.adopt", "Let an export overwrite blobs that were there";
    ExportDownload = "export.download", "Downloaded annotations";
    ProjectCreate = "project.create", "Created a project";
    ProjectChange = "project.change", "Changed a project";
    ProjectDelete = "project.delete", "Deleted a project";
    TaskCreate = "task.create", "Created a task";
    TaskImport = "task.import", "Imported tasks";
    TaskChange = "task.change", "Changed a task";
    TaskDelete = "task.delete", "Deleted tasks";
    AnnotationCreate = "annotation.create", "Annotated a task";
    AnnotationChange = "annotation.change", "Changed an annotation";
    AnnotationDelete = "annotation.delete", "Deleted annotations";
    PredictionCreate = "prediction.create", "Created a prediction";
    PredictionChange = "prediction.change", "Changed a prediction";
    PredictionDelete = "prediction.delete", "Deleted a prediction";
    SignIn = "session.start", "Signed in";
    SignInRefuse = "session.refuse", "Failed to sign in";
    SignInLimit = "session.limit", "Was not let try to sign in: too many failures";
    SignOut = "session.end", "Signed out";
    SignOutEverywhere = "session.end_all", "Signed out everywhere";
    EntraConnect = "entra.connect", "Connected an Entra ID account to sign in with";
    EntraRemove = "entra.remove", "Removed an Entra ID account to sign in with";
    PasswordChange = "password.change", "Changed a password";
    TokenCreate = "token.create", "Created an API token";
    TokenRefresh = "token.refresh", "Made an access token from a personal access token";
    TokenRotate = "token.rotate", "Replaced a personal access token";
    TokenRevoke = "token.revoke", "Revoked an API token";
    InviteCreate = "invite.create", "Invited a person";
    InviteRevoke = "invite.revoke", "Took an invitation back";
    InviteAccept = "invite.accept", "Became a member";
    MemberCreate = "member.create", "Added a member";
    MemberRole = "member.role", "Changed a role";
    MemberRemove = "member.remove", "Removed a member";
    MemberRelease = "member.release", "Made a member's e-mail address free";
    OrganizationCreate = "organization.create", "Created the organization";
    SecretsRotate = "secrets.rotate", "Sealed the stored secrets with a new key";
    AuditRead = "audit.read", "Read the audit log";
    AuditExport = "audit.export", "Exported the audit log";
    AuditExpire = "audit.expire", "Let old entries of the audit log go";
}
