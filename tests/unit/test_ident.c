/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Identifiers in text, fstab fields, mounts below a root. T42, T43, T49. */
#include "unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "fstab.h"
#include "ident.h"
#include "rootmap.h"

#define OLD "0fc63daf-8483-4772-8e79-3d69d8477de4"
#define NEW "11111111-2222-3333-4444-555555555555"

static struct err e;

static struct ident_map map_of(void)
{
	struct ident_map m = { 0 };

	assert_int_equal(ident_map_add(&m, OLD, NEW, &e), 0);
	assert_int_equal(ident_map_add(&m, "1A2B-3C4D", "9999-8888", &e), 0);
	return m;
}

static void assert_text(const char *in, const char *want, size_t count)
{
	CLEANUP(ident_map_free) struct ident_map m = map_of();
	CLEANUP(str_free) struct str out = STR_INIT;

	assert_int_equal(ident_replace(&m, in, strlen(in), &out), count);
	assert_string_equal(str_cstr(&out), want);
}

static void test_every_way_to_write_a_uuid(void **state)
{
	(void)state;
	assert_text("UUID=" OLD " / btrfs", "UUID=" NEW " / btrfs", 1);
	assert_text("root=UUID=0FC63DAF-8483-4772-8E79-3D69D8477DE4", "root=UUID=" NEW, 1);
	assert_text("(cryptouuid/0fc63daf848347728e793d69d8477de4)", "(cryptouuid/11111111222233334444555555555555)", 1);
	assert_text("by\\x2duuid-0fc63daf\\x2d8483\\x2d4772\\x2d8e79\\x2d3d69d8477de4.device",
		    "by\\x2duuid-11111111\\x2d2222\\x2d3333\\x2d4444\\x2d555555555555.device", 1);
	assert_text("ARRAY /dev/md0 UUID=0fc63daf:84834772:8e793d69:d8477de4", "ARRAY /dev/md0 UUID=11111111:22223333:44445555:55555555", 1);
	assert_text("luks-" OLD " UUID=" OLD, "luks-" NEW " UUID=" NEW, 2);
	assert_text("UUID=1a2b-3c4d /boot/efi", "UUID=9999-8888 /boot/efi", 1);
	assert_text(OLD, NEW, 1);
}

static void test_what_only_looks_like_it_stays(void **state)
{
	(void)state;
	assert_text("a" OLD, "a" OLD, 0);
	assert_text(OLD "0", OLD "0", 0);
	assert_text("abcdabcd-1a2b-3c4d-aaaa-bbbbbbbbbbbb", "abcdabcd-1a2b-3c4d-aaaa-bbbbbbbbbbbb", 0);
	assert_text("0fc63daf-8483-4772-8e79-3d69d8477de5", "0fc63daf-8483-4772-8e79-3d69d8477de5", 0);
	assert_text("", "", 0);
}

static void test_pairs_that_contradict(void **state)
{
	CLEANUP(ident_map_free) struct ident_map m = map_of();

	(void)state;
	assert_int_equal(ident_map_add(&m, OLD, NEW, &e), 0);
	assert_int_equal(ident_map_add(&m, NEW, NEW, &e), 0);
	assert_int_equal(ident_map_add(&m, OLD, "22222222-2222-3333-4444-555555555555", &e), -EEXIST);
	assert_string_equal(e.msg, "'" OLD "' is to become two different identifiers");
	assert_int_equal(ident_map_add(&m, "sda1", "sdb1", &e), -EINVAL);
	assert_int_equal(ident_map_add(&m, "1234 5678", "x", &e), -EINVAL);
}

static void test_grubenv_stays_1024_bytes(void **state)
{
	CLEANUP(ident_map_free) struct ident_map m = map_of();
	CLEANUP(str_free) struct str out = STR_INIT, wide = STR_INIT;
	char env[GRUBENV_SIZE + 1];
	size_t n;

	(void)state;
	memset(env, '#', sizeof(env));
	env[GRUBENV_SIZE] = 0;
	memcpy(env, "# GRUB Environment Block\nkernelopts=root=UUID=" OLD " ro\n", 86);
	assert_true(ident_is_grubenv(env, GRUBENV_SIZE));
	assert_int_equal(ident_replace_grubenv(&m, env, GRUBENV_SIZE, &out, &n, &e), 0);
	assert_int_equal(n, 1);
	assert_int_equal(out.len, GRUBENV_SIZE);
	assert_non_null(strstr(out.s, "root=UUID=" NEW " ro\n####"));
	ident_map_free(&m);
	assert_int_equal(ident_map_add(&m, "1A2B-3C4D", NEW, &e), 0);
	memset(env + 25, 0, GRUBENV_SIZE - 25);
	for (int i = 0; i < 60; i++)
		memcpy(env + 25 + i * 10, "1A2B-3C4D\n", 10);
	memset(env + 625, '#', GRUBENV_SIZE - 625);
	assert_int_equal(ident_replace_grubenv(&m, env, GRUBENV_SIZE, &wide, &n, &e), -EFBIG);
}

static bool gone(const char *spec, void *arg)
{
	(void)arg;
	return strstr(spec, OLD) != NULL;
}

/* T43: a machine that waits for a swap that is gone may wait for ever. */
static void test_resume_of_a_device_that_is_gone(void **state)
{
	static const char *const cases[][2] = {
		{ "GRUB_CMDLINE_LINUX=\"quiet resume=UUID=" OLD " resume_offset=34816 splash\"\n", "GRUB_CMDLINE_LINUX=\"quiet splash\"\n" },
		{ "GRUB_CMDLINE_LINUX=\"resume=UUID=" OLD "\"\n", "GRUB_CMDLINE_LINUX=\"\"\n" },
		{ "resume=UUID=" OLD " root=x\n", "root=x\n" },
		{ "options root=x resume=/dev/disk/by-uuid/" OLD "\nresume_offset=3\n", "options root=x\nresume_offset=3\n" },
		{ "RESUME=UUID=" OLD "\n", "RESUME=none\n" },
		{ "RESUME=none\nresume=UUID=" NEW " noresume=UUID=" OLD "\n", "RESUME=none\nresume=UUID=" NEW " noresume=UUID=" OLD "\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(str_free) struct str out = STR_INIT;
		size_t n = ident_drop_resume(cases[i][0], strlen(cases[i][0]), gone, NULL, &out);

		assert_string_equal(str_cstr(&out), cases[i][1]);
		assert_int_equal(n, i < 5 ? 1 : 0);
	}
}

static void put(const char *dir, const char *name, const char *text, mode_t mode)
{
	AUTO_FREE char *path = fs_join(dir, name), *folder = xstrdup(path);

	*strrchr(folder, '/') = 0;
	assert_int_equal(fs_mkdir_p(folder, 0755, &e), 0);
	assert_int_equal(fs_write_atomic(path, text, strlen(text), mode, &e), 0);
}

static void assert_file(const char *dir, const char *name, const char *want)
{
	AUTO_FREE char *path = fs_join(dir, name), *text = NULL;
	size_t n;

	assert_int_equal(fs_read(path, MIB, &text, &n, &e), 0);
	assert_string_equal(text, want);
}

static size_t told, kept, binaries;
static void tell(void *arg, const char *path, size_t count)
{
	(void)arg;
	(void)path;
	told += count;
}
static int keep(void *arg, const char *path, const char *old, size_t n, struct err *err)
{
	(void)arg;
	(void)path;
	(void)err;
	assert_non_null(strstr(old, OLD));
	kept += n > 0;
	return 0;
}
static void binary(void *arg, const char *path)
{
	(void)arg;
	assert_string_equal(path, "/boot/efi/EFI/debian/grubx64.efi");
	binaries++;
}

/* T42: every place; T49: a link that leads out of the target changes nothing there. */
static void test_arrays_in_mdadm_conf(void **state)
{
	static const struct { const char *line, *uuid; } cases[] = {
		{ "ARRAY /dev/md/one metadata=1.2 UUID=0DDBA11E:12345678:9abcdef0:12345678", "0ddba11e-1234-5678-9abc-def012345678" },
		{ "ARRAY /dev/md0 uuid=0ddba11e-1234-5678-9abc-def012345678 name=x", "0ddba11e-1234-5678-9abc-def012345678" },
		{ "ARRAY /dev/md0 UUID=0ddba11e:12345678", NULL }, { "ARRAY <ignore>", NULL }, { "MAILADDR root", NULL }, { "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_FREE char *have = ident_array_uuid(cases[i].line);

		assert_string_equal(have ? have : "none", cases[i].uuid ? cases[i].uuid : "none");
	}
}

static void test_subvolid_of_root_in_command_lines(void **state)
{
	static const struct { const char *text, *out; size_t n; } cases[] = {
		{ "a rootflags=subvol=@,subvolid=9 b", "a rootflags=subvol=@,subvolid=256 b", 1 },
		{ "\"rootflags=subvolid=9,subvol=/@\"\nrootflags=subvolid=9", "\"rootflags=subvolid=256,subvol=/@\"\nrootflags=subvolid=256", 2 },
		{ "rootflags=subvol=@snap,subvolid=9", "rootflags=subvol=@snap,subvolid=9", 0 },
		{ "rootflags=subvolid=256 rootflags= rootflags", "rootflags=subvolid=256 rootflags= rootflags", 0 },
		{ "rootflags=compress", "rootflags=compress", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(str_free) struct str out = STR_INIT;

		assert_int_equal(ident_rootflags(cases[i].text, strlen(cases[i].text), "/@", 256, &out), cases[i].n);
		assert_string_equal(str_cstr(&out), cases[i].out);
	}
}

static void test_a_whole_target(void **state)
{
	char *dir = unit_dir();
	AUTO_FREE char *root = fs_join(dir, "root"), *outside = fs_join(dir, "outside"), *link = fs_join(dir, "root/etc/link"), *mode = NULL;
	CLEANUP(ident_map_free) struct ident_map m = map_of();
	struct ident_report rep = { .rewritten = tell, .keep = keep, .binary = binary };
	struct stat st;
	size_t stale;

	(void)state;
	put(root, "etc/fstab", "# my notes\t" OLD "\n\nUUID=" OLD "\t /  btrfs   subvol=@\t0 0 # tail\n", 0640);
	put(root, "etc/default/grub", "GRUB_CMDLINE_LINUX=\"root=UUID=" OLD "\"\n", 0644);
	put(root, "etc/kernel/cmdline", "root=UUID=" OLD "\n", 0644);
	put(root, "boot/loader/entries/a.conf", "options root=UUID=" OLD "\n", 0600);
	put(root, "boot/efi/EFI/debian/grub.cfg", "search.fs_uuid " OLD " root hd0,gpt2\n", 0644);
	put(root, "boot/vmlinuz-6.1", OLD, 0644);
	put(root, "etc/untouched", "nothing here\n", 0644);
	put(dir, "outside", OLD, 0644);
	assert_int_equal(symlink("../../outside", link), 0);
	mode = fs_join(root, "boot/efi/EFI/debian/grubx64.efi");
	assert_int_equal(fs_write_atomic(mode, "MZ\0search " OLD "\n", 47, 0644, &e), 0);
	assert_int_equal(ident_stale(root, &m, &stale, &e), 0);
	assert_int_equal(stale, 6);
	assert_int_equal(ident_rewrite(root, &m, gone, NULL, &rep, &e), 0);
	assert_int_equal(rep.files, 5);
	assert_int_equal(rep.places, 6);
	assert_int_equal(rep.stale, 0);
	assert_int_equal(told, 6);
	assert_int_equal(kept, 5);
	assert_int_equal(binaries, 1);
	assert_file(root, "etc/fstab", "# my notes\t" NEW "\n\nUUID=" NEW "\t /  btrfs   subvol=@\t0 0 # tail\n");
	assert_file(dir, "outside", OLD);
	free(TAKE_PTR(mode));
	mode = fs_join(root, "etc/fstab");
	assert_int_equal(stat(mode, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(ident_rewrite(root, &m, gone, NULL, &rep, &e), 0);
	assert_int_equal(rep.files, 5);
	free(TAKE_PTR(outside));
	unit_dir_end(dir);
}

static void test_fstab_fields_and_their_places(void **state)
{
	static const char text[] = "# c\nUUID=x\t/my\\040home  ext4\tdefaults,noatime 0 2 # tail\n\n   LABEL=y /z\nlonely\nlast /l";
	struct fstab_line *v;
	size_t n;

	(void)state;
	fstab_parse(text, strlen(text), 2, &v, &n);
	assert_int_equal(n, 3);
	assert_int_equal(v[0].line, 2);
	assert_string_equal(v[0].f[FSTAB_TARGET].text, "/my home");
	assert_string_equal(v[0].f[FSTAB_OPTIONS].text, "defaults,noatime");
	assert_memory_equal(text + v[0].f[FSTAB_OPTIONS].at, "defaults,noatime", v[0].f[FSTAB_OPTIONS].len);
	assert_string_equal(v[1].f[FSTAB_SOURCE].text, "LABEL=y");
	assert_string_equal(v[1].f[FSTAB_TYPE].text, "");
	assert_string_equal(v[2].f[FSTAB_TARGET].text, "/l");
	fstab_free(v, n);
	fstab_parse("", 0, 2, &v, &n);
	assert_int_equal(n, 0);
	fstab_free(v, n);
}

static void test_fstab_options(void **state)
{
	AUTO_FREE char *a = fstab_option("rw,subvolid=256,subvol=/@,nofail", "subvol"), *b = fstab_option("rw,nofail", "nofail");
	AUTO_FREE char *c = fstab_set_option("rw,subvolid=256,subvol=/@", "subvolid", "300"), *d = fstab_set_option("subvolid=5", "subvolid", NULL);

	(void)state;
	assert_string_equal(a, "/@");
	assert_string_equal(b, "");
	assert_null(fstab_option("rw,x-subvol=1", "subvol"));
	assert_string_equal(c, "rw,subvolid=300,subvol=/@");
	assert_string_equal(d, "defaults");
}

static void test_mounts_below_a_root(void **state)
{
	static const char info[] =
		"20 1 254:0 / / rw - ext4 /dev/vda rw\n"
		"30 20 0:40 /@ /target rw,relatime shared:1 - btrfs /dev/vdb2 rw,subvol=/@\n"
		"31 30 0:40 /@home /target/home rw - btrfs /dev/vdb2 rw\n"
		"32 30 254:17 / /target/boot/efi rw - vfat /dev/vdb1 rw\n"
		"33 20 254:33 / /targetx rw - ext4 /dev/vdc rw\n"
		"34 30 254:50 / /target/a\\040b rw - ext4 /dev/vdd rw\n";
	struct rootmap m;

	(void)state;
	assert_int_equal(rootmap_read("/target", info, &m, &e), 0);
	assert_int_equal(m.n, 4);
	assert_string_equal(rootmap_at(&m, "/")->fsroot, "/@");
	assert_string_equal(rootmap_at(&m, "/a b")->source, "/dev/vdd");
	assert_string_equal(rootmap_holding(&m, "/boot/efi/EFI")->source, "/dev/vdb1");
	assert_string_equal(rootmap_holding(&m, "/boot/efivars")->at, "/");
	assert_null(rootmap_at(&m, "/x"));
	rootmap_free(&m);
	assert_int_equal(rootmap_read("/srv/tree", info, &m, &e), 0);
	assert_int_equal(m.n, 1);
	assert_string_equal(m.v[0].at, "/");
	assert_string_equal(m.v[0].fsroot, "/srv/tree");
	assert_string_equal(m.v[0].source, "/dev/vda");
	rootmap_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_way_to_write_a_uuid),
		cmocka_unit_test(test_what_only_looks_like_it_stays),
		cmocka_unit_test(test_pairs_that_contradict),
		cmocka_unit_test(test_grubenv_stays_1024_bytes),
		cmocka_unit_test(test_resume_of_a_device_that_is_gone),
		cmocka_unit_test(test_arrays_in_mdadm_conf), cmocka_unit_test(test_subvolid_of_root_in_command_lines), cmocka_unit_test(test_a_whole_target),
		cmocka_unit_test(test_fstab_fields_and_their_places),
		cmocka_unit_test(test_fstab_options),
		cmocka_unit_test(test_mounts_below_a_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
