/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * str.h - growing strings, lists of strings, numbers from text, escaping.
 *
 *   CLEANUP(str_free) struct str s = STR_INIT;
 *   str_addf(&s, "%d files", n);
 *   *ret = str_take(&s);                      the caller frees
 *
 * Nothing here fails: running out of memory ends the process (base.h). Parsers return 0 or -EINVAL/-ERANGE and say nothing.
 */
#ifndef RESCUE_STR_H
#define RESCUE_STR_H

#include "base.h"

struct str {
	char *s;                /* NUL-terminated when len > 0 or after str_cstr */
	size_t len, cap;
};

#define STR_INIT { NULL, 0, 0 }

void str_free(struct str *s);
void str_add(struct str *s, const char *text);
void str_addn(struct str *s, const void *data, size_t n);
void str_addc(struct str *s, char c);
void str_addf(struct str *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
const char *str_cstr(struct str *s);       /* never NULL */
char *str_take(struct str *s);             /* never NULL; the struct is empty afterwards */
void str_reset(struct str *s);             /* keeps the memory */

/* A list of strings, NULL-terminated so that it can be an argv. */
struct strv {
	char **v;
	size_t n;
};

#define STRV_INIT { NULL, 0 }

void strv_free(struct strv *l);
void strv_add(struct strv *l, const char *s);
void strv_addf(struct strv *l, const char *fmt, ...) PRINTF_LIKE(2, 3);
bool strv_has(const struct strv *l, const char *s);
void strv_sort(struct strv *l);                                              /* by bytes, as strcmp(3) does */
bool strv_has_sorted(const struct strv *l, const char *s);                   /* the same as strv_has() after strv_sort(), and quicker */
void strv_split(struct strv *l, const char *text, const char *separators);   /* empty fields are dropped */

/* Numbers: the whole text must be one. */
int str_to_u64(const char *s, uint64_t *ret);               /* decimal, or 0x hexadecimal */
int str_to_size(const char *s, uint64_t *ret);              /* bytes; suffixes K M G T (powers of 1024), KiB.., kB.. (1000) */
int str_to_seconds(const char *s, uint64_t *ret);           /* "90", "90s", "5m", "2h", "1d" */

bool str_is_utf8(const char *text);
/* JSON string body (without the quotes); bytes that are not UTF-8 become \u00XX with XX the byte. */
void str_add_json(struct str *s, const char *text);
/* Printable form of a file name: control bytes, backslash and invalid UTF-8 as \xNN. */
void str_add_printable(struct str *s, const char *text);
/* One field of a line: space, %, control and non-ASCII bytes as %XX. str_unescape undoes it in place, -EINVAL when malformed. */
void str_add_escaped(struct str *s, const char *text);
int str_unescape(char *text);
/* "1.5 GiB", "640 B". buf holds at least 16 bytes; returns buf. */
char *str_human_size(char *buf, size_t n, uint64_t bytes);
/* The word in `words` (NULL-terminated) nearest to `word` if it is near enough to be a slip of the finger, else NULL. */
const char *str_nearest(const char *word, const char *const *words);
/* A path without slashes at its ends and double ones; NULL: "." or ".." is in it. The caller frees. */
char *str_path(const char *path);
/* Removes white space at both ends, in place; returns the start. */
char *str_trim(char *s);

#endif
