# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced after lib.sh: trees with everything in them that a copy can get wrong, and their comparison.

# nasty_tree DIR: names, links, holes, attributes, owners, times, depth. chattr flags only with FLAGS=1.
nasty_tree() (
	mkdir -p "$1" && cd "$1"
	mkdir -p etc deep many "odd names" empty
	for i in $(seq 1 60); do echo "file $i" >etc/f$i; done
	(cd many && seq -f 'e%.0f' 1 "${MANY:-3000}" | xargs touch)
	head -c 3000000 /dev/urandom >big; head -c 1048576 /dev/urandom >exact; head -c 1048577 /dev/urandom >exact1
	truncate -s 10M sparse; printf x | dd of=sparse bs=1 seek=5000000 conv=notrunc status=none
	truncate -s 3M allhole; printf tail >tailhole; truncate -s 100K tailhole
	printf a >"odd names/new
line"; printf b >"odd names/$(printf 'bad\377utf')"; printf c >"odd names/ü ümlaut%"; printf d >"odd names/ lead"
	ln etc/f1 hard1; ln etc/f1 deep/hard2; ln etc/f2 many/hard3; ln -s ../etc/f1 deep/sym; ln -s /nowhere/at/all "odd names/abs"
	ln deep/sym deep/symhard
	mknod c c 1 3; mknod b b 7 99; mkfifo fifo
	[ -n "${NO_SOCKET:-}" ] || python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("sock")'
	chown 1000:100 etc/f3; chown -h 77:88 deep/sym; chown 5:6 etc/f4; chmod 4755 etc/f4; chmod 2750 etc/f5; chmod 1777 many; chmod 0 etc/f6
	chown 9:9 deep; chmod 2770 deep
	setfattr -n user.x -v hello etc/f7; setfattr -n trusted.t -v t etc; setfattr -h -n trusted.l -v s deep/sym
	setfacl -m u:1234:rw,g:55:r etc/f8; setfacl -d -m u:1234:rwx deep; setfacl -m u:4:rx deep
	cp /bin/true ping; setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 ping
	local n
	n=$(printf 'n%.0s' $(seq 1 200))
	(cd deep; for i in $(seq 1 "${DEEP:-30}"); do mkdir $n; cd $n; done; echo bottom >bottom; ln bottom bottom2)
	touch -d '2001-02-03 04:05:06.123456789' etc/f9; touch -h -d '1999-01-01 00:00:00.5' deep/sym; touch -d '1970-01-01 00:00:00.000000001Z' etc/f10
	touch -d '2037-01-01' etc/f11
	if [ -n "${FLAGS:-}" ]; then chattr +i etc/f12; chattr +a etc/f13; chattr +d etc/f14; fi
	touch -d '2010-10-10 10:10:10.10' empty many etc deep "odd names" .
)

# same_tree A B: nothing differs, neither content nor anything else
same_tree() {
	"$RESCUE" manifest --skip lost+found "$1" >"$W/manifest.a"
	"$RESCUE" manifest --skip lost+found "$2" >"$W/manifest.b"
	[ "$(wc -l <"$W/manifest.a")" -gt 3 ] || fail "$1 is nearly empty"
	diff "$W/manifest.a" "$W/manifest.b" >"$W/manifest.diff" || { cut -c1-300 "$W/manifest.diff" | head -20; fail "$1 and $2 differ"; }
}

unflag() { chattr -R -i -a "$@" 2>/dev/null || true; }

# extract_plan FROM TO [option: value ...]: $W/plan.yaml with one extract; FROM is a device or folder
extract_plan() {
	local from=$1 to=$2 o
	shift 2
	{
		echo "plan: 1"; echo "name: extract"
		if [ -b "$from" ]; then
			echo "devices:"; echo "  source: {loop: \"$(cat "/sys/block/${from#/dev/}/loop/backing_file")\", access: read}"
			from='${source}'
		fi
		echo "steps:"; echo "  - extract:"; echo "      id: get"; echo "      from: \"$from\""; echo "      to: \"$to\""
		for o in "$@"; do echo "      $o"; done
	} >"$W/plan.yaml"
}

# restore_plan FROM TO [option: value ...]
restore_plan() {
	local from=$1 to=$2 o
	shift 2
	{
		echo "plan: 1"; echo "name: restore"; echo "steps:"; echo "  - archive-restore:"; echo "      id: put"
		echo "      from: \"$from\""; echo "      to: \"$to\""
		for o in "$@"; do echo "      $o"; done
	} >"$W/plan.yaml"
}

# run_plan CODE: with a fresh state directory $W/state unless KEEP_STATE is set
run_plan() {
	local rc=0
	[ -n "${KEEP_STATE:-}" ] || rm -rf "$W/state"
	mkdir -p "$W/state"
	"$RESCUE" run "$W/plan.yaml" --volatile-state --state "$W/state" >"$W/run.log" 2>&1 </dev/null || rc=$?
	[ $rc = "$1" ] || { tail -n 40 "$W/run.log" | cut -c1-500; fail "exit code $rc, wanted $1"; }
}
report() { find "$W/state" -name "$1" -path '*get*' -o -name "$1" -path '*put*' | head -1; }

# extract_image CODE IMAGE [option ...]: runs extract on a loop device; checks that the image did not change. rung: the one that held
extract_image() {
	local code=$1 image=$2 before
	shift 2
	before=$(digest "$image")
	loop_file "$image"
	rm -rf "$W/out/to"
	extract_plan "$LOOP" "$W/out/to" "$@"
	run_plan "$code"
	loop_end "$LOOP"
	equal "$(digest "$image")" "$before" "the source after extract"
}
rung() { sed -n 's/.*"rung":"\([^"]*\)","proof".*/\1/p' "$(report report.json)"; }
