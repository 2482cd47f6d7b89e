"""Submit a workflow, poll until it ends, download every output. Standard library only.

    python submit_poll_download.py BASE_URL API_KEY WORKFLOW.json OUT_DIR

Written from the reference alone, as anybody would: the key goes to the API, and never to the storage
host a download is redirected to. Prints the paths written, one a line; exit code 1 when the job failed.
"""

import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

base_url, api_key, workflow, out_dir = sys.argv[1:5]


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args):
        return None


api = urllib.request.build_opener(NoRedirect)


def call(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    headers = {"X-API-Key": api_key, "Content-Type": "application/json"}
    request = urllib.request.Request(base_url + path, data=data, headers=headers)
    with api.open(request, timeout=30) as response:
        return json.load(response)


def download(file):
    query = urllib.parse.urlencode({key: file[key] for key in ("filename", "subfolder", "type")})
    request = urllib.request.Request(f"{base_url}/api/view?{query}", headers={"X-API-Key": api_key})
    try:
        api.open(request, timeout=30)
    except urllib.error.HTTPError as redirect:
        if redirect.code != 302:
            raise
        location = redirect.headers["Location"]
    assert urllib.parse.urlsplit(location).netloc != urllib.parse.urlsplit(base_url).netloc
    with urllib.request.urlopen(location, timeout=30) as response:
        return response.read()


submitted = call("/api/prompt", {"prompt": json.loads(Path(workflow).read_text())})
job_id = submitted["prompt_id"]
status = "pending"
deadline = time.monotonic() + 60
while status in ("pending", "in_progress"):
    assert time.monotonic() < deadline, "the job did not end"
    time.sleep(0.05)
    status = call(f"/api/job/{job_id}/status")["status"]
print(status)
if status != "completed":
    sys.exit(1)

Path(out_dir).mkdir(parents=True, exist_ok=True)
for output in call(f"/api/jobs/{job_id}")["outputs"].values():
    for key in ("images", "video", "audio"):
        for file in output.get(key, []):
            path = Path(out_dir) / Path(file["filename"]).name
            path.write_bytes(download(file))
            print(path)
