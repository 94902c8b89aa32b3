/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_TEST_BLOBS_RIG_H
#define TREADLE_TEST_BLOBS_RIG_H

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "http_server.h"
#include "treadle/blobs.h"

/* A place of blobs in a home of its own, and what one asks of it. */
#define RUN "01k00000000000000000000100"

struct rig {
	char home[64], path[256], flag[128];
	uv_loop_t loop;
	struct config *config;
	const char *flags[16]; /* NULL at the end */
	struct blobs *blobs;
	struct server server; /* pid 0: there is none */
	struct blob blob;
	struct buf out;
	int dones;
	bool is_stopped;
	struct error err;
};

static inline struct blob blob_of(struct slice bytes)
{
	struct blob b = {.bytes = (int64_t)bytes.len};

	sha256_hex(bytes, b.name);
	memcpy(b.name + 64, "-" RUN, sizeof("-" RUN));
	return b;
}

static inline void on_stopped(void *arg)
{
	*(bool *)arg = true;
}

static inline void stop(struct rig *r)
{
	r->is_stopped = false;
	blobs_stop(r->blobs, on_stopped, &r->is_stopped);
	assert_false(r->is_stopped);
	uv_run(&r->loop, UV_RUN_DEFAULT);
	assert_true(r->is_stopped);
}

static inline struct config *config_of(const char *const *flags)
{
	struct config *config;
	struct error err;
	char *argv[32];
	int argc = 0;

	while (flags[argc]) {
		argv[argc] = (char *)flags[argc];
		argc++;
	}
	must(config_load(CONFIG_WORKER, &argc, argv, &config, &err) == 0);
	must(argc == 0);
	return config;
}

/* Once more, with one more flag, which counts more than those before. */
static inline void start(struct rig *r, const char *flag)
{
	size_t count = 0;

	while (r->flags[count])
		count++;
	must(count + 1 < countof(r->flags));
	r->flags[count] = flag;
	if (r->blobs)
		stop(r);
	config_free(r->config);
	r->config = config_of(r->flags);
	assert_int_equal(blobs_check(r->config, &r->err), 0);
	r->blobs = blobs_new(&r->loop, r->config);
}

static inline char *path_of(struct rig *r, const char *name)
{
	snprintf(r->path, sizeof(r->path), "%s/%s", r->home, name);
	return r->path;
}

static inline void write_file(struct rig *r, const char *name, const char *text)
{
	FILE *file = fopen(path_of(r, name), "w");

	must(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static inline struct rig *rig_new(void)
{
	struct rig *r = xcalloc(1, sizeof(*r));

	snprintf(r->home, sizeof(r->home), "/tmp/treadle-blobs.XXXXXX");
	must(mkdtemp(r->home) && uv_loop_init(&r->loop) == 0);
	must(mkdir(path_of(r, "objects"), 0777) == 0);
	r->blob = blob_of(SLICE("content"));
	buf_init(&r->out, 1024);
	return r;
}

static inline int on_file(const char *path, const struct stat *file, int type,
			  struct FTW *at)
{
	(void)file;
	(void)type;
	(void)at;
	return remove(path);
}

static inline int tear_down(void **state)
{
	struct rig *r = *state;

	stop(r);
	must(uv_loop_close(&r->loop) == 0);
	if (r->server.pid)
		assert_int_equal(server_stop(&r->server), 0);
	must(nftw(r->home, on_file, 8, FTW_DEPTH | FTW_PHYS) == 0);
	config_free(r->config);
	buf_clear(&r->out);
	free(r);
	return 0;
}

#endif
