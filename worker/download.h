/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_DOWNLOAD_H
#define TREADLE_DOWNLOAD_H

#include <uv.h>

#include "treadle/text.h"

/*
 * A file that appears all at once.
 *
 * The bytes go to a new file beside the wanted one, which is synced and then
 * renamed over it; whoever looks sees the old file or the whole new one. All
 * that touches the disk, and the hash, is done in libuv's thread pool, one
 * piece after the other.
 *
 * The path stays below a folder: not absolute (but for one that begins with
 * the folder itself), no "..", and no symbolic link on the way. Folders that
 * are missing are made.
 */
struct download;

struct download_file {
	int64_t size;
	char sha256[65];
};

/*
 * base: the folder, "" for where we are. Borrows loop, base and path. Touches
 * nothing yet; an error is about the text of the path. on_room comes after
 * download_write() had no room, when it has.
 */
struct download *download_new(uv_loop_t *loop, const char *base,
			      const char *path, void (*on_room)(void *arg),
			      void *arg, struct error *err);

enum download_flow {
	DOWNLOAD_TAKEN,
	DOWNLOAD_FULL,   /* nothing was taken; on_room comes */
	DOWNLOAD_BROKEN, /* no use to go on; download_end() tells why */
};
/* Copies. */
enum download_flow download_write(struct download *d, struct slice bytes);

/*
 * The last call: puts the file in its place, or removes it. on_end comes
 * once, later, with the file or with an error (also one of before); is NULL
 * for both where the file was not kept. d is gone when it returns.
 */
typedef void download_fn(void *arg, const struct download_file *file,
			 const struct error *err);
void download_end(struct download *d, bool is_kept, download_fn *on_end);

#endif
