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
        # The Nix store has taken the right to write from modules; who made the root kept that or gave it back.
        mode = entry.mode & 0o7555 if "lib/modules/" in entry.name else entry.mode
        lines.append(
            f"{entry.name} {entry.type.decode()} {mode:o} {entry.uid}:{entry.gid} {entry.linkname} {labels} {digest}"
        )
print("\n".join(sorted(lines)))
