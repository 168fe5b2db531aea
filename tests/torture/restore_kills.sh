#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Kills a restore with SIGKILL at random times until TORTURE_KILLS (200) kills have hit; every restore that is finished by its resumes is
# compared, file by file, with one that was never disturbed. TORTURE_MB (2048) is the size of the archive.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../runner_lib.sh"
need_root
need mkfs.ext4 python3
kills=${TORTURE_KILLS:-200} mb=${TORTURE_MB:-2048}

python3 - "$W/tree.tar" "$mb" <<'E'
import io, random, sys, tarfile
rnd, left, n = random.Random(1), int(sys.argv[2]) << 20, 0
with tarfile.open(sys.argv[1], "w", format=tarfile.PAX_FORMAT) as t:
    while left > 0:
        if n % 50 == 0:
            d = tarfile.TarInfo("d%d" % (n // 50)); d.type, d.mode, d.mtime = tarfile.DIRTYPE, 0o750, 900000000 + n
            t.addfile(d)
        size = rnd.choice([0, 100, 5000, 70000, 1 << 20, 9 << 20])
        size = min(size, left)
        i = tarfile.TarInfo("d%d/f%d" % (n // 50, n))
        i.size, i.mode, i.mtime, i.uid = size, rnd.choice([0o600, 0o644, 0o755]), 1000000000 + n, n % 1000
        t.addfile(i, io.BytesIO(rnd.randbytes(min(size, 1 << 16)) * (size // (1 << 16) + 1)))
        if n % 10 == 0:
            l = tarfile.TarInfo("d%d/l%d" % (n // 50, n)); l.type, l.linkname = tarfile.LNKTYPE, i.name
            t.addfile(l)
        left -= size + 1
        n += 1
print("%d files" % n)
E
loop_new target $((mb * 3 / 2 + 256))M; target=$LOOP
mkdir "$W/m"
plan <<E
plan: 1
name: torture
devices:
  root: {loop: $W/target.img, access: erase, consent: $W/target.img}
steps:
  - mkfs: {id: fs, device: "\${root}", type: ext4}
  - mount: {id: top, device: "\${root}", at: $W/t}
  - archive-restore: {id: restore, from: $W/tree.tar, to: $W/t/tree, mark: 1}
E
picture() {
	mount -o ro,noload "$target" "$W/m"
	(cd "$W/m/tree" && find . -mindepth 1 -printf '%P %y %m %U %G %s %n %T@\n' | sort && find . -type f -print0 | sort -z | xargs -0 sha256sum) >"$1"
	umount "$W/m"
}
t0=$(date +%s%N)
runs 0
took=$((($(date +%s%N) - t0) / 1000000))
picture "$W/undisturbed"
echo "an undisturbed restore takes $took ms, $(wc -l <"$W/undisturbed") lines to compare"
RANDOM=${TORTURE_SEED:-42}
hit=0 restores=0 attempts=0
while [ $hit -lt "$kills" ]; do
	again
	whole=yes
	while :; do
		attempts=$((attempts + 1)) t0=$(date +%s%N)
		start
		if [ $hit -ge "$kills" ]; then ends 0; break; fi
		# up to the time of a whole restore, so that kills land everywhere and some attempts get through
		sleep "$(awk -v r=$RANDOM -v t=$took 'BEGIN { printf "%.3f", r / 32768 * t / 1000 }')" & sleeper=$!
		rc=0; wait -n -p ended $p $sleeper || rc=$?
		if [ "$ended" = $p ]; then
			kill $sleeper; wait $sleeper || true
		else
			kill -KILL $p; rc=0; wait $p || rc=$?
		fi 2>/dev/null
		if [ $rc = 137 ]; then hit=$((hit + 1)) whole=no; continue; fi
		[ $rc = 0 ] || { cat "$W/run.out"; fail "exit code $rc"; }
		this=$((($(date +%s%N) - t0) / 1000000))
		[ $whole = no ] || [ $this -ge $took ] || took=$this    # the first one was slowed down; kills after the end hit nothing
		break
	done
	picture "$W/end"
	cmp -s "$W/undisturbed" "$W/end" || { diff "$W/undisturbed" "$W/end" | head -20 || true; fail "after $hit kills the restored tree is another one"; }
	restores=$((restores + 1))
	echo "$hit kills, $restores restores, kills within $took ms"
done
echo "$hit kills in $attempts attempts at $restores restores of $mb MB: every one equal to the undisturbed one"
