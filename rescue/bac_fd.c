/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bac_fd.h"

#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "child.h"
#include "fs.h"

#define READY_S 30

/* ---- its configuration ---- */

/* Statements of the FileDaemon resource that are replaced. Bacula compares without case and spaces. */
static bool replaced(const char *at)
{
	static const char *const words[] = { "workingdirectory", "piddirectory", "subsysdirectory", "disablecommand" };
	CLEANUP(str_free) struct str s = STR_INIT;

	for (; *at && *at != '=' && *at != '\n' && *at != ';' && *at != '}'; at++)
		if (*at != ' ' && *at != '\t')
			str_addc(&s, *at >= 'A' && *at <= 'Z' ? (char)(*at + 32) : *at);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (*at == '=' && str_eq(str_cstr(&s), words[i]))
			return true;
	return false;
}

static bool is_daemon(const char *word, size_t n)
{
	CLEANUP(str_free) struct str s = STR_INIT;

	for (size_t i = 0; i < n; i++)
		if (word[i] != ' ' && word[i] != '\t' && word[i] != '\n')
			str_addc(&s, word[i] >= 'A' && word[i] <= 'Z' ? (char)(word[i] + 32) : word[i]);
	return str_ends(str_cstr(&s), "filedaemon") || str_ends(str_cstr(&s), "client");
}

/* Length of a quoted string or a comment at p, 0: neither. */
static size_t opaque(const char *p)
{
	const char *q = p;

	if (*p == '#')
		return strcspn(p, "\n");
	if (*p != '"')
		return 0;
	for (q++; *q && *q != '"'; q++)
		if (*q == '\\' && q[1])
			q++;
	return (size_t)(q - p) + (*q == '"');
}

static size_t statement(const char *p)
{
	const char *q = p;

	while (*q && *q != '\n' && *q != ';' && *q != '}')
		q += opaque(q) ? opaque(q) : 1;
	return (size_t)(q - p);
}

static void add_ours(struct str *out, const char *dir, char job)
{
	str_addf(out, "\n  WorkingDirectory = \"%s\"\n  PidDirectory = \"%s\"\n", dir, dir);
	str_addf(out, "  DisableCommand = \"%s\"\n", job == 'r' ? "backup" : "restore");
}

int bac_fd_config(const char *text, const char *dir, char job, struct str *ret, struct err *e)
{
	const char *word = text;
	bool ours = false, found = false, fresh = true;
	int depth = 0;

	for (const char *p = text; *p;) {
		size_t n = opaque(p);

		if (ours && depth == 1 && fresh && !n && *p != ' ' && *p != '\t' && *p != '\n' && *p != ';' && replaced(p)) {
			p += statement(p);
			continue;
		}
		if (n) {
			str_addn(ret, p, n);
			p += n;
			continue;
		}
		fresh = *p == '\n' || *p == ';' || *p == '{' || (fresh && (*p == ' ' || *p == '\t'));
		str_addc(ret, *p);
		if (*p == '{' && depth++ == 0 && is_daemon(word, (size_t)(p - word))) {
			ours = found = true;
			add_ours(ret, dir, job);
		} else if (*p == '}' && --depth == 0) {
			ours = false;
			word = p + 1;
		}
		if (depth < 0)
			return err_set(e, -EINVAL, "a '}' too many");
		p++;
	}
	return found && depth == 0 ? 0 : err_set(e, -EINVAL, depth ? "a '}' is missing" : "no FileDaemon resource in it");
}

/* ---- the daemon ---- */

static bool pid_file(const char *dir)
{
	AUTO_FREE char *pattern = fs_join(dir, "bacula-fd.*.pid");
	glob_t g;
	bool there = glob(pattern, 0, NULL, &g) == 0;

	globfree(&g);
	return there;
}

static void exec_daemon(const char *prog, const char *config, pid_t parent)
{
	const char *const argv[] = { prog, "-f", "-c", config, NULL };

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	execv(prog, (char *const *)argv);
	_exit(127);
}

static int wait_ready(struct bac_fd *f, struct err *e)
{
	for (int i = 0; i < READY_S * 10; i++) {
		int status;

		if (waitpid(f->pid, &status, WNOHANG) == f->pid) {
			f->pid = 0;
			return err_set(e, -EIO, "the File Daemon ended at once: is its port free, its configuration right? (bacula-fd -t -c FILE says)");
		}
		if (pid_file(f->dir))
			return 0;
		usleep(100000);
	}
	return err_set(e, -ETIMEDOUT, "the File Daemon does not get ready");
}

int bac_fd_start(struct bac_fd *f, const char *config, const char *dir, char job, struct err *e)
{
	AUTO_FREE char *prog = child_find("bacula-fd");
	AUTO_FREE char *text = NULL;
	AUTO_FREE char *file = NULL;
	CLEANUP(str_free) struct str out = STR_INIT;
	pid_t me = getpid();
	size_t len;
	int r = prog ? fs_read(config, MIB, &text, &len, e) : err_set(e, -ENOENT, "bacula-fd is not in this system");

	if (r < 0)
		return r;
	f->dir = xasprintf("%s/bacula-fd", dir);
	file = fs_join(f->dir, "bacula-fd.conf");
	r = bac_fd_config(text, f->dir, job, &out, e);
	if (r < 0)
		return err_wrap(e, r, "'%s'", config);
	r = fs_mkdir_p(f->dir, 0700, e);
	if (r == 0)
		r = fs_write_atomic(file, out.s, out.len, 0600, e);
	if (r < 0)
		return r;
	f->pid = fork();
	if (f->pid < 0) {
		f->pid = 0;
		return err_errno(e, "start bacula-fd");
	}
	if (f->pid == 0)
		exec_daemon(prog, file, me);
	return wait_ready(f, e);
}

void bac_fd_stop(struct bac_fd *f)
{
	if (f->pid > 0) {
		kill(f->pid, SIGTERM);
		for (int i = 0; i < 50 && waitpid(f->pid, NULL, WNOHANG) == 0; i++) {
			usleep(100000);
			if (i == 48)
				kill(f->pid, SIGKILL);
		}
	}
	f->pid = 0;
	if (f->dir)
		(void)fs_remove_tree(f->dir, NULL);
	free(f->dir);
	f->dir = NULL;
}
