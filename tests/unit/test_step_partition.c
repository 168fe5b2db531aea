/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit_loop.h"
#include "unit_step.h"

#include "blk.h"

static char *dir;
static struct loop a;

static int begin(void **state)
{
	(void)state;
	if (!loop_allowed())
		return 0;
	dir = unit_dir();
	a = loop_new(dir, "disk.img", 128 * MIB);
	return 0;
}

static int end(void **state)
{
	(void)state;
	if (!dir)
		return 0;
	shell("partx -d %s 2>/dev/null || true", a.path);
	loop_end(&a);
	unit_dir_end(dir);
	dir = NULL;
	return 0;
}

static void needs_loops(void)
{
	if (!dir)
		skip();
}

/* What util-linux' own tool says about the result, with the disk's name cut off. */
static char *dump(void)
{
	AUTO_FREE char *cmd = xasprintf("sfdisk -d %s | sed -n 's|^%s||p'", a.path, a.path);
	const char *argv[] = { "sh", "-c", cmd, NULL };
	char *out = NULL;

	assert_int_equal(child_output(argv, &out, NULL), 0);
	return out;
}

static struct fixture gpt(void)
{
	struct fixture f = step_begin("partition", dir, "device", a.path, "disk-id", "11111111-2222-4333-8444-555555555555", NULL);

	step_row(&f, "layout", "size", "10M", "type", "esp", "name", "EFI", "uuid", "aaaaaaaa-2222-4333-8444-555555555555", NULL);
	step_row(&f, "layout", "size", "20M", "type", "swap", "uuid", "bbbbbbbb-2222-4333-8444-555555555555", NULL);
	step_row(&f, "layout", "number", "7", "flags", "legacy-boot", "flags", "63", "uuid", "cccccccc-2222-4333-8444-555555555555", NULL);
	return f;
}

static void test_a_gpt_from_the_plan(void **state)
{
	AUTO_FREE char *got = NULL, *part = NULL;
	CLEANUP(blk_free) struct blk b = { 0 };
	struct fixture f;

	(void)state;
	needs_loops();
	f = gpt();
	step_ok(&f);
	got = dump();
	assert_string_equal(got,
		"p1 : start=        2048, size=       20480, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, uuid=AAAAAAAA-2222-4333-8444-555555555555, "
		"name=\"EFI\"\n"
		"p2 : start=       22528, size=       40960, type=0657FD6D-A4AB-43C4-84E5-0933C84B4F4F, uuid=BBBBBBBB-2222-4333-8444-555555555555\n"
		"p7 : start=       63488, size=      196608, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, uuid=CCCCCCCC-2222-4333-8444-555555555555, "
		"attrs=\"LegacyBIOSBootable GUID:63\"");
	assert_string_equal(step_fact(f.io, "disk_id"), "11111111-2222-4333-8444-555555555555");
	assert_string_equal(step_fact(f.io, "uuid7"), "cccccccc-2222-4333-8444-555555555555");
	part = blk_partition_path(a.path, 7);
	assert_int_equal(blk_get(part, &b, NULL), 0);
	assert_int_equal(b.start, 31 * MIB);
	assert_int_equal(b.size, 96 * MIB);
	step_end(&f);
}

static void test_ids_that_were_decided_stay(void **state)
{
	AUTO_FREE char *first = NULL, *second = NULL;
	struct fixture f;

	(void)state;
	needs_loops();
	f = step_begin("partition", dir, "device", a.path, NULL);
	step_row(&f, "layout", "size", "10M", NULL);
	step_row(&f, "layout", "type", "home", NULL);
	step_ok(&f);
	first = dump();
	shell("wipefs -qa --force %s", a.path);
	step_ok(&f);
	second = dump();
	assert_string_equal(first, second);
	step_end(&f);
}

/* Half a table is none: each half of a GPT that is missing must be seen. */
static void test_verify_notices_every_difference(void **state)
{
	static const struct {
		const char *damage, *sentence;
	} cases[] = {
		{ "dd if=/dev/zero of=%s bs=512 seek=262143 count=1 conv=notrunc status=none", "the partition table is '" },
		{ "dd if=/dev/zero of=%s bs=512 seek=1 count=1 conv=notrunc status=none", "the partition table is '" },
		{ "dd if=/dev/zero of=%s bs=512 seek=2 count=1 conv=notrunc status=none", "the partition table is '" },
		{ "dd if=/dev/zero of=%s bs=512 count=1 conv=notrunc status=none", "the partition table is 'missing', not 'gpt'" },
		{ "sfdisk -q --no-reread --no-tell-kernel --part-uuid %s 1 12345678-2222-4333-8444-555555555555",
		  "partition 1 is '12345678-2222-4333-8444-555555555555', not 'aaaaaaaa-2222-4333-8444-555555555555'" },
		{ "sfdisk -q --no-reread --no-tell-kernel --part-label %s 1 other", "partition 1 is 'other', not 'EFI'" },
		{ "sfdisk -q --no-reread --no-tell-kernel --part-attrs %s 1 LegacyBIOSBootable", "not 'the flags of the plan'" },
		{ "sfdisk -q --no-reread --no-tell-kernel --part-type %s 1 L", "partition 1 is 'of another type'" },
		{ "sfdisk -q --no-reread --no-tell-kernel --delete %s 2", "the number of partitions is 'smaller'" },
		{ "echo size=8M | sfdisk -q --no-reread --no-tell-kernel -N 2 %s", "partition 2 is 'at another place'" },
		{ "sfdisk -q --no-reread --no-tell-kernel --disk-id %s 12345678-2222-4333-8444-555555555555", "the id of the partition table is '12345678" },
		{ "for i in 1 2 3 4 5 6 7 8 9; do partx -d --nr 2 %s && exit 0; sleep 0.3; done; exit 1", "the kernel does not have partition 2 where the table says" },
	};
	size_t i;

	(void)state;
	needs_loops();
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_FREE char *cmd = NULL;
		const char *at = strstr(cases[i].damage, "%s");
		struct fixture f = gpt();

		step_io_test_resume(f.io, NULL);
		step_ok(&f);
		cmd = xasprintf("%.*s%s%s", (int)(at - cases[i].damage), cases[i].damage, a.path, at + 2);
		shell("%s", cmd);
		step_refused(&f, "verify", 0, cases[i].sentence);
		step_end(&f);
	}
}

static void test_a_saved_layout_keeps_its_ids(void **state)
{
	AUTO_FREE char *saved = NULL, *before = NULL, *after = NULL;
	struct fixture f;

	(void)state;
	needs_loops();
	saved = fs_join(dir, "saved.sfdisk");
	shell("wipefs -qa --force %s; printf 'label: gpt\\nsize=9M,type=U,name=\"EFI $x\",attrs=\"GUID:60\"\\nsize=50M,type=S\\ntype=L\\n' | "
	      "sfdisk -q --no-reread --no-tell-kernel %s && sfdisk -d %s >%s", a.path, a.path, a.path, saved);
	before = dump();
	shell("wipefs -qa --force %s", a.path);
	f = step_begin("partition", dir, "device", a.path, "layout-file", saved, NULL);
	step_ok(&f);
	after = dump();
	assert_string_equal(before, after);
	step_end(&f);
}

static void test_an_mbr_with_logical_partitions(void **state)
{
	AUTO_FREE char *got = NULL;
	struct fixture f;

	(void)state;
	needs_loops();
	f = step_begin("partition", dir, "device", a.path, "table", "mbr", "disk-id", "0x1234abcd", NULL);
	step_row(&f, "layout", "size", "10M", "flags", "active", NULL);
	step_row(&f, "layout", "type", "extended", NULL);
	step_row(&f, "layout", "number", "5", "size", "20M", "type", "swap", NULL);
	step_row(&f, "layout", "number", "6", "type", "lvm", NULL);
	step_ok(&f);
	got = dump();
	assert_string_equal(got, "p1 : start=        2048, size=       20480, type=83, bootable\n"
				 "p2 : start=       22528, size=      239616, type=5\n"
				 "p5 : start=       24576, size=       40960, type=82\n"
				 "p6 : start=       67584, size=      194560, type=8e");
	assert_string_equal(step_fact(f.io, "uuid5"), "1234abcd-05");
	step_end(&f);
}

/* udev and other curious ones open new partitions for a moment: that is no failure. */
static void test_a_partition_that_is_open_for_a_moment_is_waited_for(void **state)
{
	struct fixture f;

	(void)state;
	needs_loops();
	f = gpt();
	step_io_test_resume(f.io, NULL);
	step_ok(&f);
	shell("sleep 1 <%sp7 &", a.path);
	usleep(200000);
	step_end(&f);
	f = step_begin("partition", dir, "device", a.path, NULL);
	step_row(&f, "layout", "size", "10M", NULL);
	step_ok(&f);
	step_end(&f);
}

static void test_T67_what_nobody_understands_stops_the_run(void **state)
{
	static const struct {
		const char *make, *sentence;
	} cases[] = {
		{ "echo 'label: sun' | sfdisk -q --no-reread --no-tell-kernel %s", "has a partition table of the kind 'sun'" },
		{ "echo 'label: gpt' | sfdisk -q --no-reread --no-tell-kernel %s; dd if=/dev/zero of=%s bs=512 count=1 conv=notrunc status=none",
		  "there is a GPT, but no protective MBR before it" },
		{ "echo 'label: gpt' | sfdisk -q --no-reread --no-tell-kernel %s; dd if=/dev/zero of=%s bs=512 seek=1 count=1 conv=notrunc status=none; "
		  "dd if=/dev/zero of=%s bs=512 seek=262143 count=1 conv=notrunc status=none", "its MBR says that there is a GPT, but there is none" },
		{ "echo 'label: gpt' | sfdisk -q --no-reread --no-tell-kernel %s; printf '\\203' | dd of=%s bs=1 seek=466 conv=notrunc status=none",
		  "its MBR describes partitions beside the GPT (a hybrid)" },
		{ "echo 'label: gpt' | sfdisk -q --no-reread --no-tell-kernel %s; printf '\\203' | dd of=%s bs=1 seek=450 conv=notrunc status=none",
		  "there is a GPT, but its MBR describes other partitions" },
	};
	size_t i;

	(void)state;
	needs_loops();
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_FREE char *before = NULL, *after = NULL;
		struct fixture f = gpt();

		shell("partx -d %s 2>/dev/null || true; wipefs -qa --force %s; dd if=/dev/zero of=%s bs=512 count=1 status=none", a.path, a.path, a.path);
		shell(cases[i].make, a.path, a.path, a.path);
		shell("sync %s", a.path);
		before = digest_of(a.file);
		assert_int_equal(step_do(&f, "decide"), 0);
		step_refused(&f, "preflight", -EUCLEAN, cases[i].sentence);
		step_refused(&f, "run", -EUCLEAN, "say 'replace-unknown: yes' if it may go");
		after = digest_of(a.file);
		assert_string_equal(before, after);
		step_io_test_resume(f.io, NULL);        /* our own interrupted attempt looks like that */
		step_ok(&f);
		step_end(&f);
	}
}

static void test_T61_signatures_inside_can_go_or_stay(void **state)
{
	struct fixture f;

	(void)state;
	needs_loops();
	f = gpt();
	step_ok(&f);
	shell("mke2fs -qF %sp2 && wipefs -qa --force %s", a.path, a.path);
	step_ok(&f);
	shell("blkid -p %sp2 | grep -q TYPE=.ext2", a.path);
	step_end(&f);
	f = step_begin("partition", dir, "device", a.path, "wipe", "yes", NULL);
	step_row(&f, "layout", "size", "10M", NULL);
	step_row(&f, "layout", "size", "20M", NULL);
	step_ok(&f);
	shell("test -z \"$(wipefs -n %sp2)\"", a.path);
	step_end(&f);
}

static void test_refusals(void **state)
{
	struct fixture f;
	struct err e = ERR_INIT;

	(void)state;
	needs_loops();
	f = gpt();
	step_ok(&f);
	shell("mke2fs -qF %sp2 && mkdir -p %s/m && mount %sp2 %s/m", a.path, dir, a.path, dir);
	step_refused(&f, "preflight", -EBUSY, "p2' is mounted at '");
	shell("umount %s/m", dir);
	step_end(&f);
	f = step_begin("partition", dir, "device", a.path, NULL);
	step_refused(&f, "preflight", -EINVAL, "layout or layout-file is needed");
	step_row(&f, "layout", "size", "10M", "type", "lnux", NULL);
	step_refused(&f, "preflight", -EINVAL, "layout: partition 1: type: 'lnux' means nothing in a GPT; it takes esp linux");
	step_end(&f);
	f = step_begin("partition", dir, "device", a.path, NULL);
	step_row(&f, "layout", "size", "1G", NULL);
	step_refused(&f, "preflight", -ENOSPC, "the disk is too small for this layout");
	step_end(&f);
	f = step_begin("partition", dir, "device", "", NULL);
	step_row(&f, "layout", "size", "1G", NULL);
	assert_int_equal(step_do(&f, "preflight"), STEP_LATER);
	step_end(&f);
	assert_int_equal(blk_set_read_only(a.path, true, NULL, &e), 0);
	f = gpt();
	step_refused(&f, "preflight", -EROFS, "is read-only: 'blockdev --setrw ");
	step_end(&f);
	assert_int_equal(blk_set_read_only(a.path, false, NULL, &e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_gpt_from_the_plan),
		cmocka_unit_test(test_ids_that_were_decided_stay),
		cmocka_unit_test(test_verify_notices_every_difference),
		cmocka_unit_test(test_a_saved_layout_keeps_its_ids),
		cmocka_unit_test(test_an_mbr_with_logical_partitions),
		cmocka_unit_test(test_a_partition_that_is_open_for_a_moment_is_waited_for),
		cmocka_unit_test(test_T67_what_nobody_understands_stops_the_run),
		cmocka_unit_test(test_T61_signatures_inside_can_go_or_stay),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
