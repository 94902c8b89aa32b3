/* SPDX-License-Identifier: MIT */
#include "connection.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../common/resp.h"

#define PATIENCE_MS 60000
#define LINE_MAX_BYTES 256
#define GATHERED_MAX ((size_t)256 << 20)

_Noreturn static void die(const char *what, const char *why)
{
	fprintf(stderr, "simulator: %s: %s\n", what, why);
	exit(70);
}

/* --- the server -----------------------------------------------------------
 */

static void exec_server(const struct connection *c, pid_t parent)
{
	const char *server = getenv("REDIS_SERVER");
	char databases[16];
	int log = open("redis.log", O_WRONLY | O_CREAT | O_APPEND, 0600);

	snprintf(databases, sizeof(databases), "%d", c->databases);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	if (log < 0 || dup2(log, STDOUT_FILENO) < 0)
		_exit(1);
	execlp(server ? server : "redis-server", "redis-server", "--port", "0",
	       "--unixsocket", c->socket, "--dir", c->folder, "--appendonly",
	       "yes", "--appendfsync", "always", "--save", "", "--databases",
	       databases, "--enable-debug-command", "yes",
	       "--stream-node-max-entries", "16", "--auto-aof-rewrite-min-size",
	       "2mb", "--latency-tracking", "no", "--slowlog-log-slower-than",
	       "-1", "--loglevel", "warning", (char *)NULL);
	_exit(127);
}

static void pause_ms(long ms)
{
	struct timespec time = {.tv_nsec = ms * 1000000};

	nanosleep(&time, NULL);
}

static void disconnect(struct connection *c)
{
	resp_reader_free(c->reader);
	c->reader = NULL;
	close(c->fd);
}

static bool is_answering(struct connection *c)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};

	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		die("socket", strerror(errno));
	memcpy(to.sun_path, c->socket, strlen(c->socket) + 1);
	if (connect(c->fd, (struct sockaddr *)&to, sizeof(to)) == 0) {
		c->reader = resp_reader_new();
		if (connection_ask(c, "PING")->type == REPLY_STATUS)
			return true;
	}
	disconnect(c);
	return false;
}

static void start(struct connection *c)
{
	pid_t parent = getpid();

	c->pid = fork();
	if (c->pid < 0)
		die("fork", "no process");
	if (c->pid == 0) {
		if (chdir(c->folder) == 0)
			exec_server(c, parent);
		_exit(127);
	}
	for (int waited = 0; !is_answering(c); waited += 5) {
		if (waited > PATIENCE_MS || waitpid(c->pid, NULL, WNOHANG) > 0)
			die("redis-server", "did not start; its log is "
					    "redis.log in its folder");
		pause_ms(5);
	}
}

static void end(struct connection *c)
{
	disconnect(c);
	kill(c->pid, SIGKILL);
	waitpid(c->pid, NULL, 0);
}

void connection_open(struct connection *c, char *library, size_t len,
		     int databases)
{
	const char *tmp = getenv("TMPDIR");
	const struct reply *reply;

	/* What kill -9 leaves is the same there, and fsync costs nothing. */
	if (!tmp && access("/dev/shm", W_OK) == 0)
		tmp = "/dev/shm";
	*c = (struct connection){
		.library = library, .library_len = len, .databases = databases};
	snprintf(c->folder, sizeof(c->folder), "%.40s/simulator.XXXXXX",
		 tmp ? tmp : "/tmp");
	if (!mkdtemp(c->folder))
		die(c->folder, "can't be made");
	snprintf(c->socket, sizeof(c->socket), "%s/redis.sock", c->folder);
	buf_init(&c->gathered, GATHERED_MAX);
	command_init(&c->command, "");
	start(c);
	connection_load(c);
	connection_flush(c);
	reply = connection_read(c);
	if (reply_is_error(reply))
		die("the library can't be loaded", reply_text(reply));
}

static int remove_one(const char *path, const struct stat *about, int type,
		      struct FTW *where)
{
	(void)about;
	(void)type;
	(void)where;
	return remove(path);
}

void connection_close(struct connection *c)
{
	end(c);
	buf_clear(&c->gathered);
	command_clear(&c->command);
	nftw(c->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

void connection_restart(struct connection *c)
{
	end(c);
	start(c);
	c->restarts++;
}

/* --- saying and hearing ---------------------------------------------------
 */

struct command *connection_begin(struct connection *c, const char *name)
{
	buf_reset(&c->command.body);
	c->command.count = 0;
	command_text(&c->command, name);
	return &c->command;
}

void command_addf(struct command *c, const char *fmt, ...)
{
	char text[LINE_MAX_BYTES];
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	must(len >= 0 && (size_t)len < sizeof(text));
	command_slice(c, (struct slice){text, (size_t)len});
}

void connection_send(struct connection *c)
{
	const struct buf *body = &c->command.body;

	must(!body->is_full);
	buf_addf(&c->gathered, "*%zu\r\n", c->command.count);
	buf_add(&c->gathered, body->data, body->len);
	must(!c->gathered.is_full);
}

static void send_words(struct connection *c, const char *fmt, va_list args)
	PRINTF(2, 0);

static void send_words(struct connection *c, const char *fmt, va_list args)
{
	char text[LINE_MAX_BYTES];
	int len = vsnprintf(text, sizeof(text), fmt, args);
	struct slice rest = {text, (size_t)len};

	must(len >= 0 && (size_t)len < sizeof(text));
	buf_reset(&c->command.body);
	c->command.count = 0;
	while (rest.len)
		command_slice(&c->command, slice_cut(&rest, ' '));
	connection_send(c);
}

void connection_sendf(struct connection *c, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	send_words(c, fmt, args);
	va_end(args);
}

void connection_load(struct connection *c)
{
	struct command *load = connection_begin(c, "FUNCTION");

	command_text(load, "LOAD");
	command_text(load, "REPLACE");
	command_slice(load, (struct slice){c->library, c->library_len});
	connection_send(c);
}

void connection_flush(struct connection *c)
{
	size_t done = 0;
	ssize_t count;

	while (done < c->gathered.len) {
		count = send(c->fd, c->gathered.data + done,
			     c->gathered.len - done, MSG_NOSIGNAL);
		if (count < 0 && errno != EINTR)
			die("writing to Redis", strerror(errno));
		if (count > 0)
			done += (size_t)count;
	}
	buf_reset(&c->gathered);
}

const struct reply *connection_read(struct connection *c)
{
	char bytes[RESP_FEED_MAX];
	const struct reply *reply;
	struct error err;
	ssize_t count;
	int status;

	while ((status = resp_reader_next(c->reader, &reply, &err)) == 0) {
		count = recv(c->fd, bytes, sizeof(bytes), 0);
		if (count == 0 || (count < 0 && errno != EINTR))
			die("reading from Redis",
			    count ? strerror(errno) : "it is gone");
		if (count > 0)
			resp_reader_feed(c->reader,
					 (struct slice){bytes, (size_t)count});
	}
	if (status < 0)
		die("reading from Redis", err.text);
	return reply;
}

const struct reply *connection_ask(struct connection *c, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	send_words(c, fmt, args);
	va_end(args);
	connection_flush(c);
	return connection_read(c);
}

const char *reply_text(const struct reply *reply)
{
	return reply->text.data;
}

bool reply_is_error(const struct reply *reply)
{
	return reply->type == REPLY_ERROR;
}

const char *reply_field(const struct reply *reply, const char *field)
{
	for (size_t i = 0; i + 1 < reply->count; i += 2)
		if (slice_is(reply->items[i].text, field))
			return reply->items[i + 1].text.data;
	return NULL;
}
