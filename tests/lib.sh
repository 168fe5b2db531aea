# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced by test scripts: . "$(dirname "$0")/../lib.sh"
#
# Gives: $W (a fresh folder, removed at the end), $RESCUE, and a private mount namespace, so that no mount outlives the test.
# A test fails by ending with another code than 0: every script runs under `set -eu`. `! cmd` never ends a script under set -e:
# use `refuses CODE SENTENCE cmd...` or `fail`.

set -euo pipefail
export LC_ALL=C.UTF-8 PATH=$PATH:/usr/sbin:/sbin
TOP=${TOP:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)}
O=${O:-$TOP/build}
RESCUE=${RESCUE:-$O/rescue}
export TOP O RESCUE

if [ -z "${IN_TEST_NAMESPACE:-}" ] && [ "$(id -u)" = 0 ]; then
	export IN_TEST_NAMESPACE=1
	exec unshare --mount --propagation private bash "$0" "$@"
fi

W=$(mktemp -d "${TMPDIR:-/tmp}/rescue-test-XXXXXX")
LOOPS=()
AT_END=()
cleanup() {
	local rc=$? i
	set +e
	for ((i = ${#AT_END[@]} - 1; i >= 0; i--)); do eval "${AT_END[i]}"; done
	grep -o " $W[^ ]*" /proc/self/mountinfo | sort -r | while read -r m; do umount -l "$m"; done 2>/dev/null
	for i in "${LOOPS[@]}"; do partx -d "$i" 2>/dev/null; losetup -d "$i" 2>/dev/null; done
	rm -rf --one-file-system "$W"
	exit $rc
}
trap cleanup EXIT
trap 'exit 143' TERM INT

fail() { echo "FAILED: $*" >&2; exit 1; }
at_end() { AT_END+=("$*"); }        # a command for the end, last first

# need TOOL...: skips the test, by name, when one is missing
need() {
	local t
	for t in "$@"; do
		command -v "$t" >/dev/null || { echo "$t is not installed"; exit 77; }
	done
}
need_root() { [ "$(id -u)" = 0 ] || { echo "this test wants root"; exit 77; }; }

# loop_new NAME SIZE: a sparse file $W/NAME.img on a loop device; its node is in $LOOP
loop_new() {
	truncate -s "$2" "$W/$1.img"
	loop_file "$W/$1.img"
}
# loop_file FILE [losetup options]: $LOOP is the device
loop_file() {
	local i
	for i in 1 2 3 4 5; do
		LOOP=$(losetup --find --show "${@:2}" "$1") && break
		sleep 0.2
	done
	[ -n "$LOOP" ] || fail "no loop device for $1"
	LOOPS+=("$LOOP")
	[[ " $* " == *" -r "* ]] || blockdev --setrw "$LOOP"   # a read-only flag outlives the file that was attached before,
	[[ " $* " == *" -P "* ]] || partx -d "$LOOP" 2>/dev/null || true       # and so do partitions that were entered by hand
}
loop_end() { partx -d "$1" 2>/dev/null || true; losetup -d "$1"; local l k=(); for l in "${LOOPS[@]}"; do [ "$l" = "$1" ] || k+=("$l"); done; LOOPS=("${k[@]}"); }

# refuses CODE TEXT COMMAND...: the command must end with CODE and say TEXT (on either output)
refuses() {
	local want=$1 text=$2 rc=0
	shift 2
	"$@" >"$W/refuses.out" 2>&1 </dev/null || rc=$?
	if [ $rc != "$want" ] || ! grep -qF -- "$text" "$W/refuses.out"; then
		echo "--- $*"; cat "$W/refuses.out"
		fail "exit code $rc (wanted $want), wanted the words: $text"
	fi
}
# equal A B WHAT
equal() { [ "$1" = "$2" ] || fail "$3: '$1' is not '$2'"; }
digest() { sha256sum <"$1" | cut -d' ' -f1; }
# nothing_else_changed: remember with `d=$(digest FILE)`, compare with equal
