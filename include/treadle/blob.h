/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_BLOB_H
#define TREADLE_BLOB_H

#include "treadle/crypto.h"
#include "treadle/text.h"

/*
 * Big values: outputs that are kept in files, and the references to them.
 *
 * A blob is named by what is in it, and by the run that held it first: the
 * SHA-256, a hyphen, the run. So equal outputs of many runs are one file as
 * long as any of these runs is there; and once they are gone that name never
 * comes again: whoever deletes it late deletes nothing that is needed.
 *
 * A reference stands where an output would, as a msgpack extension of type
 * BLOB_TYPE: "<name> <bytes>". What handlers yield is never written as an
 * extension, so nothing that they say can pass for a reference.
 *
 * In the folder a blob is <2 characters>/<2 characters>/<name>. All functions
 * that touch it block: in a program with a loop they belong into its threads.
 */
#define BLOB_TYPE 'T'
#define BLOB_NAME_LEN (64 + 1 + RUN_ID_LEN)
#define BLOB_REFERENCE_MAX 160

struct blob {
	char name[BLOB_NAME_LEN + 1];
	int64_t bytes;
};

bool blob_name_is_valid(struct slice name);

/* Whether an output as Redis keeps it is a reference; fills *b if so. */
bool blob_parse(struct slice output, struct blob *b);
void blob_print(const struct blob *b, struct buf *out);

/*
 * The file appears all at once, synced, and is read back. One that is there
 * is replaced: it may be damaged. Errors: UNAVAILABLE.
 */
int blob_write(const char *folder, const struct blob *b, struct slice bytes,
	       struct error *err);
/* Appends what is in it, if it is whole: UNAVAILABLE, whatever is wrong. */
int blob_read(const char *folder, const struct blob *b, struct buf *out,
	      struct error *err);
/* Gone is gone: 0 where there is none. */
int blob_remove(const char *folder, struct slice name, struct error *err);

#endif
