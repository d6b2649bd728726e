# SPDX-License-Identifier: MPL-2.0
"""replace.py MODULES: copies a root's tar stream from standard input to standard output, without the entries below its
lib/modules, and with those of the directory MODULES (which holds RELEASE/) in their place.

The root is Talos': lib/modules is /usr/lib/modules since 1.10, /lib/modules before. The new entries have the owner
root, SOURCE_DATE_EPOCH and the labels of what they replace.
"""

import os
import stat
import sys
import tarfile

# The type of Talos' own policy, for a root that had labels and no module.
MODULE_LABEL = "system_u:object_r:module_t:s0"
LABEL = "SCHILY.xattr.security.selinux"


def main(modules: str) -> None:
    epoch = int(os.environ["SOURCE_DATE_EPOCH"])
    source = tarfile.open(fileobj=sys.stdin.buffer, mode="r|")
    target = tarfile.open(fileobj=sys.stdout.buffer, mode="w|", format=tarfile.PAX_FORMAT)
    kinds: dict[str, tarfile.TarInfo] = {}
    links: dict[str, str] = {}
    labelled = False
    present = set()

    for entry in source:
        name = entry.name.removeprefix("./")
        labelled = labelled or LABEL in entry.pax_headers
        if entry.issym():
            links[name] = entry.linkname
        below = next((p for p in ("usr/lib/modules", "lib/modules") if name == p or name.startswith(p + "/")), None)
        if below and name != below:
            kinds.setdefault("directory" if entry.isdir() else "file", entry)
            continue
        if entry.islnk() and "lib/modules/" in entry.linkname:
            sys.exit(f"replace.py: {name} is a hard link to {entry.linkname}, which goes: this is not a root of Talos'")
        if below:
            kinds.setdefault("top", entry)
        present.add(name)
        target.addfile(entry, source.extractfile(entry) if entry.isreg() else None)

    # Where /lib leads to /usr/lib the modules belong there.
    top = "lib/modules" if "lib" in present and "lib" not in links else "usr/lib/modules"
    if "usr/lib/modules" in present:
        top = "usr/lib/modules"
    if os.path.dirname(top) not in present:
        sys.exit(f"replace.py: the root has no {os.path.dirname(top)}: this is not a root of Talos'")

    def add(path: str, name: str) -> None:
        status = os.lstat(path)
        entry = tarfile.TarInfo("./" + name)
        entry.mtime = epoch
        if stat.S_ISDIR(status.st_mode):
            entry.type, entry.mode, kind = tarfile.DIRTYPE, 0o755, "directory"
        elif stat.S_ISREG(status.st_mode):
            entry.size, entry.mode, kind = status.st_size, 0o644, "file"
        else:
            sys.exit(f"replace.py: {path} is neither a file nor a directory")
        like = kinds.get(kind) or kinds.get("top")
        if like is not None:
            entry.pax_headers = {key: value for key, value in like.pax_headers.items() if key.startswith("SCHILY.xattr.")}
        if labelled:
            entry.pax_headers.setdefault(LABEL, MODULE_LABEL)
        if kind == "file":
            with open(path, "rb") as content:
                target.addfile(entry, content)
            return
        target.addfile(entry)
        for child in sorted(os.listdir(path)):
            add(os.path.join(path, child), f"{name}/{child}")

    if top not in present:
        add(modules, top)
    else:
        for release in sorted(os.listdir(modules)):
            add(os.path.join(modules, release), f"{top}/{release}")
    target.close()


if __name__ == "__main__":
    main(sys.argv[1])
