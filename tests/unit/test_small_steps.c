/* SPDX-License-Identifier: GPL-2.0-or-later */
/* write-file, exec, confirm, reboot: their hooks, one table row a case with the code and the sentence. */
#include "unit.h"

#include <fcntl.h>

#include "plan.h"
#include "step_io.h"

static int fill_real(const struct opt *row, struct opt_device *dev, struct opt_path *path, void *arg)
{
	(void)row;
	(void)dev;
	(void)arg;
	if (path && !path->device)
		path->real = xstrdup(path->path);
	return 0;
}

struct one {
	struct plan *plan;
	void *self;
	struct step_io *io;
	struct err e;
};

/* Plan with one step whose options are `text` with %DIR% as the folder. */
static void open_step(struct one *o, const char *dir, const char *text)
{
	CLEANUP(str_free) struct str s = STR_INIT;
	bool pending;

	*o = (struct one){ .e = ERR_INIT };
	str_add(&s, "plan: 1\nname: t\nsteps:\n  - ");
	for (const char *p = text; *p; p++) {
		if (str_starts(p, "%DIR%")) {
			str_add(&s, dir);
			p += 4;
		} else {
			str_addc(&s, *p);
		}
	}
	str_addc(&s, '\n');
	if (plan_parse("t", str_cstr(&s), s.len, &o->plan, &o->e) < 0 ||
	    plan_step_apply(o->plan, &o->plan->steps[0], NULL, NULL, &o->self, &pending, &o->e) < 0)
		fail_msg("%s: %s", text, o->e.msg);
	opt_each_ref(o->plan->steps[0].type->opts, o->self, fill_real, NULL);
	o->io = step_io_new_test(dir);
}

static void close_step(struct one *o)
{
	step_io_free(o->io);
	plan_step_free_self(&o->plan->steps[0], o->self);
	plan_free(o->plan);
}

enum { PREFLIGHT, RUN, VERIFY };

static int hook(struct one *o, int which)
{
	const struct step_type *t = o->plan->steps[0].type;

	err_clear(&o->e);
	switch (which) {
	case PREFLIGHT:
		return t->preflight ? t->preflight(o->self, o->io, &o->e) : 0;
	case RUN:
		return t->run(o->self, o->io, &o->e);
	default:
		return t->verify(o->self, o->io, &o->e);
	}
}

static const struct {
	const char *step;
	int hook, code;
	const char *says;       /* part of the sentence, or NULL */
} cases[] = {
	{ "write-file: {path: %DIR%/f, content: x}", PREFLIGHT, 0, NULL },
	{ "write-file: {path: %DIR%/f, content: x, mode: \"0888\"}", PREFLIGHT, -EINVAL, "mode '0888': not octal permissions such as 0644" },
	{ "write-file: {path: %DIR%, content: x}", PREFLIGHT, -EISDIR, "is a folder" },
	{ "write-file: {path: %DIR%/f/, content: x}", PREFLIGHT, -EISDIR, "ends in '/', a file is needed" },
	{ "write-file: {path: %DIR%/no/f, content: x}", RUN, -ENOENT, "open folder '" },
	{ "write-file: {path: %DIR%/f, content: x}", VERIFY, 0, "No such file or directory" },
	{ "exec: {command: [\"true\"]}", PREFLIGHT, 0, NULL },
	{ "exec: {command: [no-such-program-here]}", PREFLIGHT, -ENOENT, "no-such-program-here: program not found" },
	{ "exec: {command: [\"true\"], env: [x]}", PREFLIGHT, -EINVAL, "env 'x': is not NAME=value" },
	{ "exec: {command: [\"true\"], root: %DIR%}", PREFLIGHT, STEP_LATER, NULL },
	{ "exec: {command: [\"false\"]}", RUN, -EIO, "false: exit code 1" },
	{ "exec: {command: [sh, -c, \"test $A = b\"], env: [A=b]}", RUN, 0, NULL },
	{ "exec: {command: [sh, -c, \"test $P = %DIR%/x\"], files: [{name: P, path: %DIR%/x}]}", RUN, 0, NULL },
	{ "exec: {command: [\"true\"]}", VERIFY, 1, NULL },
	{ "exec: {command: [\"true\"], check: [\"false\"]}", VERIFY, 0, "check: false: exit code 1" },
	{ "confirm: {message: \"Sure?\"}", RUN, -EAGAIN, "nobody can be asked: 'Sure?'" },
	{ "reboot: {wait: 1}", VERIFY, -EIO, "the boot id is not known" },
	{ "reboot: {command: [\"false\"], wait: 1}", RUN, -EIO, "false: exit code 1" },
	{ "reboot: {command: [\"true\"], wait: 1}", RUN, -ETIMEDOUT, "the machine is still running 1 seconds later" },
};

static void test_each_case_has_its_code_and_sentence(void **state)
{
	char *dir = unit_dir();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct one o;
		int r;

		open_step(&o, dir, cases[i].step);
		r = hook(&o, cases[i].hook);
		if (r != cases[i].code || (cases[i].says && !strstr(o.e.msg, cases[i].says)))
			fail_msg("%s: %d, '%s'", cases[i].step, r, o.e.msg);
		close_step(&o);
	}
	unit_dir_end(dir);
}

static void check_file(const char *dir, const char *step, const char *path, const char *content, mode_t mode)
{
	AUTO_FREE char *full = fs_join(dir, path);
	AUTO_FREE char *text = NULL;
	struct one o;
	struct stat st;
	size_t len;

	open_step(&o, dir, step);
	if (hook(&o, RUN) < 0)
		fail_msg("%s: %s", step, o.e.msg);
	assert_int_equal(hook(&o, VERIFY), 1);
	assert_int_equal(fs_read(full, 1 << 20, &text, &len, NULL), 0);
	assert_string_equal(text, content);
	assert_int_equal(lstat(full, &st), 0);
	assert_int_equal(st.st_mode & 07777, mode);
	/* the world changes: verify notices */
	assert_int_equal(fs_write_atomic(full, "other", 5, mode, NULL), 0);
	assert_int_equal(hook(&o, VERIFY), 0);
	assert_non_null(strstr(o.e.msg, "has another content"));
	assert_int_equal(chmod(full, 0600), 0);
	assert_int_equal(hook(&o, VERIFY), 0);
	close_step(&o);
}

static void test_a_file_is_written_and_verified(void **state)
{
	char *dir = unit_dir();
	AUTO_FREE char *a = xasprintf("write-file: {path: %%DIR%%/a, content: \"one\\ntwo\\n\", uid: %u, gid: %u}", geteuid(), getegid());
	AUTO_FREE char *b = xasprintf("write-file: {path: %%DIR%%/x/y/b, content: \"\", mode: \"4755\", parents: yes, uid: %u, gid: %u}", geteuid(), getegid());

	(void)state;
	check_file(dir, a, "a", "one\ntwo\n", 0644);
	check_file(dir, b, "x/y/b", "", 04755);
	unit_dir_end(dir);
}

/* valgrind does not know openat2(2). */
static bool has_openat2(void)
{
	int fd = open("/", O_PATH | O_CLOEXEC), r = fs_open_in_root(fd, "/", O_PATH, 0, NULL);

	close(fd);
	if (r >= 0)
		close(r);
	return r != -ENOSYS;
}

/* T49: an absolute link inside an installed system leads to that system's file, not to ours. */
static void test_root_keeps_links_inside(void **state)
{
	char *dir = unit_dir();
	AUTO_FREE char *etc = fs_join(dir, "sys/etc");
	AUTO_FREE char *real = fs_join(dir, "sys/real");
	AUTO_FREE char *link = fs_join(dir, "sys/etc/dir");
	AUTO_FREE char *step = xasprintf("write-file: {root: %%DIR%%/sys, path: /etc/dir/f, content: in, uid: %u, gid: %u}", geteuid(), getegid());

	(void)state;
	if (!has_openat2()) {
		print_message("openat2 is not there: not tested\n");
		unit_dir_end(dir);
		return;
	}
	assert_int_equal(fs_mkdir_p(etc, 0755, NULL), 0);
	assert_int_equal(fs_mkdir_p(real, 0755, NULL), 0);
	assert_int_equal(symlink("/real", link), 0);
	check_file(dir, step, "sys/real/f", "in", 0644);
	unit_dir_end(dir);
}

static void test_answers_and_boots(void **state)
{
	char *dir = unit_dir();
	struct one o;

	(void)state;
	open_step(&o, dir, "confirm: {message: \"Sure?\"}");
	step_io_test_answer(o.io, 1);
	assert_int_equal(hook(&o, RUN), 0);
	step_io_test_answer(o.io, 0);
	assert_int_equal(hook(&o, RUN), -EPERM);
	assert_string_equal(o.e.msg, "not agreed to: 'Sure?'");
	close_step(&o);
	open_step(&o, dir, "reboot: {wait: 1}");
	assert_int_equal(o.plan->steps[0].type->decide(o.self, o.io, &o.e), 0);
	assert_int_equal(hook(&o, VERIFY), 0);
	assert_string_equal(o.e.msg, "the machine has not been restarted");
	assert_int_equal(step_fact_set(o.io, "boot", "another", &o.e), 0);
	assert_int_equal(o.plan->steps[0].type->decide(o.self, o.io, &o.e), 0);
	assert_int_equal(hook(&o, VERIFY), 1);
	close_step(&o);
	unit_dir_end(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_case_has_its_code_and_sentence),
		cmocka_unit_test(test_a_file_is_written_and_verified),
		cmocka_unit_test(test_root_keeps_links_inside),
		cmocka_unit_test(test_answers_and_boots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
