/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "blobs_place.h"

/*
 * Blobs as files, in a folder that all workers share. All of it blocks, so
 * each call is done by a thread of libuv's.
 */
#define PATH_LEN_MAX 4096

static int fail(struct error *err, const char *what, const char *path)
{
	return error_set(err, ERR_UNAVAILABLE, "can't %s %s: %s", what, path,
			 strerror(errno));
}

/* The folder of a blob, or its file. */
static int make_path(char path[PATH_LEN_MAX], const char *folder,
		     const char *name, const char *suffix, struct error *err)
{
	int len = snprintf(path, PATH_LEN_MAX, "%s/%.2s/%.2s%s%s", folder, name,
			   name + 2, *suffix ? "/" : "", suffix);

	return len < PATH_LEN_MAX
		       ? 0
		       : error_set(err, ERR_UNAVAILABLE,
				   "the path of blobs.folder is too long");
}

/* Opens the folder of the blob, which is made if it is missing, or -1. */
static int enter(const char *folder, const char *name, struct error *err)
{
	const int flags = O_DIRECTORY | O_CLOEXEC | O_RDONLY;
	char path[PATH_LEN_MAX], *last;
	int fd;

	if (make_path(path, folder, name, "", err) != 0)
		return -1;
	fd = open(path, flags);
	if (fd >= 0 || errno != ENOENT)
		return fd >= 0 ? fd : fail(err, "open", path);
	last = strrchr(path, '/');
	*last = '\0';
	if (mkdir(path, 0777) != 0 && errno != EEXIST)
		return fail(err, "make", path);
	*last = '/';
	if (mkdir(path, 0777) != 0 && errno != EEXIST)
		return fail(err, "make", path);
	fd = open(path, flags);
	return fd >= 0 ? fd : fail(err, "open", path);
}

static int write_all(int fd, struct slice bytes)
{
	while (bytes.len) {
		ssize_t done = write(fd, bytes.data, bytes.len);

		if (done < 0 && errno != EINTR)
			return -1;
		if (done > 0) {
			bytes.data += done;
			bytes.len -= (size_t)done;
		}
	}
	return fsync(fd);
}

/* A new file in the open folder takes the place of the old one, if any. */
static int replace(int folder, const struct blob *b, struct slice bytes,
		   struct error *err)
{
	char temporary[BLOB_NAME_LEN + 32];
	int fd, result;

	snprintf(temporary, sizeof(temporary), ".%s.%016" PRIx64, b->name,
		 crypto_random_u64());
	fd = openat(folder, temporary,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (fd < 0)
		return fail(err, "make a file for blob", b->name);
	result = write_all(fd, bytes);
	if (result != 0)
		fail(err, "write blob", b->name);
	if (close(fd) != 0 && result == 0)
		result = fail(err, "close blob", b->name);
	if (result == 0 && renameat(folder, temporary, folder, b->name) != 0)
		result = fail(err, "name blob", b->name);
	if (result != 0)
		unlinkat(folder, temporary, 0);
	else if (fsync(folder) != 0)
		result = fail(err, "sync the folder of blob", b->name);
	return result;
}

static int read_all(int fd, const struct blob *b, struct buf *out,
		    struct error *err)
{
	size_t left = (size_t)b->bytes;
	char *room = buf_room(out, left + 1);

	if (!room)
		return error_set(err, ERR_UNAVAILABLE,
				 "blob %s has %" PRId64 " bytes, more than may "
				 "be read",
				 b->name, b->bytes);
	/* One more than there should be, to see that there are no more. */
	for (size_t at = 0; at <= left;) {
		ssize_t done = read(fd, room + at, left + 1 - at);

		if (done < 0 && errno != EINTR)
			return fail(err, "read blob", b->name);
		if (done == 0)
			break;
		if (done > 0) {
			at += (size_t)done;
			out->len += (size_t)done;
		}
	}
	out->data[out->len] = '\0'; /* the room may have been larger */
	return 0;
}

/* --- calls --------------------------------------------------------------- */

static int folder_get(const char *folder, const struct blob *b, struct buf *out,
		      struct error *err)
{
	char path[PATH_LEN_MAX];
	int fd, result;

	if (!*folder)
		return error_set(err, ERR_UNAVAILABLE,
				 "%" PRId64 " bytes are in blob %s: set "
				 "blobs.folder, or blobs.bucket, to the place "
				 "that workers share",
				 b->bytes, b->name);
	if (make_path(path, folder, b->name, b->name, err) != 0)
		return -1;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail(err, "open blob", path);
	result = read_all(fd, b, out, err);
	close(fd);
	return result;
}

/* A disk that has said well is asked once more. */
static int read_back(const char *folder, const struct blob *b,
		     struct error *err)
{
	struct buf back;
	int result;

	buf_init(&back, (size_t)b->bytes + 1);
	result = folder_get(folder, b, &back, err);
	if (result == 0)
		result = blob_verify(b, buf_slice(&back), err);
	buf_clear(&back);
	return result;
}

static int folder_put(const char *folder, const struct blob *b,
		      struct slice bytes, struct error *err)
{
	int fd = enter(folder, b->name, err), result;

	if (fd < 0)
		return -1;
	result = replace(fd, b, bytes, err);
	close(fd);
	return result == 0 ? read_back(folder, b, err) : -1;
}

/* Whether the file is the blob, or what a writer has left who died at it. */
static bool is_of(const char *file, const char *name)
{
	return strcmp(file, name) == 0 ||
	       (file[0] == '.' && strncmp(file + 1, name, strlen(name)) == 0);
}

static int folder_remove(const char *folder, const char *name,
			 struct error *err)
{
	char path[PATH_LEN_MAX];
	struct dirent *entry;
	int result = 0;
	DIR *dir;

	if (make_path(path, folder, name, "", err) != 0)
		return -1;
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? 0 : fail(err, "open", path);
	while ((entry = readdir(dir)))
		if (is_of(entry->d_name, name) &&
		    unlinkat(dirfd(dir), entry->d_name, 0) != 0 &&
		    errno != ENOENT)
			result = fail(err, "remove blob", name);
	closedir(dir);
	return result;
}

static int folder_try(const char *folder, struct error *err)
{
	int fd = open(folder, O_DIRECTORY | O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return fail(err, "open blobs.folder", folder);
	close(fd);
	return 0;
}

struct folder {
	uv_loop_t *loop;
	const char *path;
};

static void on_work(uv_work_t *work)
{
	struct blob_call *c = work->data;
	const char *path = ((const struct folder *)c->place)->path;

	switch (c->verb) {
	case BLOB_PUT:
		folder_put(path, &c->blob, c->bytes, &c->err);
		break;
	case BLOB_GET:
		folder_get(path, &c->blob, c->out, &c->err);
		break;
	case BLOB_REMOVE:
		folder_remove(path, c->blob.name, &c->err);
		break;
	case BLOB_TRY:
		folder_try(path, &c->err);
		break;
	}
}

static void on_worked(uv_work_t *work, int status)
{
	must(status == 0); /* nobody cancels it */
	blob_done(work->data);
}

static void folder_begin(struct blob_call *c)
{
	const struct folder *f = c->place;

	c->work.data = c;
	must(uv_queue_work(f->loop, &c->work, on_work, on_worked) == 0);
}

/* --- beginning and end --------------------------------------------------- */

static void *folder_open(uv_loop_t *loop, const struct config *config)
{
	struct folder *f = xcalloc(1, sizeof(*f));

	f->loop = loop;
	f->path = config->blobs.folder;
	return f;
}

/* What a thread has begun is soon over: blobs.c waits for it. */
static void folder_stop(void *place, void (*on_stopped)(void *arg), void *arg)
{
	(void)place;
	on_stopped(arg);
}

const struct blob_place place_folder = {
	.open = folder_open,
	.begin = folder_begin,
	.stop = folder_stop,
};
