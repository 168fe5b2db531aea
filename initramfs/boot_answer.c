/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bytes that firmware, a web server, a disk or a crashed kernel gave us. */
#include "boot_args.h"

static int base64_digit(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *p = c ? strchr(digits, c) : NULL;

	return p ? (int)(p - digits) : -1;
}

static int decode_base64(const char *s, size_t n, char **ret, size_t *ret_len, struct err *e)
{
	CLEANUP(str_free) struct str out = STR_INIT;
	uint32_t bits = 0;
	int have = 0;

	for (size_t i = 0; i < n && s[i] != '='; i++) {
		int v = base64_digit(s[i]);

		if (v < 0)
			return err_set(e, -EBADMSG, "byte %zu of the SMBIOS string is not base64", i + 1);
		bits = bits << 6 | (uint32_t)v;
		have += 6;
		if (have >= 8) {
			have -= 8;
			str_addc(&out, (char)(bits >> have & 0xff));
		}
	}
	*ret_len = out.len;
	*ret = str_take(&out);
	return 0;
}

int boot_smbios(const uint8_t *d, size_t n, const char *prefix, char **ret, size_t *ret_len, struct err *e)
{
	size_t at;

	if (n < 5 || d[0] != 11 || d[1] < 5 || d[1] > n)
		return err_set(e, -EBADMSG, "SMBIOS structure of the OEM strings is damaged");
	for (at = d[1]; at < n && d[at];) {
		const char *s = (const char *)d + at;
		size_t len = strnlen(s, n - at), skip = strlen(prefix);

		if (at + len == n)
			return err_set(e, -EBADMSG, "SMBIOS string without an end");
		if (len > skip && strncmp(s, prefix, skip) == 0)
			return decode_base64(s + skip, len - skip, ret, ret_len, e);
		at += len + 1;
	}
	return err_set(e, -ENOENT, "no OEM string of the SMBIOS starts with '%s'", prefix);
}

/* A plan that was cut off on its way must not be run: half a plan may well parse. */
static int check_length(const char *headers, size_t n, size_t body, struct err *e)
{
	AUTO_FREE char *text = xstrndup(headers, n);
	char *at = strcasestr(text, "\ncontent-length:");
	uint64_t want;

	if (!at)
		return 0;
	at += strlen("\ncontent-length:");
	at[strcspn(at, "\r\n")] = 0;
	at = str_trim(at);
	if (str_to_u64(at, &want) < 0 || want > body)
		return err_set(e, -EBADMSG, "the server's answer is cut off: %zu bytes came, it announced %s", body, at);
	return 0;
}

int boot_http_body(const char *d, size_t n, const char **ret, size_t *ret_len, struct err *e)
{
	const char *nl = memchr(d, '\n', n), *body;
	size_t line = nl ? (size_t)(nl - d) : n;

	while (line && (d[line - 1] == '\r' || d[line - 1] == '\n'))
		line--;
	if (!nl || n < 12 || memcmp(d, "HTTP/1.", 7) != 0)
		return err_set(e, -EBADMSG, n ? "the server's answer is not HTTP" : "the server gave no answer");
	if (memcmp(d + 8, " 200", 4) != 0)
		return err_set(e, -EBADMSG, "the server answered '%.*s'", (int)(line < 80 ? line : 80), d);
	body = memmem(d, n, "\r\n\r\n", 4);
	if (!body)
		return err_set(e, -EBADMSG, "the server's answer ends in its headers");
	*ret = body + 4;
	*ret_len = n - (size_t)(*ret - d);
	return check_length(d, (size_t)(body - d), *ret_len, e);
}

const char *boot_ext_label(const uint8_t *d, size_t n, char buf[17])
{
	if (n < 2048 || d[1024 + 56] != 0x53 || d[1024 + 57] != 0xef)
		return NULL;
	memcpy(buf, d + 1024 + 120, 16);
	buf[16] = 0;
	return buf;
}

static void add_crash(const char *line, size_t n, const char *hint, struct strv *ret)
{
	CLEANUP(str_free) struct str s = STR_INIT;

	str_add(&s, "this machine crashed: ");
	for (size_t i = 0; i < n; i++)
		str_addc(&s, line[i] >= ' ' && line[i] <= '~' ? line[i] : '?');
	str_addf(&s, " (%s)", hint);
	strv_add(ret, str_cstr(&s));
}

bool boot_crash_findings(const char *list, const char *hint, struct strv *ret)
{
	bool waiting = false, any = false;

	for (const char *s = list, *next; *s; s = next) {
		size_t n = strcspn(s, "\n");

		next = s + n + (s[n] == '\n');
		if (waiting && str_starts(s, "  ") && !str_starts(s, "  not a crash: "))
			add_crash(s + 2, n - 2, hint, ret);
		waiting = str_starts(s, "(not collected yet)");
		any |= waiting;
	}
	return any;
}
