/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * base.h - what every other header may use: sizes, ownership by scope, moves.
 *
 *   AUTO_FREE char *s = strdup("x");     freed at the end of the scope
 *   AUTO_CLOSE int fd = open(...);       closed at the end of the scope when >= 0
 *   *ret = TAKE_PTR(s);                  hands the pointer on; the scope frees nothing
 */
#ifndef RESCUE_BASE_H
#define RESCUE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#define MUST_CHECK __attribute__((warn_unused_result))
#define UNUSED __attribute__((unused))
#define CLEANUP(f) __attribute__((cleanup(f)))

#define KIB 1024ULL
#define MIB (1024ULL * KIB)
#define GIB (1024ULL * MIB)

static inline void base_free(void *p)
{
	free(*(void **)p);
}

static inline void base_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void base_fclose(FILE **f)
{
	if (*f)
		fclose(*f);
}

#define AUTO_FREE CLEANUP(base_free)
#define AUTO_CLOSE CLEANUP(base_close)
#define AUTO_FCLOSE CLEANUP(base_fclose)

#define TAKE_PTR(p) __extension__({ \
	__typeof__(p) *pp_ = &(p); \
	__typeof__(p) v_ = *pp_; \
	*pp_ = NULL; \
	v_; })

static inline int take_fd(int *fd)
{
	int v = *fd;

	*fd = -1;
	return v;
}

static inline bool str_eq(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

static inline bool str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

static inline bool str_ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && str_eq(s + n - m, suffix);
}

/* Allocation that does not come back with NULL: out of memory ends the process with a sentence. */
void *xmalloc(size_t n);
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t n);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);
char *xasprintf(const char *fmt, ...) PRINTF_LIKE(1, 2);

#endif
