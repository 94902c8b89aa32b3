/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_CRYPTO_H
#define TREADLE_CRYPTO_H

#include "treadle/base.h"
#include "treadle/text.h"

/*
 * Random bytes, hashes and ids, by libgcrypt (started at the first use).
 *
 * A run id is a ULID in lower-case Crockford base 32: 48 bits of wall clock
 * milliseconds, then 70 random bits, then two characters that name the
 * partition. Ids made by one process within one millisecond count upwards.
 */
#define RUN_ID_LEN 26
#define DIGEST_LEN 40 /* the first 160 bits of SHA-256, in hexadecimal */

void crypto_random(void *bytes, size_t len);
uint64_t crypto_random_u64(void);

void run_id_new(int partition, char id[RUN_ID_LEN + 1]);
bool run_id_is_valid(struct slice id);
int run_id_partition(struct slice id); /* must be valid */
int64_t run_id_time_ms(struct slice id);

/* A worker's or coordinator's id: 8 random characters of base 32. */
#define WORKER_ID_LEN 8
void worker_id_new(char id[WORKER_ID_LEN + 1]);

void digest(struct slice bytes, char hex[DIGEST_LEN + 1]);
void sha256_hex(struct slice bytes, char hex[65]);

/* SHA-256 of what comes in pieces. finish frees it; hex may be NULL. */
struct sha256;
struct sha256 *sha256_new(void);
void sha256_add(struct sha256 *s, const void *bytes, size_t len);
void sha256_finish(struct sha256 *s, char hex[65]);

#endif
