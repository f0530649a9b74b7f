"""Asks a menagerie server about pictures. Usage: python3 classify.py picture.jpg [picture.png ...]"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid

URL = os.environ.get("MENAGERIE_URL", "http://127.0.0.1:8080")
TRIES = 5


def classify(paths, **parameters):
    """The reply of the server for these files. Parameters are those of POST /classify, such as top_k=3."""
    boundary = uuid.uuid4().hex
    body = bytearray()
    for name, value in parameters.items():
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
    for path in paths:
        name = os.path.basename(path).replace('"', "%22")
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="{name}"\r\n\r\n'.encode()
        with open(path, "rb") as file:
            body += file.read()
        body += b"\r\n"
    body += f"--{boundary}--\r\n".encode()
    request = urllib.request.Request(
        f"{URL}/classify", bytes(body), {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    )
    for left in reversed(range(TRIES)):
        try:
            with urllib.request.urlopen(request) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            if error.code != 503 or left == 0:
                raise SystemExit(json.load(error)["detail"]) from None
            time.sleep(float(error.headers.get("Retry-After", 1)))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    for result in classify(sys.argv[1:], top_k=3)["results"]:
        if "error" in result:
            print(f"{result.get('name')}: {result['error']['detail']}")
            continue
        best = ", ".join(f"{one['label']} {one['score']:.3f}" for one in result["predictions"])
        print(f"{result.get('name')}: {best}")
