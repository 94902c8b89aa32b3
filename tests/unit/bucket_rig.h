/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_TEST_BUCKET_RIG_H
#define TREADLE_TEST_BUCKET_RIG_H

#include "blobs_asked.h"

/* The place is a bucket, of helpers/s3_server. */
static inline int in_a_bucket(void **state)
{
	static const char *const flags[] = {
		"--blobs-bucket=things", "--blobs-prefix=test/one-",
		"--blobs-access-key=me",
		"--blobs-secret-key=s3cret/+=", "--blobs-region=eu-north-1"};
	struct rig *r = rig_new();
	char me[] = "me", key[] = "s3cret/+=", things[] = "things",
	     region[] = "eu-north-1";
	char *argv[] = {NULL, path_of(r, "objects"), things, me, key, region,
			NULL};

	server_start_as(&r->server, "s3_server", argv);
	snprintf(r->flag, sizeof(r->flag),
		 "--blobs-endpoint=http://127.0.0.1:%d/", r->server.port);
	memcpy(r->flags, flags, sizeof(flags));
	start(r, r->flag);
	*state = r;
	return 0;
}

#endif
