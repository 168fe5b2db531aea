#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Everything about a tree, one entry a line, independent of the program under test. manifest.py DIR [--no-dir-mtime]"""
import hashlib
import os
import stat
import sys


def quote(b):
    return "".join(chr(c) if 33 <= c < 127 and c != 92 else "\\x%02x" % c for c in b)


def digest(path):
    h = hashlib.sha256()
    with open(path, "rb") as f:
        while True:
            b = f.read(1 << 20)
            if not b:
                return h.hexdigest()[:32]
            h.update(b)


def xattrs(path):
    out = []
    for n in sorted(os.listxattr(path, follow_symlinks=False)):
        out.append(n + "=" + hashlib.sha256(os.getxattr(path, n, follow_symlinks=False)).hexdigest()[:16])
    return ",".join(out) or "-"


def entry(root, rel, links):
    path = os.path.join(root, rel) if rel else root
    st = os.lstat(path)
    kind = {stat.S_IFREG: "f", stat.S_IFDIR: "d", stat.S_IFLNK: "l", stat.S_IFIFO: "p", stat.S_IFSOCK: "s", stat.S_IFCHR: "c",
            stat.S_IFBLK: "b"}[stat.S_IFMT(st.st_mode)]
    what = "-"
    if kind == "f":
        holes = "sparse" if st.st_size > 1 << 20 and st.st_blocks * 512 < st.st_size // 2 else "full"
        what = "%d %s %s" % (st.st_size, holes, digest(path))
    elif kind == "l":
        what = quote(os.readlink(path))
    elif kind in "cb":
        what = "%d" % st.st_rdev
    link = "-"
    if kind != "d" and st.st_nlink > 1:
        link = quote(links.setdefault((st.st_dev, st.st_ino), rel))
    mtime = 0 if kind == "l" and "--no-link-mtime" in sys.argv else int(st.st_mtime // 1)
    return "%s %s %o %d:%d %d %s %s %s" % (quote(rel) or ".", kind, st.st_mode & 0o7777, st.st_uid, st.st_gid, mtime, what, link, xattrs(path))


def main():
    root = os.fsencode(sys.argv[1])
    names = [b""]
    for d, dirs, files in os.walk(root):
        names += [os.path.relpath(os.path.join(d, n), root) for n in dirs + files]
    links = {}
    for n in sorted(names):
        print(entry(root, n, links))


main()
