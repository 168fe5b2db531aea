/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bootstrap files, attributes records, ACL texts, one stream record, a File Daemon's and a Storage Daemon's configuration, a Director's list
 * of jobs: the first byte chooses.
 */
#include "bac_earlier.h"
#include "bac_engine.h"
#include "bac_fd.h"
#include "bac_sd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void bsr(const char *text, size_t n)
{
	struct bac_index ix = { 0 };
	struct bac_plan plan = { 0 };
	struct err e = ERR_INIT;

	(void)bac_bsr_plan(&ix, text, n, "fuzz", &plan, &e);
	bac_plan_free(&plan);
	bac_index_free(&ix);
}

static void jobs(const char *text)
{
	uint64_t ids[4];
	size_t n = bac_earlier_find(text, "rescue 1", ids, 4);

	if (n > 4)
		abort();
	for (size_t i = 0; i < n; i++)
		if (!ids[i])
			abort();
}

static void text(int kind, char *s, size_t n)
{
	CLEANUP(str_free) struct str out = STR_INIT;
	struct err e = ERR_INIT;
	struct bac_attr a;
	char name[64];

	switch (kind) {
	case 'b':
		bsr(s, n);
		break;
	case 'a':
		(void)bac_attr_parse(s, n, &a);
		break;
	case 'l':
		(void)bac_acl_needs_names(s);
		(void)bac_acl_parse(s, NULL, &out, name, sizeof(name));
		break;
	case 'f':
		(void)bac_fd_config(s, "/run/x", 'r', &out, &e);
		break;
	case 'd':
		free(bac_sd_device_of(s, "/backup/volumes"));
		(void)bac_sd_no_changer_in(s, "/dev/sg0", &e);
		break;
	case 'j':
		jobs(s);
		break;
	case 's':
		(void)bac_sign_hash((uint8_t *)s, n);
		break;
	default:
		(void)bac_stream_decode(kind == 'g' ? BAC_GZIP : BAC_TAGGED, (uint8_t *)s, n, &out, &e);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy;

	if (size < 1 || size > 65536)
		return 0;
	copy = xstrndup((const char *)data + 1, 0);
	copy = xrealloc(copy, size);
	memcpy(copy, data + 1, size - 1);
	copy[size - 1] = '\0';
	text(data[0], copy, size - 1);
	free(copy);
	return 0;
}
