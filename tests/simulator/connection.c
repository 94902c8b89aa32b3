/* SPDX-License-Identifier: MIT */
#include "connection.h"

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 60000

_Noreturn static void die(const char *what, const char *why)
{
	fprintf(stderr, "simulator: %s: %s\n", what, why);
	exit(70);
}

/* --- commands -------------------------------------------------------------
 */

void command_begin(struct command *c, const char *name)
{
	c->used = 0;
	c->count = 0;
	command_add(c, name);
}

void command_bytes(struct command *c, const char *bytes, size_t len)
{
	must(c->count < COMMAND_ARGUMENTS);
	c->arguments[c->count] = bytes;
	c->lengths[c->count++] = len;
}

void command_add(struct command *c, const char *text)
{
	command_addf(c, "%s", text);
}

void command_addf(struct command *c, const char *fmt, ...)
{
	char *at = c->bytes + c->used;
	size_t room = sizeof(c->bytes) - c->used;
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(at, room, fmt, args);
	va_end(args);
	must(len >= 0 && (size_t)len < room);
	c->used += (size_t)len + 1;
	command_bytes(c, at, (size_t)len);
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
	       "16mb", "--loglevel", "warning", (char *)NULL);
	_exit(127);
}

static void pause_ms(long ms)
{
	struct timespec time = {.tv_nsec = ms * 1000000};

	nanosleep(&time, NULL);
}

static bool is_answering(struct connection *c)
{
	redisReply *reply;
	bool is_well;

	c->redis = redisConnectUnix(c->socket);
	if (!c->redis || c->redis->err) {
		if (c->redis)
			redisFree(c->redis);
		c->redis = NULL;
		return false;
	}
	reply = redisCommand(c->redis, "PING");
	is_well = reply && reply->type == REDIS_REPLY_STATUS;
	freeReplyObject(reply);
	if (!is_well)
		redisFree(c->redis);
	return is_well;
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
	redisFree(c->redis);
	kill(c->pid, SIGKILL);
	waitpid(c->pid, NULL, 0);
}

void connection_open(struct connection *c, char *library, size_t len,
		     int databases)
{
	const char *tmp = getenv("TMPDIR");
	redisReply *reply;

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
	start(c);
	connection_load(c);
	reply = connection_read(c);
	if (reply_is_error(reply))
		die("the library can't be loaded", reply->str);
	freeReplyObject(reply);
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

void connection_send(struct connection *c, const struct command *command)
{
	redisAppendCommandArgv(c->redis, command->count,
			       (const char **)command->arguments,
			       command->lengths);
}

void connection_sendf(struct connection *c, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	redisvAppendCommand(c->redis, fmt, args);
	va_end(args);
}

void connection_say(struct connection *c, const char *command)
{
	struct command words;
	struct slice rest = slice_of(command), word;

	words.used = 0;
	words.count = 0;
	while (rest.len) {
		word = slice_cut(&rest, ' ');
		command_bytes(&words, word.data, word.len);
	}
	connection_send(c, &words);
}

void connection_flush(struct connection *c)
{
	int is_done = 0;

	while (!is_done)
		if (redisBufferWrite(c->redis, &is_done) != REDIS_OK)
			die("writing to Redis", c->redis->errstr);
}

redisReply *connection_read(struct connection *c)
{
	void *reply;

	if (redisGetReply(c->redis, &reply) != REDIS_OK)
		die("reading from Redis", c->redis->errstr);
	return reply;
}

redisReply *connection_ask(struct connection *c, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	redisvAppendCommand(c->redis, fmt, args);
	va_end(args);
	return connection_read(c);
}

void connection_load(struct connection *c)
{
	struct command load;

	command_begin(&load, "FUNCTION");
	command_add(&load, "LOAD");
	command_add(&load, "REPLACE");
	command_bytes(&load, c->library, c->library_len);
	connection_send(c, &load);
}

const char *reply_text(const redisReply *reply)
{
	return reply && reply->str ? reply->str : "";
}

bool reply_is_error(const redisReply *reply)
{
	return reply->type == REDIS_REPLY_ERROR;
}

const char *reply_field(const redisReply *reply, const char *field)
{
	for (size_t i = 0; i + 1 < reply->elements; i += 2)
		if (strcmp(reply_text(reply->element[i]), field) == 0)
			return reply_text(reply->element[i + 1]);
	return NULL;
}
