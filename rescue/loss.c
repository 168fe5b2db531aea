/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "loss.h"

#include <fcntl.h>

#include "fs.h"

int loss_open_log(const char *dir, const char *name, uint64_t keep, struct err *e)
{
	AUTO_FREE char *path = fs_join(dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_errno(e, "open '%s'", path);
	if (ftruncate(fd, (off_t)keep) < 0) {
		int r = err_errno(e, "cut '%s'", path);

		close(fd);
		return r;
	}
	return fd;
}

int loss_open(struct loss *l, const char *dir, const uint64_t keep[2], struct err *e)
{
	if (!dir)
		return 0;
	l->json = loss_open_log(dir, "losses.jsonl", keep ? keep[0] : 0, e);
	if (l->json < 0)
		return l->json;
	l->text = loss_open_log(dir, "losses.txt", keep ? keep[1] : 0, e);
	return l->text < 0 ? l->text : 0;
}

static void add_ranges(struct str *json, struct str *text, const struct loss_range *r, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned long long off = r[i].off, len = r[i].len;

		str_addf(json, "%s[%llu,%llu]", i ? "," : "", off, len);
		str_addf(text, "%s%llu-%llu", i ? ", " : "bytes ", off, len ? off + len - 1 : off);
	}
	if (n)
		str_add(text, ": ");
}

void loss_add(struct loss *l, const char *path, const char *what, const struct loss_range *r, size_t n, const char *why)
{
	CLEANUP(str_free) struct str json = STR_INIT, text = STR_INIT;

	str_addf(&text, "%s: ", what);
	str_add_printable(&text, path);
	str_add(&text, ": ");
	str_add(&json, "{\"path\":\"");
	str_add_json(&json, path);
	str_addf(&json, "\",\"what\":\"%s\",\"ranges\":[", what);
	add_ranges(&json, &text, r, n);
	str_add(&json, "],\"why\":\"");
	str_add_json(&json, why);
	if (!str_is_utf8(path)) {
		str_add(&json, "\",\"raw\":\"");
		str_add_escaped(&json, path);
	}
	str_add(&json, "\"}\n");
	str_addf(&text, "%s\n", why);
	pthread_mutex_lock(&l->lock);
	if (l->json >= 0)
		(void)fs_write_all(l->json, json.s, json.len, NULL);
	if (l->text >= 0)
		(void)fs_write_all(l->text, text.s, text.len, NULL);
	pthread_mutex_unlock(&l->lock);
}

int loss_sync(struct loss *l, uint64_t ret[2], struct err *e)
{
	ret[0] = l->json >= 0 ? (uint64_t)lseek(l->json, 0, SEEK_END) : 0;
	ret[1] = l->text >= 0 ? (uint64_t)lseek(l->text, 0, SEEK_END) : 0;
	if ((l->json >= 0 && fdatasync(l->json) < 0) || (l->text >= 0 && fdatasync(l->text) < 0))
		return err_errno(e, "sync the list of losses");
	return 0;
}

void loss_close(struct loss *l)
{
	base_close(&l->json);
	base_close(&l->text);
	l->json = l->text = -1;
}

static int drop_lines(const char *dir, const char *name, const char *mark, bool at_start, uint64_t *ret, struct err *e)
{
	AUTO_FREE char *path = fs_join(dir, name), *text = NULL;
	CLEANUP(str_free) struct str kept = STR_INIT;
	int r = fs_read(path, 1024 * MIB, &text, NULL, e);

	for (const char *line = text, *end; r == 0 && *line; line = end) {
		const char *found;

		end = line + strcspn(line, "\n");
		end += *end == '\n';
		found = memmem(line, (size_t)(end - line), mark, strlen(mark));
		if (at_start ? found != line : !found)
			str_addn(&kept, line, (size_t)(end - line));
	}
	*ret = kept.len;
	return r < 0 ? r : fs_write_atomic(path, str_cstr(&kept), kept.len, 0600, e);
}

int loss_drop(const char *dir, const char *what, uint64_t ret[2], struct err *e)
{
	AUTO_FREE char *json = xasprintf("\",\"what\":\"%s\",\"ranges\":", what), *text = xasprintf("%s: ", what);
	int r = drop_lines(dir, "losses.jsonl", json, false, &ret[0], e);

	return r < 0 ? r : drop_lines(dir, "losses.txt", text, true, &ret[1], e);
}

/* The inverse of str_add_json, up to the closing quote: what is behind that, or NULL. */
static const char *json_string(const char *p, struct str *ret)
{
	unsigned int byte;

	for (; *p && *p != '"'; p++) {
		if (*p != '\\') {
			str_addc(ret, *p);
		} else if (p[1] == 'u' && sscanf(p + 2, "%4x", &byte) == 1 && byte && byte < 256) {
			str_addc(ret, (char)byte);
			p += 5;
		} else if (p[1]) {
			str_addc(ret, p[1] == 'n' ? '\n' : p[1]);
			p++;
		}
	}
	return *p ? p + 1 : NULL;
}

int loss_list(const char *dir, const char *what, struct strv *ret_paths, struct strv *ret_why, struct err *e)
{
	AUTO_FREE char *path = fs_join(dir, "losses.jsonl"), *mark = xasprintf(",\"what\":\"%s\",", what), *text = NULL;
	int r = fs_read(path, 1024 * MIB, &text, NULL, e);
	char *save = NULL;

	for (char *line = r < 0 ? NULL : strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		CLEANUP(str_free) struct str name = STR_INIT, why = STR_INIT;
		const char *p = str_starts(line, "{\"path\":\"") ? json_string(line + 9, &name) : NULL, *w;

		w = p && str_starts(p, mark) ? strstr(p, "],\"why\":\"") : NULL;
		if (!w || !json_string(w + 9, &why))
			continue;
		strv_add(ret_paths, str_cstr(&name));
		strv_add(ret_why, str_cstr(&why));
	}
	return r;
}
