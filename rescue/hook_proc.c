/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <sys/wait.h>
#include <time.h>

#include "fs.h"
#include "hook.h"

struct proc {
	pid_t pid, parent;
	char state;
};

/* "/proc/PID/stat": the name in brackets may hold anything, so what matters starts behind the last ')'. */
static bool read_stat(const char *pid, struct proc *p)
{
	AUTO_FREE char *path = xasprintf("/proc/%s/stat", pid);
	AUTO_FREE char *text = NULL;
	const char *end;
	int parent;

	if (fs_read(path, 65536, &text, NULL, NULL) < 0)
		return false;
	end = strrchr(text, ')');
	if (!end || sscanf(end + 1, " %c %d", &p->state, &parent) != 2)
		return false;
	p->pid = (pid_t)strtol(pid, NULL, 10);
	p->parent = (pid_t)parent;
	return true;
}

static size_t all(struct proc **ret)
{
	DIR *d = opendir("/proc");
	struct proc *v = NULL;
	size_t n = 0, cap = 0;

	*ret = NULL;
	if (!d)
		return 0;
	for (struct dirent *de = readdir(d); de; de = readdir(d)) {
		if (de->d_name[0] < '1' || de->d_name[0] > '9')
			continue;
		if (n == cap) {
			cap = cap ? 2 * cap : 256;
			v = xrealloc(v, cap * sizeof(*v));
		}
		n += read_stat(de->d_name, &v[n]);
	}
	closedir(d);
	*ret = v;
	return n;
}

static bool is_below(const struct proc *v, size_t n, pid_t pid, pid_t root)
{
	for (int depth = 0; depth < 256 && pid > 1; depth++) {
		pid_t parent = 0;

		for (size_t i = 0; i < n && !parent; i++)
			if (v[i].pid == pid)
				parent = v[i].parent;
		if (parent == root)
			return true;
		pid = parent;
	}
	return false;
}

size_t proc_descendants(pid_t root, pid_t **ret)
{
	AUTO_FREE struct proc *v = NULL;
	size_t n = all(&v), found = 0;
	pid_t *out = xcalloc(n, sizeof(*out));

	for (size_t i = 0; i < n; i++)
		if (is_below(v, n, v[i].pid, root))
			out[found++] = v[i].pid;
	*ret = out;
	return found;
}

/* ---- what it is doing ---- */

static void add_file(struct str *s, const char *dir, const char *name)
{
	AUTO_FREE char *path = xasprintf("%s/%s", dir, name);
	AUTO_FREE char *text = NULL;

	if (fs_read(path, 65536, &text, NULL, NULL) < 0)
		return;
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		if (!str_eq(name, "status") || str_starts(line, "Name:") || str_starts(line, "State:"))
			str_addf(s, "      %s: %s\n", name, line);
}

static void describe_one(pid_t pid, struct str *s)
{
	static const char *const files[] = { "status", "wchan", "syscall", "stack" };
	AUTO_FREE char *tasks = xasprintf("/proc/%d/task", (int)pid);
	DIR *d = opendir(tasks);

	if (!d)
		return;
	str_addf(s, "  process %d\n", (int)pid);
	for (struct dirent *de = readdir(d); de; de = readdir(d)) {
		AUTO_FREE char *dir = xasprintf("%s/%s", tasks, de->d_name);

		if (de->d_name[0] == '.')
			continue;
		str_addf(s, "    thread %s\n", de->d_name);
		for (size_t i = 0; i < ARRAY_SIZE(files); i++)
			add_file(s, dir, files[i]);
	}
	closedir(d);
}

void proc_describe(pid_t pid, struct str *s)
{
	AUTO_FREE pid_t *below = NULL;
	size_t n = proc_descendants(pid, &below);

	describe_one(pid, s);
	for (size_t i = 0; i < n; i++)
		describe_one(below[i], s);
}

char proc_state(pid_t pid)
{
	AUTO_FREE char *name = xasprintf("%d", (int)pid);
	AUTO_FREE char *tasks = xasprintf("/proc/%d/task", (int)pid);
	struct proc p = { .state = 0 };
	DIR *d = opendir(tasks);
	char state = 0;

	if (!d)
		return 0;
	for (struct dirent *de = readdir(d); de && state != 'D'; de = readdir(d)) {
		AUTO_FREE char *task = xasprintf("%d/task/%s", (int)pid, de->d_name);

		if (de->d_name[0] != '.' && read_stat(task, &p) && p.state == 'D')
			state = 'D';
	}
	closedir(d);
	if (!state && read_stat(name, &p))
		state = p.state;
	return state;
}

/* ---- the end of everything that was left ---- */

/* Orphans come to us, the subreaper: no child means that nothing is below us. */
static bool reap_all(void)
{
	pid_t pid;

	do
		pid = waitpid(-1, NULL, WNOHANG);
	while (pid > 0);
	return pid < 0 && errno == ECHILD;
}

size_t proc_kill_rest(uint64_t ms)
{
	uint64_t end = ui_now_ms() + ms;

	while (!reap_all()) {
		AUTO_FREE pid_t *v = NULL;
		size_t n = proc_descendants(getpid(), &v);

		for (size_t i = 0; i < n; i++)
			kill(v[i], SIGKILL);
		if (ui_now_ms() >= end)
			return n;
		nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
	}
	return 0;
}
