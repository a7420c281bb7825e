"""What both proofs share: the local Azure that `cargo xtask test` started, and its control endpoint."""

import json
import os
import urllib.parse
import uuid
from dataclasses import dataclass, field

import pytest
import requests

READER = "Storage Blob Data Reader"
CONTRIBUTOR = "Storage Blob Data Contributor"


class LocalAzure:
    """The endpoints of the ready line, and what a test arranges through the control endpoint."""

    def __init__(self, ready_line: str):
        self.endpoints = json.loads(ready_line)
        self.ca_file = self.endpoints["ca_file"]

    def control(self, method: str, path: str, body=None):
        answer = requests.request(method, self.endpoints["control"] + path, json=body, timeout=30)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def account_url(self, account: str) -> str:
        return f"{self.endpoints['blob']}/{account}"

    def put_blob(self, account: str, container: str, name: str, content: bytes, content_type: str) -> None:
        """Seeds a blob without any credential."""
        path = f"/blobs/{account}/{container}/{urllib.parse.quote(name)}"
        answer = requests.put(self.endpoints["control"] + path, data=content,
                              headers={"Content-Type": content_type}, timeout=30)
        assert answer.ok, f"{path}: {answer.status_code} {answer.text}"

    def blob_names(self, account: str, container: str) -> list[str]:
        return self.control("GET", f"/blobs/{account}/{container}")

    def read_blob(self, account: str, container: str, name: str) -> bytes | None:
        """Its bytes, past every credential; `None` when it is not there."""
        path = f"/blobs/{account}/{container}/{urllib.parse.quote(name)}"
        answer = requests.get(self.endpoints["control"] + path, timeout=30)
        if answer.status_code == 404:
            return None
        assert answer.ok, f"{path}: {answer.status_code} {answer.text}"
        return answer.content

    def assign_role(self, principal: str, role: str, scope: str) -> None:
        self.control("POST", "/role-assignments", {"principal": principal, "role": role, "scope": scope})


@dataclass
class App:
    """An app registration with its service principal in the tenant."""

    tenant: str
    client_id: str
    object_id: str


@dataclass
class Customer:
    """A tenant of its own with one storage account and one container."""

    azure: LocalAzure
    tenant: str = ""
    account: str = ""
    key: str = ""
    scope: str = ""
    container: str = "data"
    url: str = field(init=False, default="")

    def __post_init__(self):
        name = uuid.uuid4().hex[:12]
        self.tenant = self.azure.control("POST", "/tenants", {"domain": f"{name}.onmicrosoft.com"})["id"]
        self.account = f"acct{name}"
        account = self.azure.control("POST", "/accounts", {"name": self.account, "tenant": self.tenant})
        self.key, self.scope = account["keys"][0], account["scope"]
        self.azure.control("POST", f"/accounts/{self.account}/containers", {"name": self.container})
        self.url = self.azure.account_url(self.account)

    @property
    def container_scope(self) -> str:
        return f"{self.scope}/blobServices/default/containers/{self.container}"

    def app(self) -> App:
        """Registers an app in this tenant and creates its service principal."""
        registered = self.azure.control("POST", "/apps", {"tenant": self.tenant, "display_name": "proof"})
        client_id = registered["client_id"]
        consented = self.azure.control("POST", "/consent", {"tenant": self.tenant, "client_id": client_id})
        return App(self.tenant, client_id, consented["object_id"])

    def secret(self, app: App, **settings) -> str:
        return self.azure.control("POST", f"/apps/{app.client_id}/secrets", settings)["value"]


@pytest.fixture(scope="session")
def azure() -> LocalAzure:
    return LocalAzure(os.environ["LOCAL_AZURE"])


@pytest.fixture
def customer(azure: LocalAzure) -> Customer:
    return Customer(azure)
