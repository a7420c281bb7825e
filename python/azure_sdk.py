"""Microsoft's own clients against the local Azure: what they do on Azure they do here, with the same codes.

`cargo xtask test` starts the local Azure and runs this.
"""

from datetime import datetime, timedelta, timezone

import pytest
from azure.core import MatchConditions
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.identity import (
    CertificateCredential,
    ClientAssertionCredential,
    ClientSecretCredential,
    ManagedIdentityCredential,
    WorkloadIdentityCredential,
)
from azure.storage.blob import (
    AccountSasPermissions,
    BlobClient,
    BlobPrefix,
    BlobSasPermissions,
    BlobServiceClient,
    ContainerClient,
    ContainerSasPermissions,
    ContentSettings,
    ResourceTypes,
    generate_account_sas,
    generate_blob_sas,
    generate_container_sas,
)
from conftest import CONTRIBUTOR, READER, App, Customer, LocalAzure

ODD_NAMES = ["a b.txt", "50% #1?.txt", "x+y=z&.txt", "dir/é🐈.txt", "double//slash.txt", "tilde~(1).txt"]


def service(customer: Customer, credential) -> BlobServiceClient:
    return BlobServiceClient(customer.url, credential=credential, connection_verify=customer.azure.ca_file,
                             retry_total=0)


def container(customer: Customer, credential) -> ContainerClient:
    return service(customer, credential).get_container_client(customer.container)


def by_secret(azure: LocalAzure, app: App, secret: str, **options) -> ClientSecretCredential:
    return ClientSecretCredential(app.tenant, app.client_id, secret, **entra(azure), **options)


def entra(azure: LocalAzure) -> dict:
    """Settings that point azure-identity at the local authority."""
    return {
        "authority": azure.endpoints["entra"],
        "disable_instance_discovery": True,
        "connection_verify": azure.ca_file,
        "retry_total": 0,
    }


class OneToken:
    """A credential that has this token for every tenant: the client's own would follow the challenge."""

    def __init__(self, token):
        self.token = token

    def get_token(self, *_scopes, **_options):
        return self.token


@pytest.fixture
def contributor(customer: Customer) -> ContainerClient:
    """The container, by a service principal with a client secret that may read and write blobs."""
    app = customer.app()
    customer.azure.assign_role(app.object_id, CONTRIBUTOR, customer.scope)
    return container(customer, by_secret(customer.azure, app, customer.secret(app)))


def error_code(raised) -> str:
    """Azure's code, as text, of a storage error."""
    code = raised.value.error_code
    return getattr(code, "value", code)


# Credentials


def test_a_client_secret_reads_and_writes(contributor):
    contributor.upload_blob("hello.txt", b"hello")
    assert contributor.download_blob("hello.txt").readall() == b"hello"


def test_a_certificate_reads(customer, azure):
    app = customer.app()
    azure.assign_role(app.object_id, READER, customer.container_scope)
    pem = azure.control("POST", f"/apps/{app.client_id}/certificates", {})["pem"]
    credential = CertificateCredential(app.tenant, app.client_id, certificate_data=pem.encode(), **entra(azure))
    azure.put_blob(customer.account, customer.container, "a.txt", b"a", "text/plain")
    assert container(customer, credential).download_blob("a.txt").readall() == b"a"


def test_a_certificate_that_the_app_does_not_have_is_refused(customer, azure):
    app, other = customer.app(), customer.app()
    pem = azure.control("POST", f"/apps/{other.client_id}/certificates", {})["pem"]
    azure.control("POST", f"/apps/{app.client_id}/certificates", {})
    credential = CertificateCredential(app.tenant, app.client_id, certificate_data=pem.encode(), **entra(azure))
    with pytest.raises(ClientAuthenticationError, match="AADSTS700027"):
        credential.get_token("https://storage.azure.com/.default")


@pytest.mark.parametrize("kind", ["system_assigned", "user_assigned"])
@pytest.mark.parametrize("source", ["imds", "app_service"])
def test_a_managed_identity_reads(customer, azure, monkeypatch, source, kind):
    identity = azure.control("POST", "/identities", {"tenant": customer.tenant, "name": "proof", "kind": kind})
    azure.assign_role(identity["object_id"], READER, customer.container_scope)
    azure.put_blob(customer.account, customer.container, "a.txt", b"a", "text/plain")
    if source == "imds":
        monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", azure.endpoints["imds"])
        monkeypatch.delenv("IDENTITY_ENDPOINT", raising=False)
        monkeypatch.delenv("IDENTITY_HEADER", raising=False)
    else:
        monkeypatch.setenv("IDENTITY_ENDPOINT", azure.endpoints["identity_endpoint"])
        monkeypatch.setenv("IDENTITY_HEADER", azure.endpoints["identity_header"])
    chosen = {"client_id": identity["client_id"]} if kind == "user_assigned" else {}
    try:
        client = container(customer, ManagedIdentityCredential(**chosen))
        assert client.download_blob("a.txt").readall() == b"a"
    finally:
        azure.control("PATCH", f"/identities/{identity['object_id']}", {"attached": False})


def test_a_workload_identity_reads(customer, azure, tmp_path):
    app = customer.app()
    azure.assign_role(app.object_id, READER, customer.container_scope)
    azure.put_blob(customer.account, customer.container, "a.txt", b"a", "text/plain")
    token_file = tmp_path / "token"
    azure.control("POST", "/workload-identities", {
        "client_id": app.client_id, "namespace": "proof", "service_account": "reader", "file": str(token_file)})
    credential = WorkloadIdentityCredential(tenant_id=app.tenant, client_id=app.client_id,
                                            token_file_path=str(token_file), **entra(azure))
    assert container(customer, credential).download_blob("a.txt").readall() == b"a"


def test_a_managed_identity_can_be_the_secret_of_a_multi_tenant_app(customer, azure, monkeypatch):
    platform = azure.control("POST", "/tenants", {"domain": f"platform-{customer.account}.onmicrosoft.com"})["id"]
    registered = azure.control("POST", "/apps", {
        "tenant": platform, "display_name": "platform", "audience": "multi_tenant"})
    identity = azure.control("POST", "/identities", {
        "tenant": platform, "name": "platform", "kind": "user_assigned"})
    azure.control("POST", f"/apps/{registered['client_id']}/federated-credentials", {
        "issuer": f"{azure.endpoints['entra']}/{platform}/v2.0",
        "subject": identity["object_id"],
        "audience": "api://AzureADTokenExchange",
    })
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", azure.endpoints["imds"])
    monkeypatch.delenv("IDENTITY_ENDPOINT", raising=False)
    own = ManagedIdentityCredential(client_id=identity["client_id"])
    app = ClientAssertionCredential(
        customer.tenant, registered["client_id"],
        lambda: own.get_token("api://AzureADTokenExchange/.default").token, **entra(azure))
    with pytest.raises(ClientAuthenticationError, match="AADSTS7000229"):  # not consented yet
        app.get_token("https://storage.azure.com/.default")

    principal = azure.control("POST", "/consent", {
        "tenant": customer.tenant, "client_id": registered["client_id"]})["object_id"]
    azure.assign_role(principal, READER, customer.container_scope)
    azure.put_blob(customer.account, customer.container, "a.txt", b"a", "text/plain")
    assert container(customer, app).download_blob("a.txt").readall() == b"a"
    azure.control("PATCH", f"/identities/{identity['object_id']}", {"attached": False})


def test_refused_tokens_say_why(customer, azure):
    app = customer.app()
    customer.secret(app)
    scope = "https://storage.azure.com/.default"
    with pytest.raises(ClientAuthenticationError, match="AADSTS7000215"):
        by_secret(azure, app, "wrong").get_token(scope)
    with pytest.raises(ClientAuthenticationError, match="AADSTS7000222"):
        by_secret(azure, app, customer.secret(app, expires_in_s=-60)).get_token(scope)
    unknown = App(customer.tenant, "11111111-2222-3333-4444-555555555555", "")
    with pytest.raises(ClientAuthenticationError, match="AADSTS700016"):
        by_secret(azure, unknown, "any").get_token(scope)


def test_a_token_of_another_tenant_is_refused_and_the_challenge_names_the_right_one(customer, azure):
    stranger = Customer(azure)
    app = stranger.app()
    azure.assign_role(app.object_id, READER, customer.scope)
    token = by_secret(azure, app, stranger.secret(app)).get_token("https://storage.azure.com/.default")
    with pytest.raises(ClientAuthenticationError) as raised:
        container(customer, OneToken(token)).get_container_properties()
    assert raised.value.status_code == 401
    assert error_code(raised) == "InvalidAuthenticationInfo"
    assert f"/{customer.tenant}/oauth2/authorize" in raised.value.response.headers["WWW-Authenticate"]


def test_without_a_role_everything_is_forbidden(customer, azure):
    app = customer.app()
    client = container(customer, by_secret(azure, app, customer.secret(app)))
    azure.put_blob(customer.account, customer.container, "a.txt", b"a", "text/plain")
    for operation in [
        lambda: list(client.list_blobs()),
        lambda: client.download_blob("a.txt"),
        lambda: client.upload_blob("b.txt", b"b"),
    ]:
        with pytest.raises(HttpResponseError) as raised:
            operation()
        assert (raised.value.status_code, error_code(raised)) == (403, "AuthorizationPermissionMismatch")


def test_a_reader_may_not_write(customer, azure):
    app = customer.app()
    azure.assign_role(app.object_id, READER, customer.container_scope)
    client = container(customer, by_secret(azure, app, customer.secret(app)))
    assert list(client.list_blobs()) == []
    with pytest.raises(HttpResponseError) as raised:
        client.upload_blob("b.txt", b"b")
    assert error_code(raised) == "AuthorizationPermissionMismatch"


# Blobs


def test_odd_names_survive_every_operation(contributor, customer):
    for name in ODD_NAMES:
        contributor.upload_blob(name, name.encode(), content_settings=ContentSettings(content_type="text/x-odd"))
    assert [blob.name for blob in contributor.list_blobs()] == sorted(ODD_NAMES, key=str.encode)
    for name in ODD_NAMES:
        assert contributor.download_blob(name).readall() == name.encode()
        properties = contributor.get_blob_client(name).get_blob_properties()
        assert (properties.size, properties.content_settings.content_type) == (len(name.encode()), "text/x-odd")
        contributor.delete_blob(name)
    assert customer.azure.blob_names(customer.account, customer.container) == []


def test_listing_by_delimiter_gives_folders(contributor):
    for name in ["a.txt", "b/1.txt", "b/2.txt", "b/c/3.txt", "d/4.txt"]:
        contributor.upload_blob(name, b"x")

    def walked(prefix):
        items = contributor.walk_blobs(prefix, delimiter="/")  # the client gives a page's folders first
        return sorted((item.name, isinstance(item, BlobPrefix)) for item in items)

    assert walked("") == [("a.txt", False), ("b/", True), ("d/", True)]
    assert walked("b/") == [("b/1.txt", False), ("b/2.txt", False), ("b/c/", True)]


def test_listing_resumes_from_its_marker(contributor):
    names = [f"{number:02}.txt" for number in range(7)]
    for name in names:
        contributor.upload_blob(name, b"x")
    pages = contributor.list_blobs(results_per_page=3).by_page()
    first = [blob.name for blob in next(pages)]
    rest = contributor.list_blobs(results_per_page=3).by_page(continuation_token=pages.continuation_token)
    later = [[blob.name for blob in page] for page in rest]
    assert [first, *later] == [names[:3], names[3:6], names[6:]]


def test_ranges(contributor):
    contributor.upload_blob("digits", b"0123456789")
    blob = contributor.get_blob_client("digits")
    assert blob.download_blob(offset=2, length=3).readall() == b"234"
    assert blob.download_blob(offset=7).readall() == b"789"
    with pytest.raises(HttpResponseError) as raised:
        blob.download_blob(offset=100, length=1)
    assert (raised.value.status_code, error_code(raised)) == (416, "InvalidRange")


def test_conditional_writes(contributor):
    blob = contributor.get_blob_client("once.txt")
    first = blob.upload_blob(b"1", overwrite=False)["etag"]
    with pytest.raises(ResourceExistsError) as raised:
        blob.upload_blob(b"2", overwrite=False)
    assert (raised.value.status_code, error_code(raised)) == (409, "BlobAlreadyExists")
    second = blob.upload_blob(b"2", overwrite=True, etag=first, match_condition=MatchConditions.IfNotModified)["etag"]
    assert second != first
    with pytest.raises(ResourceModifiedError) as raised:
        blob.upload_blob(b"3", overwrite=True, etag=first, match_condition=MatchConditions.IfNotModified)
    assert (raised.value.status_code, error_code(raised)) == (412, "ConditionNotMet")
    with pytest.raises(ResourceModifiedError):
        blob.delete_blob(etag=first, match_condition=MatchConditions.IfNotModified)
    blob.delete_blob(etag=second, match_condition=MatchConditions.IfNotModified)
    assert not blob.exists()


def test_a_blob_in_blocks_is_one_blob(contributor):
    content = bytes(range(256)) * 4096 * 3  # 3 MiB
    contributor._config.max_single_put_size = contributor._config.max_block_size = 1 << 20
    contributor.upload_blob("large.bin", content, max_concurrency=2)
    assert contributor.download_blob("large.bin").readall() == content


def test_what_is_missing_is_named(contributor, customer):
    with pytest.raises(ResourceNotFoundError) as raised:
        contributor.download_blob("missing.txt")
    assert error_code(raised) == "BlobNotFound"
    missing = service(customer, customer.key).get_container_client("missing")
    with pytest.raises(ResourceNotFoundError) as raised:
        list(missing.list_blobs())
    assert error_code(raised) == "ContainerNotFound"


# Account keys and shared access signatures


def soon() -> datetime:
    return datetime.now(timezone.utc) + timedelta(minutes=10)


def earlier() -> datetime:
    return datetime.now(timezone.utc) - timedelta(minutes=15)


def read_by_sas(customer: Customer, name: str, sas: str) -> bytes:
    blob = BlobClient(customer.url, customer.container, name, credential=sas,
                      connection_verify=customer.azure.ca_file, retry_total=0)
    return blob.download_blob().readall()


def test_an_account_key_does_everything(customer):
    client = container(customer, customer.key)
    for name in ODD_NAMES:
        client.upload_blob(name, b"by key", metadata={"made": "by key"})
    assert sorted(blob.name for blob in client.list_blobs(name_starts_with="d")) == ["dir/é🐈.txt", "double//slash.txt"]
    assert [found.name for found in service(customer, customer.key).list_containers()] == [customer.container]


def test_a_wrong_key_is_refused(customer):
    wrong = "d3Jvbmcga2V5d3Jvbmcga2V5d3Jvbmcga2V5d3Jvbmcga2V5d3Jvbmcga2V5d3Jvbmcga2V5d3Jvbmcga2V5PT0="
    with pytest.raises(ClientAuthenticationError) as raised:
        list(container(customer, wrong).list_blobs())
    assert (raised.value.status_code, error_code(raised)) == (403, "AuthenticationFailed")
    assert "MAC signature" in str(raised.value.response.text())


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_service_sas_reads_one_blob(customer, azure, name):
    azure.put_blob(customer.account, customer.container, name, b"by sas", "text/plain")
    azure.put_blob(customer.account, customer.container, "other", b"other", "text/plain")
    sas = generate_blob_sas(customer.account, customer.container, name, account_key=customer.key,
                            permission=BlobSasPermissions(read=True), start=earlier(), expiry=soon(),
                            protocol="https", content_type="text/x-chosen", content_disposition="inline")
    blob = BlobClient(customer.url, customer.container, name, credential=sas,
                      connection_verify=azure.ca_file, retry_total=0)
    download = blob.download_blob()
    assert download.readall() == b"by sas"
    assert download.properties.content_settings.content_type == "text/x-chosen"
    with pytest.raises(ClientAuthenticationError) as raised:
        read_by_sas(customer, "other", sas)
    assert (raised.value.status_code, error_code(raised)) == (403, "AuthenticationFailed")
    with pytest.raises(HttpResponseError) as raised:
        blob.upload_blob(b"changed", overwrite=True)
    assert error_code(raised) == "AuthorizationPermissionMismatch"


def test_a_container_sas_lists_and_reads(customer, azure):
    azure.put_blob(customer.account, customer.container, "a b.txt", b"a", "text/plain")
    sas = generate_container_sas(customer.account, customer.container, account_key=customer.key,
                                 permission=ContainerSasPermissions(read=True, list=True), expiry=soon())
    client = container(customer, sas)
    assert [blob.name for blob in client.list_blobs()] == ["a b.txt"]
    assert client.download_blob("a b.txt").readall() == b"a"


def test_an_account_sas_lists_and_reads(customer, azure):
    azure.put_blob(customer.account, customer.container, "a.txt", b"a", "text/plain")
    sas = generate_account_sas(customer.account, customer.key,
                               resource_types=ResourceTypes(container=True, object=True),
                               permission=AccountSasPermissions(read=True, list=True), expiry=soon())
    client = container(customer, sas)
    assert [blob.name for blob in client.list_blobs()] == ["a.txt"]
    assert client.download_blob("a.txt").readall() == b"a"


def test_an_expired_or_changed_sas_is_refused(customer, azure):
    azure.put_blob(customer.account, customer.container, "a.txt", b"a", "text/plain")

    def sas(expiry):
        return generate_blob_sas(customer.account, customer.container, "a.txt", account_key=customer.key,
                                 permission=BlobSasPermissions(read=True), expiry=expiry)

    for refused in [sas(datetime.now(timezone.utc) - timedelta(minutes=1)), sas(soon()).replace("sp=r", "sp=rw")]:
        with pytest.raises(ClientAuthenticationError) as raised:
            read_by_sas(customer, "a.txt", refused)
        assert (raised.value.status_code, error_code(raised)) == (403, "AuthenticationFailed")


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_user_delegation_sas_reads_without_any_key(customer, azure, name):
    azure.control("PATCH", f"/accounts/{customer.account}", {"allow_shared_key": False})
    app = customer.app()
    azure.assign_role(app.object_id, "Storage Blob Delegator", customer.scope)
    azure.assign_role(app.object_id, READER, customer.container_scope)
    azure.put_blob(customer.account, customer.container, name, b"by delegation", "text/plain")
    owner = service(customer, by_secret(azure, app, customer.secret(app)))
    key = owner.get_user_delegation_key(earlier(), soon())
    sas = generate_blob_sas(customer.account, customer.container, name, user_delegation_key=key,
                            permission=BlobSasPermissions(read=True), start=earlier(), expiry=soon(),
                            protocol="https", content_disposition="attachment")
    assert read_by_sas(customer, name, sas) == b"by delegation"


def test_a_delegation_key_needs_its_role_on_the_account(customer, azure):
    app = customer.app()
    azure.assign_role(app.object_id, READER, customer.container_scope)
    with pytest.raises(HttpResponseError) as raised:
        service(customer, by_secret(azure, app, customer.secret(app))).get_user_delegation_key(earlier(), soon())
    assert (raised.value.status_code, error_code(raised)) == (403, "AuthorizationPermissionMismatch")


def test_a_delegation_sas_dies_with_the_role_of_its_signer(customer, azure):
    app = customer.app()
    assigned = azure.control("POST", "/role-assignments", {
        "principal": app.object_id, "role": READER, "scope": customer.scope})
    azure.put_blob(customer.account, customer.container, "a.txt", b"a", "text/plain")
    key = service(customer, by_secret(azure, app, customer.secret(app))).get_user_delegation_key(earlier(), soon())
    sas = generate_blob_sas(customer.account, customer.container, "a.txt", user_delegation_key=key,
                            permission=BlobSasPermissions(read=True), expiry=soon())
    assert read_by_sas(customer, "a.txt", sas) == b"a"
    azure.control("DELETE", f"/role-assignments/{assigned['id']}")
    with pytest.raises(HttpResponseError) as raised:
        read_by_sas(customer, "a.txt", sas)
    assert (raised.value.status_code, error_code(raised)) == (403, "AuthorizationPermissionMismatch")


# Switches of the account


def test_keys_switched_off(customer, azure):
    azure.control("PATCH", f"/accounts/{customer.account}", {"allow_shared_key": False})
    with pytest.raises(HttpResponseError) as raised:
        list(container(customer, customer.key).list_blobs())
    assert (raised.value.status_code, error_code(raised)) == (403, "KeyBasedAuthenticationNotPermitted")


def test_the_firewall_answers_the_same_for_everything(customer, azure):
    azure.put_blob(customer.account, customer.container, "a.txt", b"a", "text/plain")
    azure.control("PATCH", f"/accounts/{customer.account}", {"firewall_open": False})
    for name in ["a.txt", "missing.txt"]:
        with pytest.raises(HttpResponseError) as raised:
            container(customer, customer.key).download_blob(name)
        assert (raised.value.status_code, error_code(raised)) == (403, "AuthorizationFailure")


def test_anonymous_readers(customer, azure):
    azure.put_blob(customer.account, customer.container, "a.txt", b"a", "text/plain")
    with pytest.raises(ClientAuthenticationError) as raised:
        container(customer, None).download_blob("a.txt")
    assert (raised.value.status_code, error_code(raised)) == (401, "NoAuthenticationInformation")
    azure.control("PATCH", f"/accounts/{customer.account}", {"allow_public_access": True})
    azure.control("POST", f"/accounts/{customer.account}/containers", {"name": "public", "public_access": "container"})
    azure.put_blob(customer.account, "public", "a.txt", b"open", "text/plain")
    public = service(customer, None).get_container_client("public")
    assert [blob.name for blob in public.list_blobs()] == ["a.txt"]
    assert public.download_blob("a.txt").readall() == b"open"
