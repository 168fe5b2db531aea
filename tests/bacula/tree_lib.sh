# SPDX-License-Identifier: GPL-2.0-or-later
# A tree with everything a backup can hold. tree_full DIR, tree_change1 DIR, tree_change2 DIR: three states of it.
# tree_many DIR COUNT SEED [links]: so many files of a few sizes, a hundred in a folder; every twentieth with a second name.

tree_full() {
	( cd "$1" && {
		mkdir -p etc/app usr/bin var/lib "odd names" empty acl becomes-file/deep/er links
		printf 'root:x:0:0::/root:/bin/sh\nwebuser:x:4711:4711::/:/bin/sh\n' >etc/passwd
		printf 'root:x:0:\nwebgroup:x:4712:\n' >etc/group
		getent passwd daemon >>etc/passwd
		getent group daemon >>etc/group
		printf '# comment\nUUID=1234-ABCD /boot/efi vfat umask=0077 0 1\n' >etc/fstab
		for i in $(seq 300); do echo "setting $i of many" >"etc/app/$i.conf"; done
		cp /usr/bin/ls /usr/bin/grep usr/bin/
		head -c 3000000 /dev/urandom >var/lib/random
		seq 400000 >var/lib/numbers
		: >zero
		printf x >one
		truncate -s 40M var/lib/sparse; printf MIDDLE | dd of=var/lib/sparse bs=1 seek=20000001 conv=notrunc status=none
		truncate -s 3M var/lib/hole-at-end; printf START | dd of=var/lib/hole-at-end conv=notrunc status=none
		echo newline >"odd names/$(printf 'a\nb')"; echo latin >"odd names/$(printf 'caf\351')"; echo space >"odd names/ lead and trail "
		echo long >"odd names/$(printf 'x%.0s' $(seq 250))"; echo quote >"odd names/\"'\\\$*?"
		echo dash >"odd names/-rf"; echo unicode >"odd names/žluťoučký"
		ln -s ../etc/passwd links/relative; ln -s /nowhere/at/all links/dangling; ln -s "$(printf 't%.0s' $(seq 3000))" links/very-long
		echo shared >links/first; ln links/first links/second; ln links/first etc/third
		ln links/relative links/symlink-twin
		mkfifo var/fifo; mknod var/null c 1 3; mknod var/loop b 7 250
		touch -d '1965-03-04 05:06:07' old; touch -d '2035-01-01' future; echo u >owner; chown 4000000000:3999999999 owner
		chmod 4755 usr/bin/ls; chmod 2755 acl; chmod 1777 var; chmod 000 one
		echo a >acl/file; setfacl -m u:12345:rwx,g:daemon:r,m::rw acl/file; setfacl -d -m u:daemon:rwx,g:54321:rx acl
		echo b >acl/caps; setcap cap_net_raw,cap_net_bind_service+ep acl/caps; ln acl/caps acl/caps-link
		echo c >acl/xattr; setfattr -n user.long -v "$(head -c 3000 /dev/zero | tr '\0' v)" acl/xattr
		setfattr -n user.empty acl/xattr; setfattr -n trusted.hidden -v yes acl/xattr; setfattr -n user.dir -v d acl
		echo gone >will-be-deleted; mkdir -p will-go/deep; echo x >will-go/deep/x; echo old >will-change; echo stays >stays
		echo f >becomes-dir; echo in >becomes-file/deep/er/in; ln -s becomes-file becomes-real
		touch -d '2020-02-02' empty; touch -d '2021-01-01' etc/app
	} )
}

tree_change1() {
	( cd "$1" && {
		rm will-be-deleted; echo new >will-change; echo brand >new-file
		rm becomes-dir; mkdir becomes-dir; echo now >becomes-dir/inside
		setfacl -m u:777:r acl/file; echo appended >>links/first
	} )
}

tree_change2() {
	( cd "$1" && {
		rm -r will-go becomes-file; echo file >becomes-file; rm becomes-real; mkdir becomes-real; echo r >becomes-real/r
		echo newest >will-change; mv new-file renamed-file; seq 1000 >var/lib/numbers; chmod 700 etc/app
		echo again >will-be-deleted
	} )
}

tree_many() {
	python3 - "$@" <<'PY'
import os, random, sys
r = random.Random(int(sys.argv[3]))
for i in range(int(sys.argv[2])):
    d = "%s/d%d" % (sys.argv[1], i // 100)
    os.makedirs(d, exist_ok=True)
    open("%s/f%d" % (d, i), "wb").write(r.randbytes(r.choice([0, 100, 5000, 40000])))
    if "links" in sys.argv and i % 20 == 0: os.link("%s/f%d" % (d, i), "%s/l%d" % (d, i))
PY
}
