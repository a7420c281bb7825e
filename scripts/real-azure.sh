#!/usr/bin/env bash
# The main job on a real subscription: import, serve both ways, annotate, export; then deletes what it made.
# Not run by the project's tests: they have no subscription. See docs/real-azure.md.
set -euo pipefail

location=westeurope
while [ $# -gt 0 ]; do
  case $1 in
    --location) location=$2; shift 2 ;;
    *) echo "usage: $0 [--location REGION]" >&2; exit 2 ;;
  esac
done
for tool in az curl python3 longshore; do
  command -v "$tool" >/dev/null || { echo "$tool is needed and not on the path" >&2; exit 2; }
done
az account show >/dev/null || { echo "sign in first: az login" >&2; exit 2; }

suffix=$(python3 -c 'import secrets; print(secrets.token_hex(5))')
group=longshore-check-$suffix account=longshore$suffix
work=$(mktemp -d)
server='' app=''
finish() {
  [ -n "$server" ] && kill "$server" 2>/dev/null
  [ -n "$app" ] && az ad app delete --id "$app" 2>/dev/null
  az group delete --name "$group" --yes --no-wait 2>/dev/null
  rm -rf "$work"
}
trap finish EXIT

echo "creating $group and storage account $account in $location …"
az group create --name "$group" --location "$location" --output none
az storage account create --name "$account" --resource-group "$group" --location "$location" \
  --sku Standard_LRS --allow-blob-public-access false --output none
scope=$(az storage account show --name "$account" --resource-group "$group" --query id --output tsv)
key=$(az storage account keys list --account-name "$account" --resource-group "$group" --query '[0].value' --output tsv)
printf 'hello from Longshore' > "$work/hello.txt"
for container in media annotations; do
  az storage container create --name $container --account-name "$account" --account-key "$key" --output none
done
names=('hello.txt' 'with space.txt' 'per%cent #1.txt' 'plus+.txt' 'ünï/cödé 🐈.txt' 'a//b.txt')
for name in "${names[@]}"; do
  az storage blob upload --container-name media --name "$name" --file "$work/hello.txt" \
    --account-name "$account" --account-key "$key" --output none --only-show-errors
done
sas=$(az storage container generate-sas --name media --permissions rl --https-only \
  --expiry "$(python3 -c 'import datetime as d; print((d.datetime.now(d.UTC)+d.timedelta(hours=2)).strftime("%Y-%m-%dT%H:%MZ"))')" \
  --account-name "$account" --account-key "$key" --output tsv)
read -r app secret tenant < <(az ad sp create-for-rbac --name "longshore-check-$suffix" --query '[appId,password,tenant]' --output tsv | tr '\n' ' ')
object=$(az ad sp show --id "$app" --query id --output tsv)
for role in "Storage Blob Data Contributor" "Storage Blob Delegator"; do
  az role assignment create --role "$role" --assignee-object-id "$object" \
    --assignee-principal-type ServicePrincipal --scope "$scope" --output none
done

export LONGSHORE_DATA_DIR=$work/data LONGSHORE_LISTEN=127.0.0.1:18080 LONGSHORE_ADMIN_EMAIL=check@example.com
LONGSHORE_ADMIN_PASSWORD=$(python3 -c 'import secrets; print(secrets.token_urlsafe(16))')
LONGSHORE_ADMIN_TOKEN=$(python3 -c 'import secrets; print(secrets.token_hex(20))')
export LONGSHORE_ADMIN_PASSWORD LONGSHORE_ADMIN_TOKEN
mkdir -p "$LONGSHORE_DATA_DIR"
longshore serve > "$work/log" 2>&1 & server=$!

URL=http://127.0.0.1:18080 TOKEN=$LONGSHORE_ADMIN_TOKEN ACCOUNT=$account KEY=$key SAS=$sas \
  TENANT=$tenant APP=$app SECRET=$secret EXPECT=${#names[@]} python3 - <<'PY'
import base64, json, os, time, urllib.error, urllib.parse, urllib.request

env = os.environ
class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args):
        return None
opener = urllib.request.build_opener(NoRedirect)

def call(method, path, body=None):
    request = urllib.request.Request(env["URL"] + path, method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": "Token " + env["TOKEN"], "Content-Type": "application/json"})
    try:
        answer = opener.open(request)
    except urllib.error.HTTPError as error:
        answer = error
    data = answer.read()
    return answer.status, answer.headers, data

def api(method, path, body=None):
    status, _, data = call(method, path, body)
    if status >= 400:
        raise SystemExit(f"{method} {path}: {status} {data.decode()}")
    return json.loads(data) if data else None

for _ in range(100):
    try:
        call("GET", "/health"); break
    except OSError:
        time.sleep(0.2)

ways = {
    "azure": {"account_key": env["KEY"]},
    "azure_sas": {"sas_token": env["SAS"]},
    "azure_spi": {"tenant_id": env["TENANT"], "client_id": env["APP"], "client_secret": env["SECRET"]},
}
for kind, credential in ways.items():
    project = api("POST", "/api/projects/", {"title": kind})["id"]
    body = {"project": project, "account_name": env["ACCOUNT"], "container": "media",
            "use_blob_urls": True, "recursive_scan": True, **credential}
    deadline = time.time() + 600      # a role assignment takes minutes to work
    while True:
        status, _, data = call("POST", f"/api/storages/{kind}/", body)
        if status == 201:
            break
        if time.time() > deadline:
            raise SystemExit(f"{kind}: {data.decode()}")
        print(f"{kind}: not yet: {json.loads(data).get('validation_errors')}", flush=True)
        time.sleep(15)
    storage = json.loads(data)["id"]
    run = api("POST", f"/api/storages/{kind}/{storage}/sync")
    while run["status"] in ("queued", "in_progress"):
        time.sleep(1); run = api("GET", f"/api/storages/{kind}/{storage}")
    tasks = api("GET", f"/api/tasks/?project={project}&page_size=100")["tasks"]
    assert run["status"] == "completed" and len(tasks) == int(env["EXPECT"]), run
    for presign in (False, True):
        api("PATCH", f"/api/storages/{kind}/{storage}", {"presign": presign})
        for task in tasks:
            path = next(value for value in task["data"].values() if "/resolve" in value)
            status, headers, data = call("GET", path)
            if presign:
                assert status == 303, (status, data)
                data = urllib.request.urlopen(headers["Location"]).read()
            assert data == b"hello from Longshore", (kind, presign, task["storage_filename"])
    print(f"{kind}: {len(tasks)} blobs imported, and read by proxy and by pre-signed URL")
    if kind != "azure_sas":
        target = api("POST", f"/api/storages/export/{kind}", {"project": project, "account_name": env["ACCOUNT"],
                     "container": "annotations", "prefix": kind, **credential})["id"]
        api("POST", f"/api/tasks/{tasks[0]['id']}/annotations/", {"result": []})
        run = api("POST", f"/api/storages/export/{kind}/{target}/sync")
        while run["status"] in ("queued", "in_progress"):
            time.sleep(1); run = api("GET", f"/api/storages/export/{kind}/{target}")
        assert run["status"] == "completed", run
        print(f"{kind}: annotation written to annotations/{kind}/")
print("all of it worked")
PY
