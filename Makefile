# Treadle. `make help` lists what can be made; everything goes to build/.
#
# Knobs: CC, CFLAGS, PREFIX, V=1 (show commands), T=PATTERN (tests to run),
# SECONDS=N (how long each fuzz target, or the simulation, runs), PLANT=NAME (a
# bug planted on purpose), ONLY=REGEX (scenarios of exhaust).

PREFIX ?= /usr/local
VERSION := 0.1.0
.DEFAULT_GOAL := all

# --- modes: each has a folder of its own below build/ ----------------------
# release: what is installed. test: sanitizers on, crash points compiled in.
# coverage: counts lines and branches. fuzz: libFuzzer, needs clang.

MODE ?= release
mode_ldflags :=
mode_src :=
OBJ := build/$(MODE)/obj
GEN := build/gen
PLANT ?=
OUT := $(if $(PLANT),build/plant/$(PLANT),build/$(MODE))
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer
ifeq ($(MODE),release)
CFLAGS ?= -O2 -g
mode_cflags := -D_FORTIFY_SOURCE=2
else ifeq ($(MODE),test)
mode_cflags := -O1 -g -DTREADLE_TEST $(SANITIZE) -Werror
else ifeq ($(MODE),coverage)
# An execve of gcov's own would write the counts in the child that vfork made,
# and then its parent would not any more.
mode_cflags := -O0 -g -DTREADLE_TEST --coverage -fno-builtin-execve
mode_ldflags := -Wl,--wrap=kill,--wrap=abort,--undefined=__wrap_kill
mode_src := tests/counts.c
else ifeq ($(MODE),fuzz)
CC := clang
mode_cflags := -O1 -g -DTREADLE_TEST $(SANITIZE) -fsanitize=fuzzer-no-link
endif

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wwrite-strings -Wformat=2 -Wvla -Wpointer-arith -Wundef -Wconversion \
	-Wno-sign-conversion
HARDENING := -fstack-protector-strong -fstack-clash-protection -fPIE
LDHARDENING := -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed

# --- libraries -------------------------------------------------------------

PKG_CONFIG ?= pkg-config
# msgpack-c is called `msgpack` in Debian 12 and `msgpack-c` in Debian 13.
msgpack := $(shell $(PKG_CONFIG) --exists msgpack-c 2>/dev/null && \
	echo msgpack-c || echo msgpack)
common_pkgs := hiredis libuv yaml-0.1 $(msgpack) libgcrypt
pkg_cflags = $(shell $(PKG_CONFIG) --cflags $(common_pkgs) libcurl \
	libmicrohttpd cmocka 2>/dev/null)
common_libs = $(shell $(PKG_CONFIG) --libs $(common_pkgs)) -ljq -lm -lpthread
worker_libs = $(shell $(PKG_CONFIG) --libs libcurl)
coordinator_libs = $(shell $(PKG_CONFIG) --libs libmicrohttpd)
unit_libs = $(shell $(PKG_CONFIG) --libs cmocka libcurl)

compile = $(CC) -std=c11 -D_GNU_SOURCE -DTREADLE_VERSION='"$(VERSION)"' \
	$(WARNINGS) $(HARDENING) $(mode_cflags) $(CFLAGS) \
	-Iinclude -I$(GEN) $(pkg_cflags)
link = $(CC) $(mode_cflags) $(CFLAGS) $(LDHARDENING) $(mode_ldflags) \
	$(LDFLAGS)

# --- a planted bug: tests/plants/README.md ------------------------------------
# make PLANT=NAME: all but the planted file is that of the mode.

ifdef PLANT
plant_file := $(shell tests/plants/plant field $(PLANT) file)
$(if $(plant_file),,$(error there is no plant $(PLANT)))
planted := $(if $(filter %.lua,$(plant_file)),common/library,$(basename \
	$(plant_file)))
LUA := $(if $(filter %.lua,$(plant_file)),$(OUT),build/gen)
else
LUA := build/gen
endif

# --- sources: a new file needs no edit here, but for the order of the Lua ---

obj = $(patsubst $(OBJ)/$(planted).o,$(OUT)/planted.o, \
	$(patsubst %.c,$(OBJ)/%.o,$(1)))
common_obj := $(call obj,$(wildcard common/*.c) $(mode_src))
worker_obj := $(call obj,$(wildcard worker/*.c))
coordinator_obj := $(call obj,$(wildcard coordinator/*.c))
producer_obj := $(call obj,$(wildcard producer/*.c producer/doctor/*.c))
unit_bin := $(patsubst tests/unit/%.c,$(OUT)/unit/%,$(wildcard tests/unit/*.c))
fuzz_bin := $(patsubst tests/fuzz/%.c,$(OUT)/fuzz/%,$(wildcard tests/fuzz/*.c))
bench_bin := $(patsubst bench/%.c,$(OUT)/bench/%,$(wildcard bench/*.c))
helper_bin := $(patsubst tests/helpers/%.c,$(OUT)/helpers/%, \
	$(wildcard tests/helpers/*.c))
storm_bin := $(addprefix $(OUT)/storm/,effect api stamp aof disk.so clock.so)
lua_src := $(patsubst %,common/lua/%.lua,head record json run closing undo \
	recent submit worker step take settle each tolerate reopen complete \
	cache fail release timer reclaim blob once control child family signal \
	remove fork named inspect list stats mend tidy register)
lua_src := $(patsubst $(plant_file),$(OUT)/$(plant_file),$(lua_src))
simulator_obj := $(call obj,$(wildcard tests/simulator/*.c))
programs := $(addprefix $(OUT)/,treadle treadle-worker treadle-coordinator)

quiet = $(if $(V),,@printf '  %-5s %s\n' '$(1)' '$(2)';)

# --- programs ----------------------------------------------------------------

all: deps $(programs) ## build the three programs into build/release

$(OUT)/libtreadle.a: $(common_obj)
	@rm -f $@
	$(call quiet,AR,$@)$(AR) rcs $@ $^

$(OUT)/treadle: $(producer_obj) $(OUT)/libtreadle.a
	$(call quiet,LINK,$@)$(link) -o $@ $^ $(common_libs)

$(OUT)/treadle-worker: $(worker_obj) $(OUT)/libtreadle.a
	$(call quiet,LINK,$@)$(link) -o $@ $^ $(common_libs) $(worker_libs)

$(OUT)/treadle-coordinator: $(coordinator_obj) $(OUT)/libtreadle.a
	$(call quiet,LINK,$@)$(link) -o $@ $^ $(common_libs) $(coordinator_libs)

$(OBJ)/%.o: %.c $(GEN)/flags.$(MODE) | $(GEN)/library.inc
	@mkdir -p $(@D)
	$(call quiet,CC,$<)$(compile) -MMD -MP -c -o $@ $<

# Changing a flag rebuilds what was made with the other one.
$(GEN)/flags.$(MODE): FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(CFLAGS) $(mode_cflags) $(VERSION)' | cmp -s - $@ || \
		echo '$(CC) $(CFLAGS) $(mode_cflags) $(VERSION)' > $@

# --- embedded: the Lua library as bytes --------------------------------------

$(LUA)/library.lua: $(lua_src)
	@mkdir -p $(@D)
	$(call quiet,CAT,$@)cat $(lua_src) > $@

# The same, counting the branches that dialogues take: tests/coverage.
branches: $(lua_src) tests/lua/instrument.awk
	@mkdir -p build/branches
	@awk -f tests/lua/instrument.awk -v map=build/branches/map $(lua_src) \
		> build/branches/library.lua

%/library.inc: %/library.lua
	$(call quiet,EMBED,$@)od -An -v -tu1 $< | sed 's/  */,/g; s/^,//; s/$$/,/' > $@

$(OBJ)/common/library.o: $(GEN)/library.inc

ifdef PLANT
$(OUT)/$(plant_file): tests/plants/$(PLANT).plant tests/plants/plant \
		$(plant_file)
	$(call quiet,PLANT,$@)tests/plants/plant apply $(PLANT) $(OUT)

$(OUT)/planted.o: $(OUT)/$(plant_file) $(LUA)/library.inc
	$(call quiet,CC,$<)$(compile) -iquote $(LUA) \
		-iquote $(dir $(planted)) -c -o $@ \
		$(if $(filter %.lua,$<),common/library.c,$<)
endif

# --- tests -------------------------------------------------------------------

$(OUT)/unit/%: $(OBJ)/tests/unit/%.o \
		$(filter-out %/main.o,$(worker_obj)) $(OUT)/libtreadle.a
	@mkdir -p $(@D)
	$(call quiet,LINK,$@)$(link) -o $@ $^ $(common_libs) $(unit_libs)

$(OUT)/helpers/%: $(OBJ)/tests/helpers/%.o $(OUT)/libtreadle.a
	@mkdir -p $(@D)
	$(call quiet,LINK,$@)$(link) -o $@ $^ $(common_libs) $(coordinator_libs)

# The storm shares no code with what it judges, and no sanitizer slows it.
$(OUT)/storm/%: tests/storm/%.c tests/storm/ledger.h
	@mkdir -p $(@D)
	$(call quiet,CC,$<)$(CC) -std=c11 -D_GNU_SOURCE -O1 $(WARNINGS) -o $@ $<

$(OUT)/storm/%.so: tests/storm/%.c
	@mkdir -p $(@D)
	$(call quiet,CC,$<)$(CC) -std=c11 -D_GNU_SOURCE -O1 $(WARNINGS) -shared -fPIC -o $@ $<

# Its parts have a folder of their own.
$(OUT)/helpers/fault_proxy: $(call obj,$(wildcard tests/helpers/fault/*.c))

$(OUT)/simulator: $(simulator_obj) $(OUT)/libtreadle.a
	$(call quiet,LINK,$@)$(link) -o $@ $^ $(common_libs)

$(LUA)/simulated.lua: $(LUA)/library.lua $(addprefix tests/simulator/, \
		simulated simulate.lua)
	$(call quiet,LUA,$@)tests/simulator/simulated $< > $@

$(OUT)/bench/%: $(OBJ)/bench/%.o $(OUT)/libtreadle.a
	@mkdir -p $(@D)
	$(call quiet,LINK,$@)$(link) -o $@ $^ $(common_libs) $(coordinator_libs)

$(OUT)/fuzz/%: $(OBJ)/tests/fuzz/%.o $(OUT)/libtreadle.a
	@mkdir -p $(@D)
	$(call quiet,LINK,$@)$(link) -fsanitize=fuzzer -o $@ $(filter %.o,$^) \
		$(OUT)/libtreadle.a $(common_libs)

# What a program says on descriptor 3, without the worker.
$(OUT)/fuzz/fuzz_notes: $(OBJ)/worker/notes.o

storms: $(programs) $(OUT)/helpers/fault_proxy $(storm_bin)
built: $(programs) $(unit_bin) $(helper_bin) $(storm_bin) \
	$(OUT)/simulator $(LUA)/simulated.lua
benches: $(programs) $(bench_bin)
fuzzers: $(fuzz_bin)

test: deps ## build with sanitizers and run every test (T=PATTERN for some)
	@$(MAKE) --no-print-directory MODE=test -j$$(nproc) built
	@tests/run build/test $(T)

lint: ## what keeps the house in order: floors, doors, lengths, style
	@tests/lint.sh

fuzz: deps ## run each fuzz target for SECONDS (10)
	@$(MAKE) --no-print-directory MODE=fuzz -j$$(nproc) fuzzers
	@tests/fuzz/run build/fuzz/fuzz $(or $(SECONDS),10)

exhaust: deps ## refuse memory, processes and descriptors, wish by wish
	@$(MAKE) --no-print-directory MODE=test -j$$(nproc) built
	@EXHAUST_CASES=$(or $(CASES),500) EXHAUST_ONLY='$(ONLY)' \
		TREADLE_TEST_SECONDS=14400 \
		tests/run build/test $(or $(T),exhausted)

storm: deps ## break real programs for SECONDS (120), print what came of it
	@$(MAKE) --no-print-directory MODE=test -j$$(nproc) storms
	@tests/storm/run build/test $(or $(SECONDS),120)

storm-plants: deps ## plant bugs in C, and look whether storms find them
	@$(MAKE) --no-print-directory MODE=test -j$$(nproc) built
	@tests/storm/plants

storm-long: deps ## half an hour of what is installed: the figures of docs/FAULTS.md
	@$(MAKE) --no-print-directory MODE=release -j$$(nproc) storms
	@STORM_SCALE=$(or $(SCALE),3) tests/storm/run build/release 1800

memcheck: deps ## run the three programs under valgrind
	@$(MAKE) --no-print-directory MODE=release -j$$(nproc) built
	@tests/memcheck build/release

simulate: deps ## simulate the library for SECONDS (60), from SEED or now
	@$(MAKE) --no-print-directory MODE=release -j$$(nproc) \
		build/release/simulator build/gen/simulated.lua
	@build/release/simulator --library build/gen/simulated.lua \
		--seconds $(or $(SECONDS),60) $(if $(SEED),--seed $(SEED))

plants: ## plant each bug in the library, and see what catches it
	@$(MAKE) --no-print-directory MODE=release -j$$(nproc) \
		build/release/simulator
	@tests/plants/run build/release/simulator

coverage: deps ## run the tests, print which part of the code they reach
	@$(MAKE) --no-print-directory MODE=coverage -j$$(nproc) built branches
	@tests/coverage build/coverage

bench: deps ## measure speed and memory; prints a table, writes JSON
	@$(MAKE) --no-print-directory MODE=release -j$$(nproc) benches
	@bench/run build/release

# --- the demo ----------------------------------------------------------------

demo: deps ## make the picture book: build/demo/book.pdf
	@$(MAKE) --no-print-directory MODE=release -j$$(nproc) all
	@examples/picture-book/demo build/release

# --- documents, installation -------------------------------------------------

docs: all ## write the generated documents from the programs
	@docs/generate build/release

install: all ## install below PREFIX (/usr/local)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 \
		$(DESTDIR)$(PREFIX)/share/man/man8 \
		$(DESTDIR)$(PREFIX)/share/man/man5
	install -m 755 $(programs) $(DESTDIR)$(PREFIX)/bin
	install -m 644 docs/man/*.1 $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 644 docs/man/*.8 $(DESTDIR)$(PREFIX)/share/man/man8
	install -m 644 docs/man/*.5 $(DESTDIR)$(PREFIX)/share/man/man5

deps: ## install what is missing to build and test (apt; else says what)
	@config/deps $(MAKECMDGOALS)

clean: ## remove build/
	rm -rf build

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' Makefile | \
		sed 's/^\([a-z-]*\):.*## /\1\t/' | expand -t 12

lua-files:
	@echo $(lua_src)

FORCE:
.PHONY: all test lint fuzz lua-files simulate plants exhaust memcheck storm storm-plants \
	storm-long coverage bench \
	demo docs install deps clean help built benches fuzzers branches FORCE
.SECONDARY:
-include $(shell find $(OBJ) -name '*.d' 2>/dev/null)
