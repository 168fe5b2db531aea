/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>

#include "cmd.h"
#include "cmd_state.h"
#include "fs.h"

static const char *state_dir;

static const struct cmd_opt opts[] = {
	{ "state", CMD_TEXT, &state_dir, "DIR", "State directory of the run; default: the one that was used last." },
	CMD_END
};

static int copy(const char *path)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	char buf[65536];
	ssize_t n;

	if (fd < 0)
		return -errno;
	fflush(stdout);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		if (fs_write_all(STDOUT_FILENO, buf, (size_t)n, NULL) < 0)
			return -EPIPE;
	return n < 0 ? -errno : 0;
}

static int show(const struct cmd_state *s, size_t i, bool title)
{
	AUTO_FREE char *path = xasprintf("%s/logs/%02zu-%s.log", s->dir, i + 1, s->rs[i].id);

	if (!fs_exists(path))
		return 0;
	if (title)
		printf("---- %s: %s\n", s->rs[i].id, path);
	return copy(path);
}

static int unknown(const struct cmd_state *s, const char *step)
{
	CLEANUP(strv_free) struct strv ids = STRV_INIT;
	const char *near;

	for (size_t i = 0; i < s->st.n; i++)
		strv_add(&ids, s->rs[i].id);
	near = ids.n ? str_nearest(step, (const char *const *)ids.v) : NULL;
	cmd_error("log: the plan has no step '%s'%s%s%s", step, near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "");
	return EXIT_USAGE;
}

static int show_all(const struct cmd_state *s, const char *step)
{
	bool found = !step;

	for (size_t i = 0; i < s->st.n; i++) {
		if (step && !str_eq(step, s->rs[i].id))
			continue;
		found = true;
		if (show(s, i, !step) < 0)
			return EXIT_FAILED;
	}
	return found ? EXIT_DONE : unknown(s, step);
}

static int run(int argc, char **argv)
{
	struct cmd_state s;
	struct err e = ERR_INIT;
	int rc = cmd_state_open(&s, state_dir, &e);

	if (rc == EXIT_DONE)
		rc = show_all(&s, argc ? argv[0] : NULL);
	else
		cmd_error("%s", e.msg);
	cmd_state_close(&s);
	return rc;
}

const struct cmd cmd_log = {
	.name = "log", .summary = "Show what the steps of a run printed.", .usage = "[STEP]", .opts = opts, .run = run,
};
