/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pstore_unit.h"

/* Explains dump number `n` of sample folder(s). */
static char *explain_sample(const char *dir, size_t n, struct pstore_explain *x)
{
	AUTO_FREE char *path = xasprintf(FIXTURES "%s", dir), *log = NULL;
	struct pstore_set set = { .n = 0 };
	struct pstore_dumps dumps;
	size_t len;

	assert_int_equal(pstore_scan(&set, path, PSTORE_SCAN_STORED, NULL), 0);
	pstore_set_link(&set);
	pstore_dumps_make(&dumps, &set);
	assert_true(dumps.n > n);
	log = pstore_dump_log(&dumps.v[n], &len);
	pstore_explain(log, len, dumps.v[n].reason, x);
	pstore_dumps_free(&dumps);
	pstore_set_free(&set);
	return pstore_explain_line(x);
}

static bool means(const struct pstore_explain *x, const char *words)
{
	for (size_t i = 0; i < x->meanings.n; i++)
		if (strstr(x->meanings.v[i], words))
			return true;
	return false;
}

/* The example of the project's goal: parts 3, 2, 1 of "Oops#1" of a real 3.11 kernel. */
static void test_a_list_entry_deleted_twice_in_btrfs(void **state)
{
	struct pstore_explain x;
	AUTO_FREE char *line = explain_sample("efi-3.11", 0, &x);

	(void)state;
	assert_string_equal(line, "general protection fault in btrfs_clean_one_deleted_snapshot+0x49/0x150 by btrfs-cleaner, kernel 3.11.0-rc1+");
	assert_int_equal(x.kind, PSTORE_KIND_GPF);
	assert_string_equal(x.what, "general protection fault: 0000 [#1] SMP ");
	assert_string_equal(x.at, "21166.871256");
	assert_string_equal(x.kernel, "3.11.0-rc1+ #271");
	assert_string_equal(x.taint, "G        W");
	assert_string_equal(x.hardware, "System manufacturer System Product Name/P8H67-M PRO, BIOS 3806 08/20/2012");
	assert_string_equal(x.comm, "btrfs-cleaner");
	assert_int_equal(x.pid, 258);
	assert_int_equal(x.cpu, 7);
	assert_int_equal(x.func_addr, 0xffffffff812e70c9);
	assert_int_equal(x.trace.n, 6);
	assert_string_equal(x.trace.v[0], "cleaner_kthread+0x120/0x180");
	assert_string_equal(x.trace.v[1], "? check_leaf.isra.41+0x310/0x310");
	assert_string_equal(x.trace.v[5], "? kthread_create_on_node+0x120/0x120");
	assert_true(means(&x, "RAX is dead000000200200 = LIST_POISON2"));
	assert_true(means(&x, "RDX is dead000000100100 = LIST_POISON1"));
	assert_true(means(&x, "a list entry was deleted twice"));
	assert_int_equal(strlen(x.signature), 16);
	pstore_explain_free(&x);
}

/* Kernels that were crashed in QEMU (tests/fixtures/pstore/make.sh). */
static void test_real_crashes_of_every_kind(void **state)
{
	static const struct {
		const char *dir;
		size_t n;
		const char *line, *meaning;
	} rows[] = {
		{ "efi-6.1-two-panics/efivars", 0, "crash on request (SysRq c) by init, kernel 6.1.0-56-cloud-amd64", NULL },
		{ "packed", 0, "crash on request (SysRq c) by sh, kernel 6.1.0-56-cloud-amd64", NULL },
		{ "kinds", 0, "hung task in percpu_rwsem_wait+0x116/0x140 by sh, kernel 6.1.0-56-cloud-amd64", NULL },
		{ "kinds", 1, "out of memory by dd, kernel 6.1.0-56-cloud-amd64", NULL },
		{ "burst", 0, "general protection fault in dummy_init_module+0x14/0x1000 [dummy] by insmod, kernel 6.1.0-56-cloud-amd64",
		  "both list poisons at once: a list entry was deleted twice" },
		{ "burst", 1, "NULL pointer dereference in init_bm+0x2/0x1000 [ts_bm] by insmod, kernel 6.1.0-56-cloud-amd64",
		  "address 0x8: a member at that offset of a structure whose pointer was NULL" },
		{ "burst", 2, "exception in the kernel in init_fsm+0x0/0x1000 [ts_fsm] by insmod, kernel 6.1.0-56-cloud-amd64", "the kernel had died before" },
		{ "burst", 3, "crash on request (SysRq c)", NULL },
		{ "ramoops", 0, "NULL pointer dereference in init_bm+0x2/0x1000 [ts_bm] by insmod, kernel 6.1.0-56-cloud-amd64", NULL },
		{ "erst", 0, "NULL pointer dereference in init_bm+0x2/0x1000 [ts_bm] by insmod, kernel 6.1.0-56-cloud-amd64", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct pstore_explain x;
		AUTO_FREE char *line = explain_sample(rows[i].dir, rows[i].n, &x);

		if (!str_eq(line, rows[i].line))
			fail_msg("%s %zu: %s", rows[i].dir, rows[i].n, line);
		if (rows[i].meaning && !means(&x, rows[i].meaning))
			fail_msg("%s %zu: does not say: %s", rows[i].dir, rows[i].n, rows[i].meaning);
		pstore_explain_free(&x);
	}
}

static void test_a_trace_ends_where_the_next_one_begins(void **state)
{
	struct pstore_explain x;

	(void)state;
	free(explain_sample("kinds", 0, &x));
	assert_string_equal(x.trace.v[0], "__schedule+0x34d/0xa00");
	assert_string_equal(x.trace.v[x.trace.n - 1], "entry_SYSCALL_64_after_hwframe+0x6e/0xd8");
	pstore_explain_free(&x);
}

static void test_the_signature_knows_a_crash_again(void **state)
{
	struct pstore_explain a, b, c, d;

	(void)state;
	free(explain_sample("burst", 1, &a));           /* the same crash in another boot, at other addresses, in another backend */
	free(explain_sample("ramoops", 0, &b));
	free(explain_sample("erst", 0, &c));
	free(explain_sample("burst", 0, &d));
	assert_string_equal(a.signature, b.signature);
	assert_string_equal(a.signature, c.signature);
	assert_string_not_equal(a.signature, d.signature);
	pstore_explain_free(&a);
	pstore_explain_free(&b);
	pstore_explain_free(&c);
	pstore_explain_free(&d);
}

/* Words of kernels that could not be crashed here. */
static const struct {
	const char *log, *line, *meaning;
	enum pstore_kind kind;
} typed[] = {
	{ "<2>[   77.1][ T123] kernel BUG at fs/btrfs/extent-tree.c:1234!\n<4>[   77.1][ T123] invalid opcode: 0000 [#1] PREEMPT SMP\n"
	  "<4>[   77.1][ T123] CPU: 1 UID: 0 PID: 123 Comm: my prog Kdump: loaded Tainted: G      D    O       6.12.4 #1\n"
	  "<4>[   77.1][ T123] RIP: 0010:walk_up_proc+0x1ab/0x4c0 [btrfs]\n<4>[   77.1][ T123] R13: 6b6b6b6b6b6b6b6b R14: 0000000000000001 R15: ff110001\n"
	  "<0>[   77.2][ T123] Kernel panic - not syncing: Fatal exception\n",
	  "BUG (the kernel's own check failed) in walk_up_proc+0x1ab/0x4c0 [btrfs] by my prog, kernel 6.12.4", "use after free", PSTORE_KIND_BUG },
	{ "[   12.0] BUG: unable to handle page fault for address: dead000000000108\n[   12.0] #PF: supervisor write access in kernel mode\n"
	  "[   12.0] CPU: 3 PID: 9 Comm: kworker/3:1 Not tainted 5.4.0-42-generic #46-Ubuntu\n[   12.0] RIP: 0010:foo_release+0x12/0x80\n",
	  "bad address (page fault in the kernel) in foo_release+0x12/0x80 by kworker/3:1, kernel 5.4.0-42-generic", "LIST_POISON1+8", PSTORE_KIND_PAGE_FAULT },
	{ "BUG: unable to handle kernel NULL pointer dereference at           (null)\nIP: [<ffffffffa0123456>] old_driver+0x26/0x90 [old]\n"
	  "Pid: 777, comm: modprobe Tainted: P           2.6.32-5-amd64 #1\n",
	  "NULL pointer dereference in old_driver+0x26/0x90 [old] by modprobe, kernel 2.6.32-5-amd64", "proprietary", PSTORE_KIND_NULL },
	{ "<0>[    9.9] watchdog: BUG: soft lockup - CPU#2 stuck for 26s! [swapper/2:0]\n<4>[    9.9] CPU: 2 PID: 0 Comm: swapper/2 Not tainted 6.1.0 #1\n"
	  "<4>[    9.9] RIP: 0010:spin_here+0x5/0x10\n<0>[    9.9] Kernel panic - not syncing: softlockup: hung tasks\n",
	  "soft lockup in spin_here+0x5/0x10 by swapper/2, kernel 6.1.0", NULL, PSTORE_KIND_SOFT_LOCKUP },
	{ "<0>[    9.9] mce: [Hardware Error]: CPU 0: Machine Check Exception: 5 Bank 4: b200000000070f0f\n"
	  "<0>[    9.9] Kernel panic - not syncing: Fatal machine check\n", "machine check (hardware)", NULL, PSTORE_KIND_MCE },
	{ "<0>[    1.5] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)\n<4>[    1.5] CPU: 0 PID: 1 Comm: swapper/0 Not tainted 6.1.0 #1\n"
	  "<4>[    1.5] Call Trace:\n<4>[    1.5]  dump_stack_lvl+0x44/0x5c\n<4>[    1.5]  panic+0x118/0x2f4\n<4>[    1.5]  mount_block_root+0x1d3/0x1e6\n",
	  "panic 'VFS: Unable to mount root fs on unknown-block(0,0)' in mount_block_root+0x1d3/0x1e6 by swapper/0, kernel 6.1.0", NULL, PSTORE_KIND_PANIC },
	{ "[  1.0] Unable to handle kernel NULL pointer dereference at virtual address 0000000000000018\n[  1.0] Internal error: Oops: 96000004 [#1] SMP\n"
	  "[  1.0] CPU: 0 PID: 44 Comm: sh Not tainted 5.10.0-arm64 #1\n[  1.0] pc : my_open+0x1c/0x60 [mydrv]\n[  1.0] x29: ffff800011bc3ab0 x28: ffff000002a80000\n",
	  "NULL pointer dereference in my_open+0x1c/0x60 [mydrv] by sh, kernel 5.10.0-arm64", "address 0x18", PSTORE_KIND_NULL },
	{ "[  1.0] WARNING: CPU: 1 PID: 22 at kernel/sched/core.c:77 do_thing+0x9/0x20 [m]\n[  1.0] CPU: 1 PID: 22 Comm: x Not tainted 6.1.0 #1\n"
	  "[  1.0] Kernel panic - not syncing: panic_on_warn set ...\n", "warning in do_thing+0x9/0x20 by x, kernel 6.1.0", NULL, PSTORE_KIND_WARNING },
	{ "<6>[    1.0] all is well\n", "no crash in this log", NULL, PSTORE_KIND_NONE },
	{ "", "no crash in this log", NULL, PSTORE_KIND_NONE },
};

static void test_words_of_other_kernels(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(typed); i++) {
		struct pstore_explain x;
		AUTO_FREE char *line = NULL;

		pstore_explain(typed[i].log, strlen(typed[i].log), NULL, &x);
		line = pstore_explain_line(&x);
		if (!str_eq(line, typed[i].line) || x.kind != typed[i].kind)
			fail_msg("%zu: %s", i, line);
		if (typed[i].meaning && !means(&x, typed[i].meaning))
			fail_msg("%zu: does not say: %s", i, typed[i].meaning);
		pstore_explain_free(&x);
	}
}

static void test_the_header_decides_when_the_log_does_not(void **state)
{
	struct pstore_explain x;

	(void)state;
	pstore_explain("<4>[1.0] half a trace\n", 22, "Panic", &x);
	assert_int_equal(x.kind, PSTORE_KIND_PANIC);
	pstore_explain_free(&x);
}

static void test_symbol_lengths(void **state)
{
	(void)state;
	assert_int_equal(pstore_symbol_length("kthread+0xc0/0xd0"), 17);
	assert_int_equal(pstore_symbol_length("check_leaf.isra.41+0x310/0x310 [btrfs]"), 30);
	assert_int_equal(pstore_symbol_length("kthread"), 0);
	assert_int_equal(pstore_symbol_length("kthread+0xc0"), 0);
	assert_int_equal(pstore_symbol_length("0x12+0x1/0x2"), 0);
	assert_int_equal(pstore_symbol_length(""), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_list_entry_deleted_twice_in_btrfs),
		cmocka_unit_test(test_real_crashes_of_every_kind),
		cmocka_unit_test(test_a_trace_ends_where_the_next_one_begins),
		cmocka_unit_test(test_the_signature_knows_a_crash_again),
		cmocka_unit_test(test_words_of_other_kernels),
		cmocka_unit_test(test_the_header_decides_when_the_log_does_not),
		cmocka_unit_test(test_symbol_lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
