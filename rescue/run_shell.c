/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A shell inside the run: what is ephemeral is established again, devices are mounted with the access that the plan gives them. */
#include <sys/wait.h>

#include "fs.h"
#include "run.h"

static int establish(struct run *r, size_t i)
{
	struct err e = ERR_INIT;
	char place[32];
	int rc;

	if (r->rs[i].effect != STEP_EPHEMERAL || r->st.steps[i].status != RUN_DONE)
		return EXIT_DONE;
	rc = r->rs[i].can_verify ? run_hook(r, i, RUN_CHECK, &e) : 0;
	if (rc != 1)
		rc = run_hook(r, i, RUN_RUN, &e);
	ui_event(&r->ui, rc < 0 ? UI_ERROR : UI_STEP, rc < 0 ? "fail" : "done", r->rs[i].id, run_place(r, i, place), "%s",
		 rc < 0 ? e.msg : "established");
	return rc < 0 ? EXIT_FAILED : EXIT_DONE;
}

static void mount_devices(struct run *r)
{
	for (size_t i = 0; r->plan->n_steps && i < r->n_dev; i++) {
		struct err e = ERR_INIT;

		if (run_dev_mount(r, 0, &r->dev[i], &e) < 0)
			ui_event(&r->ui, UI_WARN, "warning", NULL, "", "%s, going on without it", e.msg);
		else if (r->dev[i].mnt)
			ui_event(&r->ui, UI_INFO, "mounted", NULL, "", "  %-10s %s", r->dev[i].pd->name, r->dev[i].mnt);
	}
}

static void child(const struct run *r)
{
	const char *shell = getenv("SHELL");

	sigprocmask(SIG_SETMASK, &r->hooks.old_mask, NULL);
	signal(SIGPIPE, SIG_DFL);
	setenv("RESCUE_RUNTIME", r->runtime, 1);
	setenv("RESCUE_STATE", r->state, 1);
	execl(shell && *shell ? shell : "/bin/sh", shell && *shell ? shell : "/bin/sh", NULL);
	execl("/bin/sh", "sh", NULL);
	perror("rescue: shell");
	_exit(127);
}

int run_shell(struct run *r)
{
	int rc = EXIT_DONE, status = 0;
	pid_t pid;

	for (size_t i = 0; rc == EXIT_DONE && i < r->plan->n_steps; i++)
		rc = establish(r, i);
	if (rc != EXIT_DONE)
		return rc;
	mount_devices(r);
	ui_event(&r->ui, UI_INFO, "shell", NULL, "", "a shell inside the run; its mounts end with it (exit to leave)");
	ui_flush();
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		child(r);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	(void)proc_kill_rest(5000);
	return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? EXIT_DONE : EXIT_FAILED;
}
