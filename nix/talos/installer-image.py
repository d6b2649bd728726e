# SPDX-License-Identifier: MPL-2.0
"""installer-image.py IMAGE OUTPUT: a Docker image archive with SOURCE_DATE_EPOCH as its only time."""

import datetime
import hashlib
import io
import json
import os
import sys
import tarfile

epoch = int(os.environ["SOURCE_DATE_EPOCH"])
created = datetime.datetime.fromtimestamp(epoch, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")

with tarfile.open(sys.argv[1]) as source, tarfile.open(sys.argv[2], "w", format=tarfile.PAX_FORMAT) as target:
    manifest = json.load(source.extractfile("manifest.json"))
    config = json.load(source.extractfile(manifest[0]["Config"]))
    config["created"] = created
    for step in config.get("history") or []:
        step["created"] = created
    encoded = json.dumps(config, sort_keys=True, separators=(",", ":")).encode()
    manifest[0]["Config"] = "sha256:" + hashlib.sha256(encoded).hexdigest()

    def add(name: str, content: bytes | None, size: int, file=None) -> None:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mtime, entry.mode = size, epoch, 0o644
        target.addfile(entry, io.BytesIO(content) if file is None else file)

    add(manifest[0]["Config"], encoded, len(encoded))
    # A layer that stands in the image twice is stored once.
    for layer in dict.fromkeys(manifest[0]["Layers"]):
        add(layer, None, source.getmember(layer).size, source.extractfile(layer))
    listed = json.dumps(manifest, sort_keys=True).encode()
    add("manifest.json", listed, len(listed))
