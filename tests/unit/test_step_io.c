/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

#include "step_io.h"

static void test_an_io_without_a_runner_remembers(void **state)
{
	char *dir = unit_dir();
	struct step_io *io = step_io_new_test(dir);
	struct err e = ERR_INIT;

	(void)state;
	assert_null(step_fact(io, "uuid"));
	assert_int_equal(step_fact_set(io, "uuid", "one", &e), 0);
	assert_int_equal(step_fact_set(io, "uuid_sub", "sub", &e), 0);
	assert_int_equal(step_fact_set(io, "uuid", "two", &e), 0);
	assert_string_equal(step_fact(io, "uuid"), "two");
	assert_int_equal(step_fact_set(io, "Bad", "x", &e), -EINVAL);
	assert_string_equal(e.msg, "fact 'Bad': a key is made of a-z, 0-9 and _");
	assert_int_equal(step_fact_set(io, "k", "a\nb", &e), -EINVAL);
	assert_null(step_last_mark(io));
	assert_int_equal(step_mark(io, "here", &e), 0);
	assert_string_equal(step_last_mark(io), "here");
	assert_false(step_is_resume(io));
	step_io_test_resume(io, "there");
	assert_true(step_is_resume(io));
	assert_string_equal(step_last_mark(io), "there");
	step_note(io, "n %d", 1);
	step_degraded(io, "d");
	assert_string_equal(step_io_test_log(io), "note: n 1\ndegraded: d\n");
	assert_string_equal(step_dir(io, &e), dir);
	assert_int_equal(step_ask(io, "?", &e), -EAGAIN);
	step_io_free(io);
	unit_dir_end(dir);
}

struct peer {
	int fd;
	int code;               /* answered to every question */
	char seen[512];
};

static void *peer_main(void *arg)
{
	struct peer *p = arg;
	struct step_msg m;

	while (step_msg_recv(p->fd, &m, 0) == 1) {
		size_t n = strlen(p->seen);

		snprintf(p->seen + n, sizeof(p->seen) - n, "%u:%s;", m.type, m.text);
		if (m.type == STEP_MSG_RESULT)
			break;
		if (m.type <= STEP_MSG_DEGRADED || m.type == STEP_MSG_ASK)
			step_msg_send(p->fd, STEP_MSG_ACK, p->code, NULL, "journal: no space", 0);
	}
	return NULL;
}

static void with_peer(int code, void (*fn)(struct step_io *io), const char *expected)
{
	struct peer p = { .code = code };
	pthread_t t;
	int sv[2];
	struct step_io *io;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), 0);
	p.fd = sv[1];
	assert_int_equal(pthread_create(&t, NULL, peer_main, &p), 0);
	io = step_io_new(&(struct step_io_init){ .fd = sv[0], .dir = "/nowhere", .runtime_dir = "/nowhere" });
	fn(io);
	pthread_join(t, NULL);
	assert_string_equal(p.seen, expected);
	step_io_free(io);
	close(sv[1]);
}

static void talk(struct step_io *io)
{
	struct step_progress p = { .bytes = 1, .current = "/etc" };
	struct err e = ERR_INIT;

	assert_int_equal(step_fact_set(io, "k", "v", &e), 0);
	assert_int_equal(step_mark(io, "m", &e), 0);
	step_progress(io, &p);
	step_warn(io, "w");
	step_io_result(io, 0, &e);
}

static void refused(struct step_io *io)
{
	struct err e = ERR_INIT;

	assert_int_equal(step_fact_set(io, "k", "v", &e), -ENOSPC);
	assert_string_equal(e.msg, "journal: no space");
	assert_null(step_fact(io, "k"));
	assert_int_equal(step_mark(io, "m", &e), -ENOSPC);
	assert_null(step_last_mark(io));
	step_io_result(io, -ENOSPC, &e);
}

static void test_facts_and_marks_wait_for_the_journal(void **state)
{
	(void)state;
	with_peer(0, talk, "0:k=v;1:m;5:/etc;4:w;7:;");
	with_peer(-ENOSPC, refused, "0:k=v;1:m;7:journal: no space;");
}

static void test_a_dead_runner_is_an_error(void **state)
{
	struct err e = ERR_INIT;
	struct step_io *io;
	int sv[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), 0);
	io = step_io_new(&(struct step_io_init){ .fd = sv[0], .dir = "/nowhere", .runtime_dir = "/nowhere" });
	close(sv[1]);
	assert_true(step_mark(io, "m", &e) < 0);
	assert_true(str_starts(e.msg, "ask the runner: "));
	assert_false(step_cancelled(io));
	raise(SIGTERM);
	assert_true(step_cancelled(io));
	step_io_free(io);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_io_without_a_runner_remembers),
		cmocka_unit_test(test_facts_and_marks_wait_for_the_journal),
		cmocka_unit_test(test_a_dead_runner_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
