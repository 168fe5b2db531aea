/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pstore_unit.h"

#include <dirent.h>
#include <signal.h>
#include <sys/wait.h>

#include "fault.h"
#include "pstore_erase.h"

/* A scene: two source folders and a store, on a filesystem that may be tmpfs. */
struct scene {
	char *dir, *pstore, *efivars, *to;
	struct pstore_collect_opts o;
};

static void scene_new(struct scene *s)
{
	s->dir = unit_dir();
	s->pstore = sub_dir(s->dir, "pstore");
	s->efivars = sub_dir(s->dir, "efivars");
	s->to = fs_join(s->dir, "store");
	s->o = (struct pstore_collect_opts){ .pstore = s->pstore, .efivars = s->efivars, .to = s->to, .allow_volatile = true };
}

static void scene_end(struct scene *s)
{
	free(s->pstore);
	free(s->efivars);
	free(s->to);
	unit_dir_end(s->dir);
}

/* Copies sample files whose names contain `part`. */
static size_t copy(const char *from, const char *to, const char *part)
{
	DIR *d = opendir(from);
	struct dirent *ent;
	size_t n = 0;

	assert_non_null(d);
	while ((ent = readdir(d))) {
		AUTO_FREE char *path = fs_join(from, ent->d_name), *data = NULL;
		size_t len;

		if (ent->d_name[0] == '.' || !strstr(ent->d_name, part))
			continue;
		assert_int_equal(fs_read(path, MIB, &data, &len, NULL), 0);
		put_bytes(to, ent->d_name, data, len);
		n++;
	}
	closedir(d);
	return n;
}

static size_t count(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *ent;
	size_t n = 0;

	while (d && (ent = readdir(d)))
		n += !str_eq(ent->d_name, ".") && !str_eq(ent->d_name, "..");
	if (d)
		closedir(d);
	return n;
}

/* The first panic of the samples: 14 records, in both folders. */
static void one_panic(struct scene *s)
{
	assert_int_equal(copy(FIXTURES "efi-6.1-two-panics/pstore", s->pstore, "dmesg-efi-1795882344"), 3);
	assert_int_equal(copy(FIXTURES "efi-6.1-two-panics/pstore", s->pstore, "dmesg-efi-1795882345"), 5);
	assert_int_equal(copy(FIXTURES "efi-6.1-two-panics/pstore", s->pstore, "dmesg-efi-1795882346"), 4);
	assert_int_equal(copy(FIXTURES "efi-6.1-two-panics/pstore", s->pstore, "dmesg-efi-1795882347"), 2);
	copy(FIXTURES "efi-6.1-two-panics/efivars", s->efivars, "-179588234");
	assert_int_equal(count(s->efivars), 14);
}

static void collect(struct scene *s, size_t records, size_t stored, size_t erased, size_t dumps)
{
	struct pstore_result r;
	struct err e = ERR_INIT;

	if (pstore_collect(&s->o, &r, &e) < 0)
		fail_msg("%s", e.msg);
	if (r.records != records || r.stored != stored || r.erased != erased || r.left || r.n_found != dumps)
		fail_msg("records %zu stored %zu erased %zu left %zu dumps %zu %s", r.records, r.stored, r.erased, r.left, r.n_found, r.notes.n ? r.notes.v[0] : "");
	pstore_result_free(&r);
}

/* Every dump's log in the store, in order of names; checks that the derived files agree with the raw records. */
static char *store_logs(const char *to, size_t *ret_dumps)
{
	struct pstore_store st;
	struct str s = STR_INIT;

	assert_int_equal(pstore_store_open(&st, to, false, NULL), 0);
	*ret_dumps = st.n;
	for (size_t i = 0; i < st.n; i++) {
		AUTO_FREE char *dir = fs_join(to, st.v[i].name), *log = NULL, *text = read_text(dir, "dmesg.txt"), *report = read_text(dir, "report.json");
		AUTO_FREE char *want = pstore_report_json(&st.v[i].dump);
		size_t len;

		log = pstore_dump_log(&st.v[i].dump, &len);
		assert_non_null(text);
		assert_string_equal(text, log);
		assert_string_equal(report, want);
		str_addf(&s, "== %s\n%s", st.v[i].name, log);
	}
	pstore_store_close(&st);
	return str_take(&s);
}

static void test_stored_once_then_erased_T14_T15(void **state)
{
	struct scene s;
	AUTO_FREE char *first = NULL, *second = NULL;
	size_t n;

	(void)state;
	scene_new(&s);
	one_panic(&s);
	collect(&s, 14, 14, 14, 1);
	assert_int_equal(count(s.pstore), 0);
	assert_int_equal(count(s.efivars), 0);
	first = store_logs(s.to, &n);
	assert_int_equal(n, 1);
	assert_non_null(strstr(first, "sysrq triggered crash"));
	/* the same records once more, first from one folder, then from the other: nothing new, and gone again */
	one_panic(&s);
	s.o.efivars = NULL;
	collect(&s, 14, 0, 14, 1);
	s.o.efivars = s.efivars;
	s.o.pstore = NULL;
	collect(&s, 14, 0, 14, 1);
	second = store_logs(s.to, &n);
	assert_string_equal(first, second);
	collect(&s, 0, 0, 0, 0);
	scene_end(&s);
}

static void test_records_that_arrive_late_join_their_dump_T9(void **state)
{
	struct scene s;
	AUTO_FREE char *whole = NULL, *early = NULL, *late = NULL;
	size_t n;

	(void)state;
	scene_new(&s);
	s.o.keep = true;
	one_panic(&s);
	collect(&s, 14, 14, 0, 1);
	whole = store_logs(s.to, &n);
	assert_int_equal(fs_remove_tree(s.to, NULL), 0);
	s.o.keep = false;
	/* an earlier kernel showed only the first parts */
	assert_int_equal(fs_remove_tree(s.efivars, NULL), 0);
	assert_int_equal(fs_mkdir_p(s.efivars, 0700, NULL), 0);
	for (int part = 3; part <= 14; part++) {
		AUTO_FREE char *end = xasprintf("%02d001", part);

		for (int t = 4; t <= 7; t++) {
			AUTO_FREE char *path = xasprintf("%s/dmesg-efi-179588234%d%s", s.pstore, t, end);

			unlink(path);
		}
	}
	assert_int_equal(count(s.pstore), 2);
	collect(&s, 2, 2, 2, 1);
	early = store_logs(s.to, &n);
	assert_int_equal(n, 1);
	/* only the others now, in two portions: the first knows nothing of what is stored but its header and time, the second overlaps */
	copy(FIXTURES "efi-6.1-two-panics/pstore", s.pstore, "dmesg-efi-1795882346");
	collect(&s, 4, 4, 4, 1);
	one_panic(&s);
	collect(&s, 14, 8, 14, 1);
	late = store_logs(s.to, &n);
	assert_int_equal(n, 1);
	assert_string_equal(strchr(late, '\n'), strchr(whole, '\n'));
	scene_end(&s);
}

static void test_ramoops_numbers_start_again_in_every_boot_T6(void **state)
{
	struct scene s;
	AUTO_FREE char *logs = NULL;
	size_t n;

	(void)state;
	scene_new(&s);
	put_text(s.pstore, "dmesg-ramoops-0", "Panic#1 Part1\n<0>[    3.000000] Kernel panic - not syncing: first\n");
	collect(&s, 1, 1, 1, 1);
	put_text(s.pstore, "dmesg-ramoops-0", "Panic#1 Part1\n<0>[    4.000000] Kernel panic - not syncing: second\n");
	collect(&s, 1, 1, 1, 1);
	/* the same text in another zone is the same record */
	put_text(s.pstore, "dmesg-ramoops-3", "Panic#1 Part1\n<0>[    4.000000] Kernel panic - not syncing: second\n");
	collect(&s, 1, 0, 1, 1);
	logs = store_logs(s.to, &n);
	assert_int_equal(n, 2);
	assert_non_null(strstr(logs, "first"));
	assert_non_null(strstr(logs, "second"));
	scene_end(&s);
}

static void test_nothing_foreign_is_touched(void **state)
{
	struct scene s;
	AUTO_FREE char *mine = NULL, *raw = NULL, *text = NULL, *link = NULL;

	(void)state;
	scene_new(&s);
	one_panic(&s);
	put_text(s.pstore, "README", "not a record\n");
	put_text(s.pstore, "my-holiday-2026", "not a record either\n");
	put_text(s.efivars, "BootOrder-8be4df61-93ca-11d2-aa0d-00e098032b8c", "\7\0\0\0\1\0");
	put_text(s.efivars, "dump-type0-1-1-1795882344-C-8be4df61-93ca-11d2-aa0d-00e098032b8c", "another vendor's\n");
	assert_int_equal(fs_mkdir_p(s.to, 0700, NULL), 0);
	put_text(s.to, "notes.txt", "mine\n");
	put_text(s.to, ".rescue-pstore-new-mine", "mine\n");
	free(sub_dir(s.to, ".rescue-pstore-new-0123456789abcdef/raw"));        /* ours: left by an interrupted run */
	mine = sub_dir(s.to, ".rescue-pstore-new-holiday-pictures");
	put_text(mine, "a.jpg", "picture\n");
	raw = sub_dir(s.to, "20200101T000000Z-my-own-folder/raw");
	put_text(raw, "thesis.txt", "chapter 1\n");
	link = fs_join(s.to, "link");
	assert_int_equal(symlink(mine, link), 0);
	collect(&s, 14, 14, 14, 1);
	assert_int_equal(count(s.pstore), 2);
	assert_int_equal(count(s.efivars), 2);
	text = read_text(mine, "a.jpg");
	assert_string_equal(text, "picture\n");
	free(text);
	text = read_text(raw, "thesis.txt");
	assert_string_equal(text, "chapter 1\n");
	assert_int_equal(count(s.to), 6);
	scene_end(&s);
}

static void test_a_store_is_no_source(void **state)
{
	struct scene s;
	struct pstore_result r;
	struct err e = ERR_INIT;
	AUTO_FREE char *inside = NULL, *odd = NULL;

	(void)state;
	scene_new(&s);
	one_panic(&s);
	collect(&s, 14, 14, 14, 1);
	inside = sub_dir(s.to, "x/raw");
	s.o.pstore = inside;
	assert_int_equal(pstore_collect(&s.o, &r, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "lies in the store"));
	pstore_result_free(&r);
	s.o.pstore = odd = xasprintf("%s/../store/./x/", s.pstore);
	assert_int_equal(pstore_collect(&s.o, &r, &e), -EINVAL);
	pstore_result_free(&r);
	s.o.pstore = s.dir;     /* the store lies below the source */
	assert_int_equal(pstore_collect(&s.o, &r, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "lies in the source"));
	pstore_result_free(&r);
	scene_end(&s);
}

static void test_a_rotten_dump_blocks_nothing(void **state)
{
	struct scene s;
	struct pstore_store st;
	AUTO_FREE char *dir = NULL, *raw = NULL, *file = NULL, *logs = NULL;
	size_t n;

	(void)state;
	scene_new(&s);
	one_panic(&s);
	collect(&s, 14, 14, 14, 1);
	assert_int_equal(pstore_store_open(&st, s.to, false, NULL), 0);
	raw = xasprintf("%s/%s/raw", s.to, st.v[0].name);
	dir = xasprintf("%s/%s", s.to, st.v[0].name);
	pstore_store_close(&st);
	/* one record rotted to nothing, one to noise, the report to half of itself; beside it a folder that has only the shape of a dump */
	put_text(raw, "dmesg-efi-179588234403001", "");
	put_text(raw, "dump-type0-3-1-1795882344-C-" GUID, "noise noise noise");
	put_text(dir, "report.json", "{ \"repo");
	file = sub_dir(s.to, "20200101T000000Z-efi-panic1-0123456789abcdef/raw");
	put_text(file, "dmesg-efi-179588234401001", "\xff\xfe garbage");
	/* the same crash is still in NVRAM, and a new one */
	one_panic(&s);
	assert_int_equal(copy(FIXTURES "efi-3.11", s.pstore, "dmesg-efi-"), 3);
	collect(&s, 17, 4, 17, 2);
	free(dir);
	dir = fs_join(s.to, "20200101T000000Z-efi-panic1-0123456789abcdef");
	assert_int_equal(count(dir), 1);
	assert_int_equal(fs_remove_tree(dir, NULL), 0);
	logs = store_logs(s.to, &n);
	assert_int_equal(n, 2);
	assert_non_null(strstr(logs, "btrfs_clean_one_deleted_snapshot"));
	assert_null(strstr(logs, "[rescue:"));
	scene_end(&s);
}

static void test_a_store_that_a_reboot_forgets_keeps_the_records(void **state)
{
	struct scene s;
	struct pstore_result r;
	AUTO_FREE char *to = NULL;

	(void)state;
	if (fs_is_volatile("/dev/shm", NULL) != 1)
		skip();
	scene_new(&s);
	put_text(s.pstore, "dmesg-erst-7", "Panic#1 Part1\nx\n");
	to = xasprintf("/dev/shm/rescue-unit-%d", (int)getpid());
	s.o.to = to;
	s.o.allow_volatile = false;
	assert_int_equal(pstore_collect(&s.o, &r, NULL), 0);
	assert_int_equal(r.stored, 1);
	assert_int_equal(r.erased, 0);
	assert_int_equal(r.left, 1);
	assert_true(r.volatile_store);
	pstore_result_free(&r);
	assert_int_equal(count(s.pstore), 1);
	assert_int_equal(fs_remove_tree(to, NULL), 0);
	scene_end(&s);
}

static void test_another_collection_is_not_disturbed(void **state)
{
	struct scene s;
	struct pstore_store st;
	struct pstore_result r;
	struct err e = ERR_INIT;

	(void)state;
	scene_new(&s);
	put_text(s.pstore, "dmesg-erst-7", "Panic#1 Part1\nx\n");
	assert_int_equal(pstore_store_open(&st, s.to, true, NULL), 0);
	assert_int_equal(pstore_collect(&s.o, &r, &e), -EBUSY);
	pstore_result_free(&r);
	assert_int_equal(count(s.pstore), 1);
	pstore_store_close(&st);
	collect(&s, 1, 1, 1, 1);
	scene_end(&s);
}

/* The variable of a record that only pstore showed is still there after the file went: the kernel's erase failed silently. */
static void test_the_proof_is_asked_from_efivarfs_T13(void **state)
{
	struct scene s;
	struct pstore_set set = { .n = 0 };
	enum pstore_proof proof;
	struct err e = ERR_INIT;

	(void)state;
	scene_new(&s);
	put_text(s.pstore, "dmesg-efi-179588234401001", "Panic#1 Part1\nx\n");
	assert_int_equal(pstore_scan(&set, s.pstore, PSTORE_SCAN_RECORDS, NULL), 0);
	put_text(s.efivars, "dump-type0-1-1-1795882344-C-" GUID, "\7...payload");
	assert_int_equal(pstore_erase(&set.v[0], s.efivars, &proof, &e), -EIO);
	assert_non_null(strstr(e.msg, "still there after its record was erased"));
	/* efivarfs' leftover of a variable that is gone reads as nothing */
	put_text(s.efivars, "dump-type0-1-1-1795882344-C-" GUID, "");
	assert_int_equal(pstore_erase(&set.v[0], s.efivars, &proof, &e), 0);
	assert_int_equal(proof, PSTORE_PROVEN);
	assert_int_equal(pstore_erase(&set.v[0], NULL, &proof, &e), 0);
	assert_int_equal(proof, PSTORE_BELIEVED);
	pstore_set_free(&set);
	scene_end(&s);
}

static void test_nvram_that_is_not_known_is_unknown_T21(void **state)
{
	uint64_t a = 7, b = 7;

	(void)state;
	assert_false(pstore_nvram("/nowhere", &a, &b));
	assert_false(pstore_nvram("/", &a, &b));
	assert_false(pstore_nvram(NULL, &a, &b));
	assert_int_equal(a, 7);
}

static void test_module_policy_T7_T12(void **state)
{
	static const struct {
		const char *cmdline, *want;
	} rows[] = {
		{ "quiet ro root=/dev/sda1", "efi_pstore erst" }, { NULL, "efi_pstore erst" }, { "nothing=ramoops.mem_address=1", "efi_pstore erst" },
		/* words for ramoops that do not say where: its kernel's defaults would be a guess */
		{ "ramoops.ecc=1 ramoops.mem_size=0x100000 ramoops.mem_addresses=1 ramoops.mem_address", "efi_pstore erst" },
		/* given: before the others, because only one of them gets pstore (T10) */
		{ "ramoops.mem_address=0x10000000 ramoops.mem_size=0x100000\n", "ramoops efi_pstore erst" },
		{ "quiet ramoops.mem-address=0x10000000", "ramoops efi_pstore erst" }, { "ramoops.mem_name=oops", "ramoops efi_pstore erst" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(strv_free) struct strv l = STRV_INIT;
		CLEANUP(str_free) struct str have = STR_INIT;

		pstore_modules(rows[i].cmdline, &l);
		for (size_t k = 0; k < l.n; k++)
			str_addf(&have, "%s%s", k ? " " : "", l.v[k]);
		assert_string_equal(str_cstr(&have), rows[i].want);
	}
}

/* ---- killed at every passage ---- */

/* A run in a child that is killed at passage `at` of `point`. True when it was killed there. */
static bool run_killed(struct scene *s, const char *point, unsigned int at, const char *trace)
{
	AUTO_FREE char *spec = xasprintf("%s:%u", point, at);
	struct pstore_result r;
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (trace)
			setenv("RESCUE_FAULT_TRACE", trace, 1);
		else
			setenv("RESCUE_FAULT", spec, 1);
		fault_init();
		_exit(pstore_collect(&s->o, &r, NULL) < 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return true;
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	return false;
}

/* A small scene with one of each: a dump seen in both folders, one only in efivars, one in pstore, a console. */
static void mixed_scene(struct scene *s)
{
	scene_new(s);
	for (int part = 1; part <= 2; part++) {
		AUTO_FREE char *file = xasprintf("dmesg-efi-1795882344%02d001", part), *var = xasprintf("dump-type0-%d-1-1795882344-D-" GUID, part);
		AUTO_FREE char *text = xasprintf("Panic#1 Part%d\n<4>[    1.0000%02d] text of part %d\n", part, 20 - part, part);
		AUTO_FREE char *payload = xasprintf("____%s", text);

		put_text(s->pstore, file, text);
		put_text(s->efivars, var, payload);
	}
	put_text(s->efivars, "dump-type0-1-1-1795882999-D-" GUID, "____Oops#1 Part1\nonly a variable\n");
	put_text(s->pstore, "dmesg-erst-12", "Panic#1 Part1\nerst\n");
	put_text(s->pstore, "console-ramoops-0", "console\n");
}

#define MIXED_RECORDS 5

static size_t keys_in(const char *pstore, const char *efivars, struct strv *ret)
{
	struct pstore_set set = { .n = 0 };

	assert_int_equal(pstore_scan(&set, pstore, PSTORE_SCAN_RECORDS, NULL), 0);
	assert_int_equal(pstore_scan(&set, efivars, PSTORE_SCAN_EFIVARS, NULL), 0);
	pstore_set_link(&set);
	for (size_t i = 0; i < set.n; i++)
		strv_add(ret, set.v[i].key);
	pstore_set_free(&set);
	return ret->n;
}

/* A dump that can be seen in the store is whole. */
static void check_whole(const struct pstore_store *st, size_t i)
{
	AUTO_FREE char *dir = fs_join(st->dir, st->v[i].name), *report = read_text(dir, "report.json");

	assert_non_null(report);
	assert_int_equal(st->v[i].dump.n, str_eq(st->v[i].dump.reason, "Panic") && str_eq(st->v[i].dump.backend, "efi") ? 2 : 1);
}

static size_t keys_stored(const char *to, struct strv *ret)
{
	struct pstore_store st;

	if (pstore_store_open(&st, to, false, NULL) == 0)
		for (size_t i = 0; i < st.n; check_whole(&st, i), i++)
			for (size_t k = 0; k < st.v[i].set.n; k++)
				strv_add(ret, st.v[i].set.v[k].key);
	pstore_store_close(&st);
	return ret->n;
}

/* After the kill each record is in its old place or in the store; after the next run each is in the store exactly once, and nowhere else. */
static void check_after_kill(struct scene *s, const struct strv *all, const char *point, unsigned int at)
{
	CLEANUP(strv_free) struct strv stored = STRV_INIT, left = STRV_INIT, end = STRV_INIT;
	struct pstore_result r;
	struct err e = ERR_INIT;
	size_t dumps;

	keys_stored(s->to, &stored);
	keys_in(s->pstore, s->efivars, &left);
	for (size_t i = 0; i < all->n; i++)
		if (!strv_has(&stored, all->v[i]) && !strv_has(&left, all->v[i]))
			fail_msg("%s:%u: record %zu is lost", point, at, i);
	if (pstore_collect(&s->o, &r, &e) < 0 || r.left)
		fail_msg("%s:%u: second run: %s %s", point, at, e.msg, r.notes.n ? r.notes.v[0] : "");
	pstore_result_free(&r);
	if (keys_stored(s->to, &end) != all->n)
		fail_msg("%s:%u: %zu records in the store", point, at, end.n);
	for (size_t i = 0; i < all->n; i++)
		assert_true(strv_has(&end, all->v[i]));
	assert_int_equal(count(s->pstore) + count(s->efivars), 0);
	dumps = count(s->to);
	if (dumps != 4)
		fail_msg("%s:%u: %zu folders in the store", point, at, dumps);
}

static void test_killed_between_any_two_steps_T15(void **state)
{
	CLEANUP(strv_free) struct strv all = STRV_INIT, points = STRV_INIT;
	AUTO_FREE char *dir = unit_dir(), *trace = fs_join(dir, "trace"), *text = NULL;
	struct scene s;
	size_t kills = 0, half_way = 0;

	(void)state;
	mixed_scene(&s);
	assert_int_equal(keys_in(s.pstore, s.efivars, &all), MIXED_RECORDS);
	assert_false(run_killed(&s, "", 0, trace));
	scene_end(&s);
	text = read_text(dir, "trace");
	assert_non_null(text);
	strv_split(&points, text, "\n");
	assert_true(points.n > 30);
	for (size_t i = 0; i < points.n; i++) {
		unsigned int at = 1;

		for (size_t k = 0; k < i; k++)
			at += str_eq(points.v[k], points.v[i]);
		mixed_scene(&s);
		assert_true(run_killed(&s, points.v[i], at, NULL));
		kills++;
		half_way += count(s.pstore) + count(s.efivars) > 0 && count(s.to) > 0;
		check_after_kill(&s, &all, points.v[i], at);
		scene_end(&s);
	}
	assert_int_equal(kills, points.n);
	assert_true(half_way > 10);     /* the test would say nothing if it never met a half-done collection */
	assert_int_equal(fs_remove_tree(dir, NULL), 0);
}

/* Both the run and its resumption are killed. */
static void test_the_resumption_is_killed_too(void **state)
{
	static const char *const firsts[] = { "pstore.raw.written", "pstore.store.ready", "pstore.store.renamed", "pstore.erase.unlinked" };
	static const char *const seconds[] = { "pstore.raw.written", "pstore.store.renamed", "pstore.store.read_back", "pstore.erase.proved" };
	CLEANUP(strv_free) struct strv all = STRV_INIT;
	struct scene s;

	(void)state;
	mixed_scene(&s);
	keys_in(s.pstore, s.efivars, &all);
	scene_end(&s);
	for (size_t i = 0; i < ARRAY_SIZE(firsts); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(seconds); k++) {
			mixed_scene(&s);
			assert_true(run_killed(&s, firsts[i], 2, NULL));
			assert_true(run_killed(&s, seconds[k], 2, NULL));
			check_after_kill(&s, &all, seconds[k], 2);
			scene_end(&s);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stored_once_then_erased_T14_T15),
		cmocka_unit_test(test_records_that_arrive_late_join_their_dump_T9),
		cmocka_unit_test(test_ramoops_numbers_start_again_in_every_boot_T6),
		cmocka_unit_test(test_nothing_foreign_is_touched),
		cmocka_unit_test(test_a_store_is_no_source),
		cmocka_unit_test(test_a_rotten_dump_blocks_nothing),
		cmocka_unit_test(test_a_store_that_a_reboot_forgets_keeps_the_records),
		cmocka_unit_test(test_another_collection_is_not_disturbed),
		cmocka_unit_test(test_the_proof_is_asked_from_efivarfs_T13),
		cmocka_unit_test(test_nvram_that_is_not_known_is_unknown_T21),
		cmocka_unit_test(test_module_policy_T7_T12),
		cmocka_unit_test(test_killed_between_any_two_steps_T15),
		cmocka_unit_test(test_the_resumption_is_killed_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
