/* SPDX-License-Identifier: MIT */
/*
 * Loaded into redis-server (LD_PRELOAD): a disk that can lose its power, or
 * be full.
 *
 * TREADLE_DISK names a file. Its text is the size that the append-only file
 * had when it was last synced, which is what is left of it after a power cut;
 * while a file of that name with ".full" behind it exists, nothing more can
 * be written to an append-only file, though half of it may be.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static char full[512];
static int size_file = -1;

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("TREADLE_DISK");

	if (!path)
		return;
	snprintf(full, sizeof(full), "%s.full", path);
	size_file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

static int is_log(int fd)
{
	static const char end[] = ".incr.aof";
	char link[64], path[512];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path));
	return len > (ssize_t)sizeof(end) && len < (ssize_t)sizeof(path) &&
	       !memcmp(path + len - (sizeof(end) - 1), end, sizeof(end) - 1);
}

/* What was written before the sync began is safe after it; fixed width. */
static int sync_with(long call, int fd)
{
	struct stat st;
	char text[32];
	int is_noted = size_file >= 0 && is_log(fd) && fstat(fd, &st) == 0;
	int status = (int)syscall(call, fd);

	if (status == 0 && is_noted) {
		snprintf(text, sizeof(text), "%020lld\n",
			 (long long)st.st_size);
		if (pwrite(size_file, text, 21, 0) != 21)
			abort();
	}
	return status;
}

int fdatasync(int fd)
{
	return sync_with(SYS_fdatasync, fd);
}

int fsync(int fd)
{
	return sync_with(SYS_fsync, fd);
}

ssize_t write(int fd, const void *bytes, size_t len)
{
	if (len < 2 || access(full, F_OK) != 0 || !is_log(fd))
		return syscall(SYS_write, fd, bytes, len);
	if (len > 64)
		return syscall(SYS_write, fd, bytes, len / 2);
	errno = ENOSPC;
	return -1;
}
