/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Blocks, records, labels, attributes and stream decoding of a volume; then the whole engine, checking and listing without a target. */
#include <sys/mman.h>

#include "bac_restore.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(int fd)
{
	struct bac_vol v = BAC_VOL_INIT;
	struct bac_block b;
	struct bac_rec rec;
	struct err e = ERR_INIT;
	int r;

	if (bac_vol_open_fd(&v, dup(fd), "fuzz", 4096, &e) < 0)
		return;
	while ((r = bac_vol_next(&v, &b, &e)) > 0) {
		if (r == BAC_DAMAGE)
			continue;
		for (size_t pos = 0; bac_rec_next(&b, &pos, &rec) > 0;) {
			struct bac_vol_label vl;
			struct bac_sess_label sl;

			if (rec.fi == BAC_FI_VOL && bac_label_vol(&rec, &vl, &e) == 0)
				bac_label_vol_free(&vl);
			if (rec.fi < 0 && bac_label_sess(&rec, &sl) == 0)
				bac_label_sess_free(&sl);
		}
	}
	bac_vol_close(&v);
}

static void engine(const char *path, enum bac_mode mode)
{
	struct bac_index ix = { 0 };
	struct bac_plan plan = { 0 };
	struct bac_want w = { .incomplete = true };
	struct bac_opts o = { .mode = mode, .threads = 1 };
	struct bac_result res = { 0 };
	struct err e = ERR_INIT;

	if (bac_index_add(&ix, path, &e) == 0 && bac_index_scan(&ix, NULL, NULL, &e) == 0) {
		(void)bac_select_state(&ix, &w, &plan, &e);
		for (size_t i = 0; i < ix.n_sess && !plan.n; i++)
			bac_plan_add(&plan, &ix.sess[i]);
		if (bac_restore(&ix, &plan, &o, &res, &e) == 0)
			bac_result_free(&res);
	}
	bac_plan_free(&plan);
	bac_index_free(&ix);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	char path[64];

	if (fd < 0 || size > 65536 || write(fd, data, size) != (ssize_t)size) {
		close(fd);
		return 0;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	walk(fd);
	engine(path, BAC_VERIFY);
	engine(path, BAC_LIST);
	close(fd);
	return 0;
}
