"""Label Studio's own client, unmodified, does its Azure jobs on Longshore.

`cargo xtask test` starts the local Azure and Longshore and runs this.
"""

import json
import os
import time
from urllib.parse import urljoin

import pytest
import requests
from conftest import CONTRIBUTOR, READER, Customer
from label_studio_sdk import LabelStudio
from label_studio_sdk.core.api_error import ApiError

URL = os.environ["LONGSHORE_URL"]
TOKEN = os.environ["LONGSHORE_TOKEN"]

LABEL_CONFIG = """<View>
  <Image name="image" value="$image"/>
  <Choices name="choice" toName="image"><Choice value="A"/><Choice value="B"/></Choices>
</View>"""


def refused(status: int, call, *args, **options):
    """The body of the refusal, which must have this status. The SDK has no class for some of them."""
    with pytest.raises(ApiError) as raised:
        call(*args, **options)
    assert raised.value.status_code == status, raised.value.body
    return raised.value.body


def choice(value: str) -> list[dict]:
    return [{"from_name": "choice", "to_name": "image", "type": "choices", "value": {"choices": [value]}}]


PICTURES = {
    "images/0.png": b"zero",
    "images/50% #1 é🐈.png": b"odd",
    "images/sub/deep.png": b"deep",
    "notes.txt": b"notes",
}


@pytest.fixture(scope="session")
def client() -> LabelStudio:
    return LabelStudio(base_url=URL, api_key=TOKEN)


@pytest.fixture
def project(client):
    made = client.projects.create(title="proof", description="by the SDK", label_config=LABEL_CONFIG)
    yield made
    client.projects.delete(id=made.id)


@pytest.fixture
def data(customer: Customer) -> Customer:
    """An account with pictures, and an empty container `out`."""
    for name, content in PICTURES.items():
        customer.azure.put_blob(customer.account, customer.container, name, content, "image/png")
    customer.azure.control("POST", f"/accounts/{customer.account}/containers", {"name": "out"})
    return customer


def by_key(data: Customer, **settings) -> dict:
    return {"account_name": data.account, "account_key": data.key, "container": data.container,
            "use_blob_urls": True, **settings}


def ended(read, deadline_s: float = 60.0):
    """The storage, once its run has ended."""
    until = time.monotonic() + deadline_s
    while (storage := read()).status in ("queued", "in_progress", "initialized"):
        assert time.monotonic() < until, f"still {storage.status}: {storage.meta}"
        time.sleep(0.05)
    return storage


def eventually(read, accept, deadline_s: float = 30.0):
    """The first value that is accepted."""
    until = time.monotonic() + deadline_s
    while not accept(value := read()):
        assert time.monotonic() < until, f"the last value was {value!r}"
        time.sleep(0.05)
    return value


def fetch(path: str, **headers) -> requests.Response:
    return requests.get(urljoin(URL, path), headers={"Authorization": f"Token {TOKEN}", **headers},
                        allow_redirects=False, timeout=30)


# Who and what


def test_version_and_whoami(client):
    assert client.versions.get().release
    assert client.users.whoami().email == "owner@longshore.example"


def test_a_wrong_token_is_refused():
    refused(401, LabelStudio(base_url=URL, api_key="0" * 40).users.whoami)


def test_personal_access_tokens_are_refreshed_rotated_and_blacklisted(client):
    first = client.tokens.create().token
    person = LabelStudio(base_url=URL, api_key=first)
    assert person.users.whoami().email == "owner@longshore.example"
    second = person.tokens.rotate(refresh=first).refresh
    refused(401, LabelStudio(base_url=URL, api_key=first).users.whoami)
    LabelStudio(base_url=URL, api_key=second).users.whoami()
    client.tokens.blacklist(refresh=second)
    refused(401, LabelStudio(base_url=URL, api_key=second).users.whoami)


# Projects


def test_projects(client, project):
    assert client.projects.get(id=project.id).title == "proof"
    assert client.projects.update(id=project.id, title="changed").title == "changed"
    assert "changed" in [listed.title for listed in client.projects.list() if listed.id == project.id]
    client.projects.validate_label_config(id=project.id, label_config=LABEL_CONFIG)


def test_a_bad_label_config_is_refused(client, project):
    body = refused(400, client.projects.create, title="bad", label_config="<View><Choices name='a' toName='b'/></View>")
    assert "label_config" in body["validation_errors"]


def test_what_does_not_exist_is_not_found(client):
    for read in [client.projects.get, client.import_storage.azure.get, client.export_storage.azure.get]:
        refused(404, read, id=99999999)
    refused(404, client.tasks.get, id="99999999")


# Tasks, annotations, predictions


def test_tasks(client, project):
    made = client.tasks.create(project=project.id, data={"image": "https://example.com/a.png"})
    assert client.tasks.get(id=str(made.id)).data == {"image": "https://example.com/a.png"}
    client.tasks.update(id=str(made.id), data={"image": "https://example.com/b.png"})
    assert client.tasks.get(id=str(made.id)).data == {"image": "https://example.com/b.png"}
    imported = client.projects.import_tasks(
        id=project.id, return_task_ids=True, request=[{"image": f"https://example.com/{n}.png"} for n in range(5)])
    assert (imported.task_count, len(imported.task_ids)) == (5, 5)
    assert len(list(client.tasks.list(project=project.id, page_size=2))) == 6
    client.tasks.delete(id=str(made.id))
    assert len(list(client.tasks.list(project=project.id))) == 5


def test_annotations_and_predictions(client, project):
    task = client.tasks.create(project=project.id, data={"image": "https://example.com/a.png"})
    made = client.annotations.create(id=task.id, result=choice("A"), lead_time=1.5, ground_truth=True)
    assert (made.lead_time, made.ground_truth, made.was_cancelled) == (1.5, True, False)
    assert client.annotations.update(id=made.id, result=choice("B")).result == choice("B")
    assert client.annotations.get(id=made.id).result == choice("B")
    assert [found.id for found in client.annotations.list(id=task.id)] == [made.id]
    prediction = client.predictions.create(task=task.id, result=choice("A"), score=0.5, model_version="v1")
    assert client.predictions.get(id=prediction.id).score == 0.5
    assert [found.id for found in client.predictions.list(task=task.id)] == [prediction.id]
    counted = client.tasks.get(id=str(task.id))
    assert (counted.total_annotations, counted.total_predictions, counted.is_labeled) == (1, 1, True)
    client.predictions.delete(id=prediction.id)
    client.annotations.delete(id=made.id)
    assert client.annotations.list(id=task.id) == []


def test_an_export_has_the_tasks_that_were_asked_for(client, project):
    made = client.projects.import_tasks(
        id=project.id, return_task_ids=True, request=[{"image": f"https://example.com/{n}.png"} for n in range(4)])
    first, second, third, _ = made.task_ids
    for task, was_cancelled in [(first, False), (second, True), (third, False)]:
        client.annotations.create(id=task, result=[], was_cancelled=was_cancelled)
    exports = client.projects.exports

    def exported(**options):
        return [task["id"] for task in json.loads(b"".join(exports.download_sync(id=project.id, **options)))]

    assert exported(export_type="JSON") == [first, second, third]
    assert exported(ids=[third]) == [third]
    assert exported(ids=[third, first]) == [first, third]
    assert exported(ids=[99999999]) == []
    assert [task["id"] for task in exports.as_json(project_id=project.id)] == made.task_ids
    refused(400, exported, download_resources=True)
    refused(400, exported, export_type="COCO")


def test_a_list_of_tasks_is_the_one_that_was_asked_for(client, project):
    made = client.projects.import_tasks(
        id=project.id, return_task_ids=True, request=[{"image": f"https://example.com/{n}.png"} for n in range(5)])

    def listed(**options):
        return [task.id for task in client.tasks.list(project=project.id, **options)]

    assert listed(page_size=2, fields="all", resolve_uri=False) == made.task_ids
    ordered = json.dumps({"ordering": ["-tasks:id"]})
    assert listed(page_size=2, query=ordered) == made.task_ids[::-1]
    chosen = json.dumps({"selectedItems": {"all": False, "included": made.task_ids[1:3]}})
    assert listed(query=chosen) == made.task_ids[1:3]
    filtered = json.dumps({"filters": {"conjunction": "and", "items": [
        {"filter": "filter:tasks:id", "operator": "equal", "value": 2, "type": "Number"}]}})
    refused(400, listed, query=filtered)
    refused(400, listed, only_annotated=True)
    refused(501, listed, view=1)


def test_a_repeated_submission_makes_one_annotation_and_a_draft_is_shown(client, project):
    task = client.tasks.create(project=project.id, data={"image": "https://example.com/a.png"})
    saved = requests.post(urljoin(URL, f"/api/tasks/{task.id}/drafts/"), json={"result": choice("B")},
                          headers={"Authorization": f"Token {TOKEN}"}, timeout=30)
    assert saved.status_code == 201, saved.text
    whole = client.tasks.get(id=str(task.id))
    assert whole.draft_exists and [draft.result for draft in whole.drafts] == [choice("B")]
    made = [client.annotations.create(id=task.id, result=choice("A"), unique_id="4d3c5e4a-0f0a-4d64-8f5e-1d4f4b3b2a10")
            for _ in range(2)]
    assert made[0].id == made[1].id
    assert client.tasks.get(id=str(task.id)).total_annotations == 1


# Source storages


def test_storage_types_are_listed(client):
    assert {"azure", "azure_spi"} <= {kind.name for kind in client.import_storage.list_types()}
    assert {"azure", "azure_spi"} <= {kind.name for kind in client.export_storage.list_types()}


def test_a_source_storage_with_an_account_key(client, project, data):
    settings = by_key(data, prefix="images", recursive_scan=False)
    client.import_storage.azure.validate(project=project.id, **settings)
    made = client.import_storage.azure.create(project=project.id, title="pictures", **settings)
    assert data.key not in made.model_dump_json()
    client.import_storage.azure.sync(id=made.id)
    done = ended(lambda: client.import_storage.azure.get(id=made.id))
    assert (done.status, done.last_sync_count) == ("completed", 2), done
    client.import_storage.azure.update(id=made.id, recursive_scan=True)
    client.import_storage.azure.sync(id=made.id)
    eventually(lambda: len(list(client.tasks.list(project=project.id))), lambda count: count == 3)
    again = client.import_storage.azure.sync(id=made.id)
    assert again.status in ("queued", "in_progress", "completed")
    ended(lambda: client.import_storage.azure.get(id=made.id))
    assert len(list(client.tasks.list(project=project.id))) == 3
    assert [listed.id for listed in client.import_storage.azure.list(project=project.id)] == [made.id]
    client.import_storage.azure.delete(id=made.id)
    refused(404, client.import_storage.azure.get, id=made.id)
    assert len(list(client.tasks.list(project=project.id))) == 3


@pytest.mark.parametrize("presign", [True, False], ids=["redirect", "proxy"])
@pytest.mark.parametrize("kind", ["azure", "azure_spi"])
def test_media_reach_the_browser(client, project, data, kind, presign):
    storages = getattr(client.import_storage, kind)
    settings = by_key(data)
    if kind == "azure_spi":
        app = data.app()
        data.azure.assign_role(app.object_id, READER, data.container_scope)
        data.azure.assign_role(app.object_id, "Storage Blob Delegator", data.scope)
        del settings["account_key"]
        settings |= {"tenant_id": app.tenant, "client_id": app.client_id, "client_secret": data.secret(app)}
    made = storages.create(project=project.id, prefix="images", recursive_scan=True, presign=presign, **settings)
    storages.sync(id=made.id)
    assert ended(lambda: storages.get(id=made.id)).status == "completed"
    found = {}
    for task in client.tasks.list(project=project.id, fields="all"):
        answer = fetch(task.data["image"])
        if presign:
            assert answer.status_code == 303, answer.text
            assert "sp=r&" in answer.headers["Location"] + "&"
            answer = requests.get(answer.headers["Location"], verify=data.azure.ca_file, timeout=30)
        assert answer.status_code == 200, answer.text
        found[task.storage_filename] = answer.content
    assert found == {name: content for name, content in PICTURES.items() if name.startswith("images/")}


def test_the_proxy_serves_ranges(client, project, data):
    made = client.import_storage.azure.create(project=project.id, presign=False, **by_key(data, prefix="images"))
    client.import_storage.azure.sync(id=made.id)
    ended(lambda: client.import_storage.azure.get(id=made.id))
    (picture,) = [task.data["image"] for task in client.tasks.list(project=project.id, fields="all")
                  if task.storage_filename == "images/0.png"]
    part = fetch(picture, Range="bytes=1-2")
    assert (part.status_code, part.content, part.headers["Content-Range"]) == (206, b"er", "bytes 1-2/4")
    assert fetch(picture, Range="bytes=9-").status_code == 416
    assert fetch(picture, **{"If-None-Match": part.headers["ETag"]}).status_code == 304


def test_task_files_become_tasks_with_their_annotations(client, project, data):
    tasks = [
        {"data": {"image": "https://example.com/1.png"}, "annotations": [{"result": choice("A")}],
         "predictions": [{"result": choice("B"), "score": 0.5, "model_version": "v1"}]},
        {"image": "https://example.com/2.png"},
    ]
    azure, account = data.azure, data.account
    azure.control("POST", f"/accounts/{account}/containers", {"name": "tasks"})
    azure.put_blob(account, "tasks", "array.json", json.dumps(tasks).encode(), "application/json")
    azure.put_blob(account, "tasks", "lines.jsonl", "\n".join(map(json.dumps, tasks)).encode(), "application/json")
    azure.put_blob(account, "tasks", "one.json", json.dumps(tasks[1]).encode(), "application/json")
    made = client.import_storage.azure.create(
        project=project.id, **by_key(data, container="tasks", use_blob_urls=False))
    client.import_storage.azure.sync(id=made.id)
    done = ended(lambda: client.import_storage.azure.get(id=made.id))
    assert (done.status, done.last_sync_count) == ("completed", 5), done
    counted = client.projects.get(id=project.id)
    assert (counted.task_number, counted.total_annotations_number, counted.total_predictions_number) == (5, 2, 2)


def test_a_storage_that_cannot_be_reached_says_why(client, project, data):
    wrong_key = "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eA=="
    for change in [{"account_key": wrong_key}, {"account_key": "not base64"}, {"container": "missing"}]:
        for attempt in [client.import_storage.azure.validate, client.import_storage.azure.create]:
            body = refused(400, attempt, project=project.id, **by_key(data, **change))
            assert body["validation_errors"], body
            assert data.key not in json.dumps(body)


def test_a_service_principal_without_a_role_says_what_to_grant(client, project, data):
    app = data.app()
    body = refused(400, client.import_storage.azure_spi.create, project=project.id, account_name=data.account,
                   container=data.container, tenant_id=app.tenant, client_id=app.client_id,
                   client_secret=data.secret(app))
    assert "Storage Blob Data Reader" in json.dumps(body)


# Target storages


def test_annotations_reach_the_target_storage(client, project, data):
    made = client.export_storage.azure.create(
        project=project.id, title="out", can_delete_objects=True, account_name=data.account, account_key=data.key,
        container="out", prefix="ann")
    task = client.tasks.create(project=project.id, data={"image": "https://example.com/a.png"})
    annotation = client.annotations.create(id=task.id, result=choice("A"), lead_time=2.0)
    name = f"ann/{annotation.id}.json"

    def exported():
        blob = data.azure.read_blob(data.account, "out", name)
        return blob and json.loads(blob)

    first = eventually(exported, bool)
    assert (first["id"], first["result"], first["lead_time"]) == (annotation.id, choice("A"), 2.0)
    assert (first["task"]["id"], first["task"]["data"]) == (task.id, {"image": "https://example.com/a.png"})
    assert first["completed_by"]["email"] == "owner@longshore.example"
    client.annotations.update(id=annotation.id, result=choice("B"))
    eventually(exported, lambda file: file and file["result"] == choice("B"))
    client.export_storage.azure.sync(id=made.id)
    assert ended(lambda: client.export_storage.azure.get(id=made.id)).status == "completed"
    client.annotations.delete(id=annotation.id)
    eventually(exported, lambda file: file is None)
    client.export_storage.azure.delete(id=made.id)


def test_a_target_storage_with_a_service_principal(client, project, data):
    app = data.app()
    data.azure.assign_role(app.object_id, CONTRIBUTOR, data.scope)
    task = client.tasks.create(project=project.id, data={"image": "https://example.com/a.png"})
    annotations = [client.annotations.create(id=task.id, result=choice(value)) for value in "AB"]
    made = client.export_storage.azure_spi.create(
        project=project.id, account_name=data.account, container="out", tenant_id=app.tenant,
        client_id=app.client_id, client_secret=data.secret(app))
    client.export_storage.azure_spi.sync(id=made.id)
    assert ended(lambda: client.export_storage.azure_spi.get(id=made.id)).status == "completed"
    eventually(lambda: set(data.azure.blob_names(data.account, "out")),
               lambda names: names == {f"{annotation.id}.json" for annotation in annotations})
