# SPDX-License-Identifier: MPL-2.0
"""Lists a tar stream's entries, sorted: name, type, mode, owner, link, extended attributes, digest of the content."""

import hashlib
import sys
import tarfile

lines = []
with tarfile.open(fileobj=sys.stdin.buffer, mode="r|") as source:
    for entry in source:
        digest = hashlib.sha256(source.extractfile(entry).read()).hexdigest() if entry.isreg() else "-"
        labels = sorted(
            f"{key.removeprefix('SCHILY.xattr.')}={value}" for key, value in entry.pax_headers.items() if "xattr" in key
        )
        lines.append(
            f"{entry.name} {entry.type.decode()} {entry.mode:o} {entry.uid}:{entry.gid} {entry.linkname} {labels} {digest}"
        )
print("\n".join(sorted(lines)))
