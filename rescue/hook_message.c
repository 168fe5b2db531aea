/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hook_watch.h"

#include <sys/epoll.h>
#include <sys/socket.h>

static void answer(struct watch *w, int code, const struct err *e)
{
	if (step_msg_send(w->sock, STEP_MSG_ACK, code, NULL, code < 0 ? e->msg : NULL, MSG_DONTWAIT) < 0)
		watch_kill(w, ui_now_ms());
}

static void on_progress(struct watch *w, const struct step_msg *m)
{
	struct step_progress p = { .bytes = m->v[0], .bytes_total = m->v[1], .items = m->v[2], .items_total = m->v[3], .errors = m->v[4] };

	p.current = *m->text ? m->text : NULL;
	ui_progress_add(&w->progress, &p, ui_now_ms());
	w->h->progress = p;
	w->h->progress.current = NULL;
}

static void on_ask(struct watch *w, const struct step_msg *m)
{
	struct err e = ERR_INIT;

	if (w->hs->ui->json || !isatty(STDIN_FILENO) || watch_add(w->hs->ep, STDIN_FILENO, SRC_TERMINAL, &e) < 0) {
		err_set(&e, -EAGAIN, "nobody can be asked");
		answer(w, -EAGAIN, &e);
		return;
	}
	w->asking = true;
	ui_event(w->hs->ui, UI_STEP, "ask", w->h->step, w->h->place, "%s\n  Type yes to go on, anything else to stop:", m->text);
}

void watch_terminal(struct watch *w)
{
	char line[64];
	ssize_t n = read(STDIN_FILENO, line, sizeof(line) - 1);

	line[n < 0 ? 0 : n] = '\0';
	epoll_ctl(w->hs->ep, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
	w->asking = false;
	w->alive = ui_now_ms();
	answer(w, str_eq(str_trim(line), "yes") ? 1 : 0, &(struct err)ERR_INIT);
}

static void on_words(struct watch *w, const struct step_msg *m)
{
	bool warn = m->type != STEP_MSG_NOTE;
	const char *event = m->type == STEP_MSG_NOTE ? "note" : m->type == STEP_MSG_WARN ? "warning" : "degraded";

	ui_event(w->hs->ui, warn ? UI_WARN : UI_NOTE, event, w->h->step, w->h->place, "%s", m->text);
	hook_log_line(&w->log, "%s: %s", event, m->text);
}

static void on_message(struct watch *w, const struct step_msg *m)
{
	struct err e = ERR_INIT;

	w->alive = ui_now_ms();
	w->stalls = 0;
	switch (m->type) {
	case STEP_MSG_DEGRADED:
		on_words(w, m);
		__attribute__((fallthrough));
	case STEP_MSG_FACT:
	case STEP_MSG_MARK:
		answer(w, w->h->on_message ? w->h->on_message(w->h->ctx, m, &e) : 0, &e);
		break;
	case STEP_MSG_NOTE:
	case STEP_MSG_WARN:
		on_words(w, m);
		break;
	case STEP_MSG_PROGRESS:
		on_progress(w, m);
		break;
	case STEP_MSG_ASK:
		on_ask(w, m);
		break;
	case STEP_MSG_RESULT:
		w->result = true;
		w->code = m->code;
		err_set(&w->err, m->code, "%s", m->text);
		break;
	default:
		break;
	}
}

void watch_messages(struct watch *w, bool all)
{
	struct step_msg m;

	for (int i = 0; w->sock >= 0 && (all || i < 64); i++) {
		int r = step_msg_recv(w->sock, &m, MSG_DONTWAIT);

		if (r == -EAGAIN)
			return;
		if (r <= 0) {
			close(take_fd(&w->sock));
			return;
		}
		on_message(w, &m);
	}
}
