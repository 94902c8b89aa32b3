/* SPDX-License-Identifier: MIT */
#include "treadle/blob.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXT_8 '\xc7'
#define BYTES_MAX ((int64_t)1 << 40)
#define PATH_LEN_MAX 4096

/* --- references ---------------------------------------------------------- */

bool blob_name_is_valid(struct slice name)
{
	struct slice run = {name.data + 65, RUN_ID_LEN};

	if (name.len != BLOB_NAME_LEN || name.data[64] != '-' ||
	    !run_id_is_valid(run))
		return false;
	for (size_t i = 0; i < 64; i++)
		if (!strchr("0123456789abcdef", name.data[i]) || !name.data[i])
			return false;
	return true;
}

bool blob_parse(struct slice output, struct blob *b)
{
	struct slice text, name;

	if (output.len < 3 || output.data[0] != EXT_8 ||
	    (unsigned char)output.data[1] != output.len - 3 ||
	    output.data[2] != BLOB_TYPE)
		return false;
	text = (struct slice){output.data + 3, output.len - 3};
	name = slice_cut(&text, ' ');
	if (!blob_name_is_valid(name) ||
	    slice_int(text, 0, BYTES_MAX, &b->bytes) != 0)
		return false;
	memcpy(b->name, name.data, name.len);
	b->name[name.len] = '\0';
	return true;
}

void blob_print(const struct blob *b, struct buf *out)
{
	char text[BLOB_REFERENCE_MAX];
	int len =
		snprintf(text, sizeof(text), "%s %" PRId64, b->name, b->bytes);

	buf_addc(out, EXT_8);
	buf_addc(out, (char)len);
	buf_addc(out, BLOB_TYPE);
	buf_add(out, text, (size_t)len);
}

/* --- files --------------------------------------------------------------- */

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

static int verify(const struct blob *b, struct slice bytes, struct error *err)
{
	char hash[65];

	sha256_hex(bytes, hash);
	if ((int64_t)bytes.len == b->bytes && memcmp(hash, b->name, 64) == 0)
		return 0;
	return error_set(err, ERR_UNAVAILABLE,
			 "blob %s is damaged: it has %zu bytes, and other "
			 "content than its name says",
			 b->name, bytes.len);
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

int blob_read(const char *folder, const struct blob *b, struct buf *out,
	      struct error *err)
{
	char path[PATH_LEN_MAX];
	size_t before = out->len;
	int fd, result;

	if (!*folder)
		return error_set(err, ERR_UNAVAILABLE,
				 "%" PRId64 " bytes are in blob %s: set "
				 "blobs.folder to the folder that workers "
				 "share",
				 b->bytes, b->name);
	if (make_path(path, folder, b->name, b->name, err) != 0)
		return -1;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail(err, "open blob", path);
	result = read_all(fd, b, out, err);
	close(fd);
	if (result != 0)
		return -1;
	return verify(b, (struct slice){out->data + before, out->len - before},
		      err);
}

int blob_write(const char *folder, const struct blob *b, struct slice bytes,
	       struct error *err)
{
	int fd = enter(folder, b->name, err), result;
	struct buf back;

	if (fd < 0)
		return -1;
	result = replace(fd, b, bytes, err);
	close(fd);
	if (result != 0)
		return -1;
	buf_init(&back, bytes.len + 1);
	result = blob_read(folder, b, &back, err);
	buf_clear(&back);
	return result;
}

int blob_remove(const char *folder, struct slice name, struct error *err)
{
	char path[PATH_LEN_MAX], text[BLOB_NAME_LEN + 1];

	if (!blob_name_is_valid(name))
		return error_set(err, ERR_INPUT, "a blob has no such name");
	memcpy(text, name.data, name.len);
	text[name.len] = '\0';
	if (make_path(path, folder, text, text, err) != 0)
		return -1;
	if (unlink(path) != 0 && errno != ENOENT)
		return fail(err, "remove blob", path);
	return 0;
}
