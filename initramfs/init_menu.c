/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The menu: one number or letter and Enter. */
#include <signal.h>
#include <sys/wait.h>

#include "init.h"

static void run_here(const char *command)
{
	pid_t pid;
	int status;

	printf("\n# %s\n", command);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		signal(SIGINT, SIG_DFL);
		signal(SIGQUIT, SIG_DFL);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (pid > 0 && WIFEXITED(status) && WEXITSTATUS(status))
		printf("(exit code %d)\n", WEXITSTATUS(status));
	if (pid > 0 && WIFSIGNALED(status))
		printf("(ended by signal %d)\n", WTERMSIG(status));
}

static void do_plan(const struct session *s)
{
	AUTO_FREE char *command = plan_command(s);

	if (!s->plan)
		printf("There is no plan: %s.\nWrite one (see 'rescue help'), then: rescue run FILE --state %s/runs/NAME\n", s->plan_why ? s->plan_why : "",
		       s->state ? STATE_DIR : "/run");
	else
		run_here(command);
}

static void do_show(const struct session *s)
{
	(void)s;
	run_here("rescue run " PLAN_FILE " --dry-run --state /run/rescue/dry --volatile-state");
}

static void do_shell(const struct session *s)
{
	(void)s;
	puts("A shell; 'exit' comes back to the menu.");
	run_here("exec sh -l");
}

static void do_disks(const struct session *s)
{
	(void)s;
	run_here("lsblk -o NAME,SIZE,TYPE,FSTYPE,LABEL,UUID,SERIAL,MOUNTPOINTS");
}

static void do_messages(const struct session *s)
{
	(void)s;
	run_here("dmesg | tail -n 200 | less");
}

static void do_crash(const struct session *s)
{
	(void)s;
	run_here("rescue pstore list --to /state/pstore; rescue pstore show --to /state/pstore 2>/dev/null | less");
}

static void do_reboot(const struct session *s)
{
	(void)s;
	kill(1, SIGTERM);
	sleep(60);
}

static void do_poweroff(const struct session *s)
{
	(void)s;
	kill(1, SIGUSR2);
	sleep(60);
}

static const struct {
	const char *key, *text;
	void (*fn)(const struct session *s);
} items[] = {
	{ "1", "run the plan, or go on with it", do_plan },
	{ "2", "show what the plan would do (changes nothing)", do_show },
	{ "3", "shell", do_shell },
	{ "4", "disks and what is on them", do_disks },
	{ "5", "kernel messages", do_messages },
	{ "6", "last words of a kernel that crashed", do_crash },
	{ "r", "restart", do_reboot },
	{ "p", "power off", do_poweroff },
};

static void show(const struct session *s)
{
	AUTO_FREE char *text = banner_text(s);

	fputs(text, stdout);
	for (size_t i = 0; i < ARRAY_SIZE(items); i++)
		printf("  %s  %s\n", items[i].key, items[i].text);
}

static bool choose(const struct session *s, const char *answer)
{
	for (size_t i = 0; i < ARRAY_SIZE(items); i++)
		if (str_eq(items[i].key, answer)) {
			items[i].fn(s);
			return true;
		}
	return false;
}

void menu_loop(const struct session *s)
{
	char line[64];

	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	show(s);
	for (;;) {
		char *answer;

		printf("\nrescue menu, your choice (Enter shows it again): ");
		fflush(stdout);
		if (!fgets(line, sizeof(line), stdin))
			_exit(0);
		answer = str_trim(line);
		if (!*answer)
			show(s);
		else if (!choose(s, answer))
			printf("'%s' is not in the menu\n", answer);
	}
}
