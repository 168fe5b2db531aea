# SPDX-License-Identifier: GPL-2.0-or-later
# Real Bacula daemons for tests: a private Director, Storage and File Daemon on loopback, everything in one temporary folder.
# Source it after `set -eu`. Sets $lab; calls bac_stop and removes $lab on every exit path.
#
#   bac_need; bac_lab; bac_start; bac_run full; bac_stop
#
# Knobs, before bac_start: BAC_OPTIONS (FileSet options), BAC_FILES (File lines), BAC_VOLSIZE (Maximum Volume Bytes),
# BAC_PKI=1 (encrypt), BAC_ACCURATE=no, BAC_BLOCK (Maximum block size of the device).

top=$(cd "$(dirname "$0")/../.." && pwd)
RESCUE=${RESCUE:-$top/build/rescue}
PATH=$PATH:/usr/sbin:/sbin
export LC_ALL=C.UTF-8

bac_need() {
	for p in bacula-dir bacula-sd bacula-fd bconsole bextract sqlite3 python3 setfacl setfattr setcap "$@"; do
		command -v "$p" >/dev/null || { echo "SKIP: $p is missing"; exit 77; }
	done
	[ "$(id -u)" = 0 ] || { echo "SKIP: needs root"; exit 77; }
}

bac_lab() {
	lab=$(mktemp -d "${TMPDIR:-/tmp}/bac-test.XXXXXX")
	trap 'rc=$?; set +e; bac_stop; [ -n "${KEEP:-}" ] && echo "kept: $lab" || rm -rf "$lab"; exit $rc' EXIT
	trap 'exit 130' INT TERM HUP
	mkdir -p "$lab/work" "$lab/vol" "$lab/etc" "$lab/src"
}

# Three consecutive free ports on loopback.
bac_ports() {
	python3 - <<'PY'
import socket, random, os
r = random.Random(os.getpid())
while True:
    p = r.randrange(20000, 32000)
    try:
        s = [socket.socket() for _ in range(3)]
        for i, x in enumerate(s): x.bind(("127.0.0.1", p + i))
        print(p); break
    except OSError:
        pass
PY
}

bac_config() {
	bac_port=$(bac_ports)
	local dirp=$bac_port fdp=$((bac_port + 1)) sdp=$((bac_port + 2)) pki= f
	if [ -n "${BAC_PKI:-}" ]; then
		openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=fd -keyout "$lab/etc/fd.key" -out "$lab/etc/fd.cert" 2>/dev/null
		openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=master -keyout "$lab/etc/master.key" -out "$lab/etc/master.cert" 2>/dev/null
		cat "$lab/etc/fd.key" "$lab/etc/fd.cert" >"$lab/etc/fd.pem"
		pki="PKI Signatures = Yes
  PKI Encryption = Yes
  PKI Keypair = \"$lab/etc/fd.pem\"
  PKI Master Key = \"$lab/etc/master.cert\"
  ${BAC_CIPHER:+PKI Cipher = $BAC_CIPHER}"
	fi
	cat >"$lab/etc/dir.conf" <<CONF
Director { Name = test-dir; DirPort = $dirp; DirAddress = 127.0.0.1; QueryFile = "/etc/bacula/scripts/query.sql"
  WorkingDirectory = "$lab/work"; PidDirectory = "$lab/work"; Maximum Concurrent Jobs = 4; Password = "dirpw"; Messages = M }
Messages { Name = M; append = "$lab/work/dir.log" = all, !skipped; catalog = all }
Catalog { Name = C; dbname = "cat"; DB Address = ""; user = ""; password = "" }
Client { Name = web-01-fd; Address = 127.0.0.1; FDPort = $fdp; Catalog = C; Password = "fdpw"; AutoPrune = no; Maximum Concurrent Jobs = 4 }
Storage { Name = St; Address = 127.0.0.1; SDPort = $sdp; Password = "sdpw"; Device = D; Media Type = File; Maximum Concurrent Jobs = 4 }
Pool { Name = P; Pool Type = Backup; Recycle = no; AutoPrune = no; Label Format = "Vol-"
  ${BAC_VOLSIZE:+Maximum Volume Bytes = $BAC_VOLSIZE}
}
FileSet { Name = FS; Ignore FileSet Changes = yes
  Include { Options { ${BAC_OPTIONS:-signature = MD5; compression = GZIP; aclsupport = yes; xattrsupport = yes; sparse = yes} }
$(for f in ${BAC_FILES:-$lab/src}; do echo "    File = \"$f\""; done)
  }
  Exclude { $(for f in ${BAC_EXCLUDE:-}; do echo "File = \"$f\""; done) } }
FileSet { Name = FS2; Include { Options { signature = SHA1 }; File = "$lab/src2" } }
Job { Name = backup-web; Type = Backup; Level = Full; Client = web-01-fd; FileSet = FS; Storage = St; Pool = P; Messages = M; Accurate = ${BAC_ACCURATE:-yes}
  Maximum Concurrent Jobs = 4; Write Bootstrap = "$lab/backup-web.bsr" }
Job { Name = backup-two; Type = Backup; Level = Full; Client = web-01-fd; FileSet = FS2; Storage = St; Pool = P; Messages = M; Maximum Concurrent Jobs = 4 }
Job { Name = restore; Type = Restore; Client = web-01-fd; FileSet = FS; Storage = St; Pool = P; Messages = M; Where = "$lab/where" }
${BAC_DIR_EXTRA:-}
CONF
	cat >"$lab/etc/sd.conf" <<CONF
Storage { Name = test-sd; SDPort = $sdp; SDAddress = 127.0.0.1; WorkingDirectory = "$lab/work"; PidDirectory = "$lab/work"; Maximum Concurrent Jobs = 8 }
Director { Name = test-dir; Password = "sdpw" }
Device { Name = D; Media Type = File; Archive Device = "$lab/vol"; LabelMedia = yes; Random Access = yes; AutomaticMount = yes; RemovableMedia = no; AlwaysOpen = no
  Maximum Concurrent Jobs = 4
  ${BAC_BLOCK:+Maximum Block Size = $BAC_BLOCK}
}
Messages { Name = M; director = test-dir = all }
CONF
	cat >"$lab/etc/fd.conf" <<CONF
FileDaemon { Name = web-01-fd; FDPort = $fdp; FDAddress = 127.0.0.1; WorkingDirectory = "$lab/work"; PidDirectory = "$lab/work"; Maximum Concurrent Jobs = 8
  $pki }
Director { Name = test-dir; Password = "fdpw" }
Messages { Name = M; director = test-dir = all, !skipped, !restored }
CONF
	cat >"$lab/etc/bconsole.conf" <<CONF
Director { Name = test-dir; DIRport = $dirp; address = 127.0.0.1; Password = "dirpw" }
CONF
}

bac_db() {
	sed -e "s#cd /var/lib/bacula#cd $lab/work#" -e "s#XXX_DBNAME_XXX#cat#" /usr/share/bacula-director/make_sqlite3_tables >"$lab/work/mk.sh"
	sh "$lab/work/mk.sh" >/dev/null
}

# Daemons run in the foreground as our children: stopped by their own pids, nothing else.
bac_start() {
	[ -e "$lab/etc/dir.conf" ] || { bac_config; bac_db; }
	local d
	bac_pids=
	for d in sd fd dir; do
		bacula-$d -f -c "$lab/etc/$d.conf" >"$lab/work/$d.out" 2>&1 &
		eval "bac_pid_$d=$!"
		bac_pids="$bac_pids $!"
	done
	bac_wait_ready
}

bac_wait_ready() {
	local i=0
	while [ $i -lt 150 ]; do
		for d in sd fd dir; do
			eval "kill -0 \$bac_pid_$d" 2>/dev/null || { echo "bacula-$d ended:" >&2; cat "$lab/work/$d.out" >&2; return 1; }
		done
		if bac_console "status dir" 2>/dev/null | grep -q 'test-dir Version'; then return 0; fi
		sleep 0.2
		i=$((i + 1))
	done
	echo "the Director does not answer" >&2
	cat "$lab"/work/*.out >&2
	return 1
}

bac_stop() {
	local p
	for p in ${bac_pids:-}; do kill "$p" 2>/dev/null || true; done
	sleep 0.2
	for p in ${bac_pids:-}; do kill -9 "$p" 2>/dev/null || true; wait "$p" 2>/dev/null || true; done
	bac_pids=
}

bac_console() { printf '%s\n' "$@" quit | timeout 60 bconsole -c "$lab/etc/bconsole.conf" -n; }

# bac_run LEVEL [JOB]: runs a backup to its end; fails unless it ended well. Sets $bac_jobid.
bac_run() {
	bac_jobid=$(bac_console "run job=${2:-backup-web} level=$1 yes" | sed -n 's/.*JobId=\([0-9]*\).*/\1/p' | tail -1)
	[ -n "$bac_jobid" ] || { echo "no job was started" >&2; return 1; }
	bac_wait_job "$bac_jobid"
}

bac_sql() { sqlite3 -batch "$lab/work/cat.db" "$1"; }

bac_wait_job() {
	local i=0 st
	while [ $i -lt 2500 ]; do
		st=$(bac_sql "select JobStatus from Job where JobId=$1" 2>/dev/null || true)
		case $st in
		T|W) return 0 ;;
		C|R|"") ;;
		*) echo "job $1 ended with status $st" >&2; tail -30 "$lab/work/dir.log" >&2; return 1 ;;
		esac
		sleep 0.2
		i=$((i + 1))
	done
	echo "job $1 does not end" >&2
	return 1
}

# loop_mount FILE DIR: writable, whatever an earlier user of the loop device left; the device goes with the mount
loop_mount() {
	local dev
	dev=$(losetup --find --show "$1")
	blockdev --setrw "$dev"
	mount "$dev" "$2"
	losetup -d "$dev"
}
