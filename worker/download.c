/* SPDX-License-Identifier: MIT */
#include "download.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "treadle/crypto.h"

#define AHEAD_MAX (256 << 10) /* taken, and not yet written */
#define NAME_MAX_LEN 255

struct download {
	uv_work_t work; /* uses what is below, while is_working */
	const char *base;
	char *path;       /* below base */
	const char *name; /* the last part of path */
	char temporary[64];
	int folder, fd; /* -1 until they are open */
	struct buf writing;
	struct sha256 *hash;
	int64_t size;
	struct error err;
	bool has_failed;
	bool is_ending, is_kept; /* read when no work was under way */

	uv_loop_t *loop;
	struct buf ahead; /* for the next piece of work */
	bool is_working, is_refused, is_broken, is_end_wished;
	bool is_end_kept;
	void (*on_room)(void *arg);
	download_fn *on_end;
	void *arg;
};

/* In the thread pool */

static int fail(struct download *d, const char *what)
{
	d->has_failed = true;
	return error_set(&d->err, ERR_SYSTEM, "cannot %s %s: %s", what, d->path,
			 strerror(errno));
}

/* One part of the path: entered, made if it is missing, never a link. */
static int enter(int folder, const char *part)
{
	const int flags = O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_RDONLY;
	int next = openat(folder, part, flags);

	if (next < 0 && errno == ENOENT &&
	    (mkdirat(folder, part, 0777) == 0 || errno == EEXIST))
		next = openat(folder, part, flags);
	return next;
}

static int open_folder(struct download *d)
{
	char *parts = xmemdup(d->path, (size_t)(d->name - d->path));
	char *save = NULL;

	d->folder = open(*d->base ? d->base : ".",
			 O_DIRECTORY | O_CLOEXEC | O_RDONLY);
	for (char *part = strtok_r(parts, "/", &save); part && d->folder >= 0;
	     part = strtok_r(NULL, "/", &save)) {
		int next = enter(d->folder, part);
		int why = errno;

		close(d->folder);
		d->folder = next;
		errno = why;
	}
	free(parts);
	return d->folder < 0 ? fail(d, "open the folder of") : 0;
}

static int open_file(struct download *d)
{
	if (d->fd >= 0)
		return 0;
	if (open_folder(d) < 0)
		return -1;
	d->fd = openat(d->folder, d->temporary,
		       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		       0666);
	return d->fd < 0 ? fail(d, "create a file for") : 0;
}

static int write_piece(struct download *d)
{
	struct slice rest = buf_slice(&d->writing);

	sha256_add(d->hash, rest.data, rest.len);
	d->size += (int64_t)rest.len;
	while (rest.len) {
		ssize_t done = write(d->fd, rest.data, rest.len);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return fail(d, "write");
		rest.data += done;
		rest.len -= (size_t)done;
	}
	return 0;
}

static int keep(struct download *d)
{
	if (fsync(d->fd) < 0)
		return fail(d, "sync");
	if (renameat(d->folder, d->temporary, d->folder, d->name) < 0)
		return fail(d, "put in its place");
	d->temporary[0] = '\0';
	/* The rename itself is on the disk once the folder is. */
	if (fsync(d->folder) < 0)
		return fail(d, "sync the folder of");
	return 0;
}

static void close_files(struct download *d)
{
	if (d->fd >= 0 && d->temporary[0])
		unlinkat(d->folder, d->temporary, 0);
	if (d->fd >= 0)
		close(d->fd);
	if (d->folder >= 0)
		close(d->folder);
}

static void on_work(uv_work_t *work)
{
	struct download *d = work->data;
	bool is_wanted = !d->is_ending || d->is_kept;

	if (is_wanted && !d->has_failed && open_file(d) == 0 &&
	    write_piece(d) == 0 && d->is_ending)
		keep(d);
	if (d->is_ending)
		close_files(d);
}

/* On the loop */

static void begin_work(struct download *d);

static void finish(struct download *d)
{
	struct download_file file = {.size = d->size};
	download_fn *on_end = d->on_end;

	sha256_finish(d->hash, file.sha256);
	buf_clear(&d->writing);
	buf_clear(&d->ahead);
	on_end(d->arg, d->is_kept && !d->has_failed ? &file : NULL,
	       d->is_kept && d->has_failed ? &d->err : NULL);
	free(d->path);
	free(d);
}

static void on_worked(uv_work_t *work, int status)
{
	struct download *d = work->data;

	must(status == 0); /* nobody cancels it */
	d->is_working = false;
	d->is_broken = d->has_failed;
	if (d->is_ending) {
		finish(d);
		return;
	}
	if (d->ahead.len || d->is_end_wished)
		begin_work(d);
	if (d->is_refused) {
		d->is_refused = false;
		d->on_room(d->arg);
	}
}

static void begin_work(struct download *d)
{
	struct buf empty = d->writing;

	buf_reset(&empty);
	d->writing = d->ahead;
	d->ahead = empty;
	d->is_ending = d->is_end_wished;
	d->is_kept = d->is_end_kept;
	d->is_working = true;
	d->work.data = d;
	must(uv_queue_work(d->loop, &d->work, on_work, on_worked) == 0);
}

enum download_flow download_write(struct download *d, struct slice bytes)
{
	must(!d->is_end_wished && bytes.len <= AHEAD_MAX);
	if (d->is_broken)
		return DOWNLOAD_BROKEN;
	if (buf_add(&d->ahead, bytes.data, bytes.len) < 0) {
		d->ahead.is_full = false;
		d->is_refused = true;
		return DOWNLOAD_FULL;
	}
	if (!d->is_working)
		begin_work(d);
	return DOWNLOAD_TAKEN;
}

void download_end(struct download *d, bool is_kept, download_fn *on_end)
{
	must(!d->is_end_wished);
	d->is_end_wished = true;
	d->is_end_kept = is_kept;
	d->on_end = on_end;
	if (!d->is_working)
		begin_work(d);
}

/* Beginning */

/* What is below base, or NULL. */
static const char *below(const char *base, const char *path)
{
	size_t len = strlen(base);

	if (*path != '/')
		return path;
	while (len > 1 && base[len - 1] == '/')
		len--;
	if (!len || strncmp(path, base, len) != 0 || path[len] != '/')
		return NULL;
	return path + len + strspn(path + len, "/");
}

static int check_path(const char *path, struct error *err)
{
	struct slice rest = slice_of(path);

	while (rest.len) {
		struct slice part = slice_cut(&rest, '/');

		if (slice_is(part, ".."))
			return error_set(err, ERR_INPUT,
					 "download: the path must not hold "
					 "\"..\"");
		if (part.len > NAME_MAX_LEN)
			return error_set(err, ERR_INPUT,
					 "download: a name is longer than %d "
					 "bytes",
					 NAME_MAX_LEN);
	}
	return 0;
}

struct download *download_new(uv_loop_t *loop, const char *base,
			      const char *path, void (*on_room)(void *arg),
			      void *arg, struct error *err)
{
	const char *inside = below(base, path);
	const char *slash = inside ? strrchr(inside, '/') : NULL;
	const char *name = slash ? slash + 1 : inside;
	struct download *d;

	if (!inside) {
		error_set(err, ERR_INPUT,
			  "download: the path must be relative, or below "
			  "worker.directory");
		return NULL;
	}
	if (check_path(inside, err) < 0)
		return NULL;
	if (!*name || strcmp(name, ".") == 0) {
		error_set(err, ERR_INPUT, "download: the path names no file");
		return NULL;
	}
	d = xcalloc(1, sizeof(*d));
	d->loop = loop;
	d->base = base;
	d->path = xstrdup(inside);
	d->name = d->path + (name - inside);
	d->folder = d->fd = -1;
	snprintf(d->temporary, sizeof(d->temporary),
		 ".treadle-%016" PRIx64 ".part", crypto_random_u64());
	d->hash = sha256_new();
	d->on_room = on_room;
	d->arg = arg;
	buf_init(&d->writing, AHEAD_MAX);
	buf_init(&d->ahead, AHEAD_MAX);
	return d;
}
