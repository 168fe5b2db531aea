/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "boot_args.h"

#include <ctype.h>

struct word {
	const char *name;
	bool *flag;             /* "rescue.auto", or "rescue.auto=0" */
	char **text;            /* "rescue.plan=X": the last one counts */
};

static bool is_on(const char *value)
{
	return !value || !(str_eq(value, "0") || str_eq(value, "no") || str_eq(value, "off"));
}

/* A word that means nothing must not cost records: it is said, and they are kept where they are. */
static bool take_pstore(struct boot_args *a, const char *value)
{
	a->pstore = str_eq(value, "collect") ? BOOT_PSTORE_COLLECT : str_eq(value, "off") ? BOOT_PSTORE_OFF : BOOT_PSTORE_KEEP;
	return a->pstore != BOOT_PSTORE_KEEP || str_eq(value, "keep");
}

static void take_word(struct boot_args *a, char *word)
{
	char *value = strchr(word, '='), *wait = NULL, *pstore = NULL;
	const struct word words[] = {
		{ "rescue.auto", &a->automatic, NULL }, { "rescue.shell", &a->shell, NULL }, { "rescue.volatile", &a->volatile_state, NULL },
		{ "rescue.plan", NULL, &a->plan }, { "ip", NULL, &a->ip }, { "rescue.keymap", NULL, &a->keymap }, { "rescue.wait", NULL, &wait },
		{ "rescue.pstore", NULL, &pstore },
	};

	if (value)
		*value++ = 0;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (!str_eq(word, words[i].name))
			continue;
		if (words[i].flag) {
			*words[i].flag = is_on(value);
		} else if (value && *value) {
			free(*words[i].text);
			*words[i].text = xstrdup(value);
		}
		if (wait && (str_to_seconds(wait, &a->wait_s) < 0 || a->wait_s > 3600))
			a->wait_s = 20;
		if (pstore && !take_pstore(a, pstore))
			strv_addf(&a->unknown, "%s=%s", word, pstore);
		free(wait);
		free(pstore);
		return;
	}
	if (str_starts(word, "rescue."))
		strv_add(&a->unknown, word);
}

/* One word into buf: double quotes keep spaces and go away, as in the kernel's own parser. */
static const char *next_word(const char *s, struct str *out)
{
	bool quoted = false;

	str_reset(out);
	while (isspace((unsigned char)*s))
		s++;
	for (; *s && (quoted || !isspace((unsigned char)*s)); s++) {
		if (*s == '"')
			quoted = !quoted;
		else
			str_addc(out, *s);
	}
	return s;
}

void boot_args_parse(const char *cmdline, struct boot_args *ret)
{
	CLEANUP(str_free) struct str word = STR_INIT;

	*ret = (struct boot_args){ .wait_s = UINT64_MAX };
	while (*cmdline) {
		cmdline = next_word(cmdline, &word);
		if (word.len) {
			AUTO_FREE char *copy = xstrdup(str_cstr(&word));

			if (str_eq(copy, "--"))
				break;
			take_word(ret, copy);
		}
	}
	if (ret->wait_s == UINT64_MAX)
		ret->wait_s = ret->automatic ? 20 : 2;
}

void boot_args_free(struct boot_args *a)
{
	free(a->plan);
	free(a->ip);
	free(a->keymap);
	strv_free(&a->unknown);
	*a = (struct boot_args){ 0 };
}

/* ---- where the plan is ---- */

static int parse_label(const char *text, struct boot_plan *p, struct err *e)
{
	const char *colon = strstr(text, ":/");

	if (!colon || colon == text)
		return err_set(e, -EINVAL, "rescue.plan=LABEL=%s: expected LABEL=NAME:/path", text);
	p->kind = BOOT_PLAN_LABEL;
	p->label = xstrndup(text, (size_t)(colon - text));
	p->path = xstrdup(colon + 1);
	return 0;
}

static bool host_ok(const char *s)
{
	return *s && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") == strlen(s) && *s != '-';
}

static int parse_url(const char *url, struct boot_plan *p, struct err *e)
{
	bool tls = str_starts(url, "https://");
	const char *rest = url + (tls ? 8 : 7), *slash = strchr(rest, '/');
	AUTO_FREE char *host = slash ? xstrndup(rest, (size_t)(slash - rest)) : xstrdup(rest);
	char *colon = strchr(host, ':');
	uint64_t port = tls ? 443 : 80;

	if (colon)
		*colon++ = 0;
	if (!host_ok(host) || (colon && (str_to_u64(colon, &port) < 0 || port < 1 || port > 65535)))
		return err_set(e, -EINVAL, "rescue.plan=%s: no host name or port in the address", url);
	for (const char *c = slash ? slash : ""; *c; c++)
		if (*c <= ' ' || *c >= 127)
			return err_set(e, -EINVAL, "rescue.plan=%s: a byte that an address cannot have", url);
	p->kind = tls ? BOOT_PLAN_HTTPS : BOOT_PLAN_HTTP;
	p->host = TAKE_PTR(host);
	p->port = xasprintf("%llu", (unsigned long long)port);
	p->path = xstrdup(slash ? slash : "/");
	return 0;
}

int boot_plan_parse(const char *where, struct boot_plan *ret, struct err *e)
{
	*ret = (struct boot_plan){ 0 };
	if (!where || str_eq(where, "any"))
		return 0;
	if (str_eq(where, "builtin"))
		ret->kind = BOOT_PLAN_BUILTIN;
	else if (str_eq(where, "smbios"))
		ret->kind = BOOT_PLAN_SMBIOS;
	else if (str_eq(where, "fw_cfg"))
		ret->kind = BOOT_PLAN_FW_CFG;
	else if (str_starts(where, "LABEL="))
		return parse_label(where + 6, ret, e);
	else if (str_starts(where, "http://") || str_starts(where, "https://"))
		return parse_url(where, ret, e);
	else if (where[0] == '/')
		ret->kind = BOOT_PLAN_STATE;
	else
		return err_set(e, -EINVAL, "rescue.plan=%s: expected builtin, /path (on RESCUE-STATE), LABEL=NAME:/path, fw_cfg, smbios, http:// or https://",
			       where);
	if (ret->kind == BOOT_PLAN_STATE)
		ret->path = xstrdup(where);
	return 0;
}

void boot_plan_free(struct boot_plan *p)
{
	free(p->label);
	free(p->path);
	free(p->host);
	free(p->port);
	*p = (struct boot_plan){ 0 };
}

static bool next_line(const char **at, const char **ret, size_t *ret_n)
{
	const char *nl;

	if (!**at)
		return false;
	nl = strchr(*at, '\n');
	*ret = *at;
	*ret_n = nl ? (size_t)(nl - *at) : strlen(*at);
	*at += *ret_n + (nl ? 1 : 0);
	return true;
}

const char *boot_plan_finish(const char *text)
{
	const char *line;
	size_t n;

	while (next_line(&text, &line, &n)) {
		AUTO_FREE char *copy = xstrndup(line, n);
		char *value;

		if (!str_starts(copy, "finish:"))
			continue;
		copy[strcspn(copy, "#")] = 0;
		value = str_trim(copy + 7);
		value += strspn(value, "\"'");
		return str_starts(value, "reboot") ? "reboot" : str_starts(value, "poweroff") ? "poweroff" : "stay";
	}
	return "stay";
}

bool boot_plan_has(const char *text, const char *step)
{
	const char *line;
	size_t n;

	while (next_line(&text, &line, &n)) {
		AUTO_FREE char *copy = xstrndup(line, n);
		char *s = str_trim(copy);

		if (s[0] != '-')
			continue;
		s = str_trim(s + 1);
		s += strspn(s, "{ \"'");
		if (str_starts(s, step) && strchr(":\"' ", s[strlen(step)]))
			return true;
	}
	return false;
}
