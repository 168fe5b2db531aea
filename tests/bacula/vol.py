#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A second, slow, independent reader of Bacula volumes for the tests: what is in which block.

  vol.py dump VOLUME           every record, one a line
  vol.py blocks VOLUME         one line a block: offset length session-id first-and-last FileIndex
  vol.py touched VOLUME OFF..  FileIndexes (per session) with a byte of a record in the block that holds each offset
"""
import struct
import sys
import zlib


def blocks(data):
    off = 0
    while off + 24 <= len(data):
        crc, length, number, ident, sid, stime = struct.unpack(">III4sII", data[off:off + 24])
        if ident != b"BB02" or length < 24 or off + length > len(data):
            raise SystemExit("no block at %d" % off)
        good = zlib.crc32(data[off + 4:off + length]) == crc
        yield off, length, number, sid, stime, good
        off += length


def records(data, off, length):
    p, end = off + 24, off + length
    while p + 12 <= end:
        fi, stream, n = struct.unpack(">iiI", data[p:p + 12])
        p += 12
        take = min(n, end - p)
        yield fi, stream, n, data[p:p + take]
        p += take


def main():
    what, path = sys.argv[1:3]
    data = open(path, "rb").read()
    offs = [int(x) for x in sys.argv[3:]]
    touched = set()
    for off, length, number, sid, stime, good in blocks(data):
        recs = list(records(data, off, length))
        if what == "dump":
            print("block %d len %d number %d session %d %d crc %s" % (off, length, number, sid, stime, good))
            for fi, stream, n, d in recs:
                print("   fi %d stream %d len %d: %r" % (fi, stream, n, d[:240]))
        elif what == "blocks":
            fis = [r[0] for r in recs if r[0] > 0]
            print(off, length, sid, min(fis, default=0), max(fis, default=0))
        elif any(off <= o < off + length for o in offs):
            touched |= {(sid, r[0]) for r in recs if r[0] > 0}
    for sid, fi in sorted(touched):
        print(sid, fi)


main()
