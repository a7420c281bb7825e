"""Microsoft's own sign-in client (MSAL) against the local Azure's pages: it finds the endpoints, checks
state and nonce by itself, and takes what the pages answer.

`cargo xtask test` starts the local Azure and runs this.
"""

import urllib.parse

import msal
import pytest
import requests
from conftest import Customer

CALLBACK = "http://localhost:8080/connect/azure/callback"


@pytest.fixture
def admin(customer: Customer) -> str:
    path = f"/tenants/{customer.tenant}/users"
    return customer.azure.control("POST", path, {"name": "ada", "role": "global_administrator"})["user_principal_name"]


@pytest.fixture
def client(customer: Customer) -> msal.ConfidentialClientApplication:
    app = customer.azure.control("POST", "/apps", {
        "tenant": customer.tenant, "display_name": "proof", "audience": "multi_tenant", "redirect_uris": [CALLBACK],
    })
    secret = customer.azure.control("POST", f"/apps/{app['client_id']}/secrets", {})["value"]
    session = requests.Session()
    session.verify, session.trust_env = customer.azure.ca_file, False
    return msal.ConfidentialClientApplication(
        app["client_id"], client_credential=secret, instance_discovery=False, http_client=session,
        authority=f"{customer.azure.endpoints['entra']}/organizations")


def submit(customer: Customer, url: str, **fields: str) -> dict[str, str]:
    """Sends a page's form and answers the parameters with which the app is called back."""
    answer = requests.post(url, data=fields, allow_redirects=False, verify=customer.azure.ca_file, timeout=30)
    assert answer.status_code == 302, answer.text
    location = urllib.parse.urlsplit(answer.headers["Location"])
    assert f"{location.scheme}://{location.netloc}{location.path}" == CALLBACK
    return dict(urllib.parse.parse_qsl(location.query))


def test_msal_signs_a_person_in(customer, client, admin):
    flow = client.initiate_auth_code_flow([], redirect_uri=CALLBACK)
    response = submit(customer, flow["auth_uri"], login_as=admin)
    tokens = client.acquire_token_by_auth_code_flow(flow, response)
    claims = tokens["id_token_claims"]
    assert (claims["tid"], claims["preferred_username"]) == (customer.tenant, admin)

    again = client.acquire_token_by_auth_code_flow(flow, response)
    assert again["error_codes"] == [54005]


def test_msal_refuses_a_wrong_nonce(customer, client, admin):
    flow = client.initiate_auth_code_flow([], redirect_uri=CALLBACK)
    response = submit(customer, flow["auth_uri"], login_as=admin)
    customer.azure.control("PUT", "/deviations", {"id_token": "wrong_nonce"})
    try:
        with pytest.raises(RuntimeError, match="nonce"):
            client.acquire_token_by_auth_code_flow(flow, response)
    finally:
        customer.azure.control("PUT", "/deviations", {})


def test_msal_reads_a_cancelled_sign_in(customer, client, admin):
    flow = client.initiate_auth_code_flow([], redirect_uri=CALLBACK)
    response = submit(customer, flow["auth_uri"], login_as=admin, action="cancel")
    assert client.acquire_token_by_auth_code_flow(flow, response)["error"] == "access_denied"
