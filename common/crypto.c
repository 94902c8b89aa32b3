/* SPDX-License-Identifier: MIT */
#include "treadle/crypto.h"

#include <stdlib.h>
#include <string.h>

#include <gcrypt.h>

#include "treadle/clock.h"

#define SHA256_LEN 32
#define RANDOM_POOL 512

/* Crockford's base 32: no i, l, o, u, so that ids survive being read out. */
static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";

/*
 * A run id in base 32: when, which, where. The random part begins below one
 * half, so that counting upwards within a millisecond never overflows.
 */
#define TIME_DIGITS 10
#define RANDOM_DIGITS 14
#define PARTITION_DIGITS 2

static void start(void)
{
	static bool is_started;

	if (is_started)
		return;
	must(gcry_check_version(GCRYPT_VERSION));
	gcry_control(GCRYCTL_DISABLE_SECMEM, 0);
	gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
	is_started = true;
}

/* Random bytes */

void crypto_random(void *bytes, size_t len)
{
	start();
	gcry_randomize(bytes, len, GCRY_STRONG_RANDOM);
}

uint64_t crypto_random_u64(void)
{
	static unsigned char pool[RANDOM_POOL];
	static size_t left;
	uint64_t n;

	if (left < sizeof(n)) {
		crypto_random(pool, sizeof(pool));
		left = sizeof(pool);
	}
	left -= sizeof(n);
	memcpy(&n, pool + left, sizeof(n));
	memset(pool + left, 0, sizeof(n));
	return n;
}

/* Ids */

static void put_digits(char *to, int count, uint64_t n)
{
	while (count--) {
		to[count] = alphabet[n & 31];
		n >>= 5;
	}
}

static int digit_value(char c)
{
	const char *found = c ? strchr(alphabet, c) : NULL;

	return found ? (int)(found - alphabet) : -1;
}

static uint64_t get_digits(const char *from, int count)
{
	uint64_t n = 0;

	for (int i = 0; i < count; i++) {
		int digit = digit_value(from[i]);

		must(digit >= 0);
		n = n << 5 | (uint64_t)digit;
	}
	return n;
}

/* The random part: drawn for a new millisecond, else one more than last. */
static void next_random(int64_t now_ms, char digits[RANDOM_DIGITS])
{
	static char last[RANDOM_DIGITS];
	static int64_t last_ms = -1;

	if (now_ms != last_ms) {
		put_digits(last, RANDOM_DIGITS - 12, crypto_random_u64());
		put_digits(last + 2, 12, crypto_random_u64());
		last[0] = alphabet[digit_value(last[0]) & 15];
		last_ms = now_ms;
	} else {
		int i = RANDOM_DIGITS - 1;

		while (last[i] == 'z')
			last[i--] = '0';
		last[i] = alphabet[digit_value(last[i]) + 1];
	}
	memcpy(digits, last, RANDOM_DIGITS);
}

void run_id_new(int partition, char id[RUN_ID_LEN + 1])
{
	int64_t now_ms = clock_wall_ms();

	must(partition >= 0 && partition < 1 << (5 * PARTITION_DIGITS));
	put_digits(id, TIME_DIGITS, (uint64_t)now_ms);
	next_random(now_ms, id + TIME_DIGITS);
	put_digits(id + TIME_DIGITS + RANDOM_DIGITS, PARTITION_DIGITS,
		   (uint64_t)partition);
	id[RUN_ID_LEN] = '\0';
}

bool run_id_is_valid(struct slice id)
{
	if (id.len != RUN_ID_LEN || id.data[0] > '7')
		return false;
	for (size_t i = 0; i < id.len; i++) {
		if (digit_value(id.data[i]) < 0)
			return false;
	}
	return true;
}

int run_id_partition(struct slice id)
{
	must(id.len == RUN_ID_LEN);
	return (int)get_digits(id.data + TIME_DIGITS + RANDOM_DIGITS,
			       PARTITION_DIGITS);
}

int64_t run_id_time_ms(struct slice id)
{
	must(id.len == RUN_ID_LEN);
	return (int64_t)get_digits(id.data, TIME_DIGITS);
}

void worker_id_new(char id[WORKER_ID_LEN + 1])
{
	put_digits(id, WORKER_ID_LEN, crypto_random_u64());
	id[WORKER_ID_LEN] = '\0';
}

/* Hashes */

/* `len` characters of hexadecimal, and a NUL. */
static void put_hex(char *to, const unsigned char *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i += 2) {
		to[i] = digits[bytes[i / 2] >> 4];
		to[i + 1] = digits[bytes[i / 2] & 15];
	}
	to[len] = '\0';
}

static void sha256(struct slice bytes, unsigned char hash[SHA256_LEN])
{
	start();
	gcry_md_hash_buffer(GCRY_MD_SHA256, hash, bytes.data, bytes.len);
}

void digest(struct slice bytes, char hex[DIGEST_LEN + 1])
{
	unsigned char hash[SHA256_LEN];

	sha256(bytes, hash);
	put_hex(hex, hash, DIGEST_LEN);
}

void sha256_hex(struct slice bytes, char hex[65])
{
	unsigned char hash[SHA256_LEN];

	sha256(bytes, hash);
	put_hex(hex, hash, 64);
}

struct sha256 {
	gcry_md_hd_t handle;
};

struct sha256 *sha256_new(void)
{
	struct sha256 *s = xmalloc(sizeof(*s));

	start();
	must_afford(gcry_md_open(&s->handle, GCRY_MD_SHA256, 0) == 0);
	return s;
}

void sha256_add(struct sha256 *s, const void *bytes, size_t len)
{
	gcry_md_write(s->handle, bytes, len);
}

void sha256_finish(struct sha256 *s, char hex[65])
{
	if (hex)
		put_hex(hex, gcry_md_read(s->handle, GCRY_MD_SHA256), 64);
	gcry_md_close(s->handle);
	free(s);
}
