# ampt-server. `make` alone prints the targets.
#
# MODE=release (default) | asan | debug picks the flags; each has a build folder of its own.
# B= moves the build folder, so that two builds never meet.

MODE ?= release
ifeq ($(MODE),release)
  B ?= build
else
  B ?= build/$(MODE)
endif
PREFIX ?= /usr/local
PORT ?=

CXX := $(if $(shell command -v ccache),ccache )g++
CLANGXX ?= clang++

# Scripts; asked for once, when something is built.
LUA := lua5.1 lua5.1-cjson lua5.1-bitop

CPPFLAGS += -I. -Isrc -MMD -MP $(shell pkg-config --cflags $(LUA) 2>/dev/null)
CXXFLAGS += -std=c++20 -g -Wall -Wextra -Wno-missing-field-initializers -fno-strict-aliasing \
            -fno-omit-frame-pointer
LDLIBS   += -luv -lxxhash -lfmt -llz4 -lssl -lcrypto $(shell pkg-config --libs $(LUA) 2>/dev/null) -lboost_context -lpthread
ifeq ($(MODE),release)
  CXXFLAGS += -O2
  LDLIBS   += -ljemalloc
  # GCC clears and copies small structs with `rep stos` and `rep movs`, which take longer to begin
  # than all the rest of it.
  ifeq ($(shell uname -m),x86_64)
    CXXFLAGS += -mmemset-strategy=vector_loop:512:noalign,libcall:-1:noalign \
                -mmemcpy-strategy=vector_loop:512:noalign,libcall:-1:noalign
  endif
else ifeq ($(MODE),debug)
  CXXFLAGS += -O0 -DAMPT_WITHOUT_JEMALLOC
else ifeq ($(MODE),asan)
  CXXFLAGS += -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined \
              -DAMPT_WITHOUT_JEMALLOC
  LDFLAGS  += -fsanitize=address,undefined
else
  $(error MODE must be release, debug or asan)
endif

CORE_SRC   := $(wildcard src/base/*.cc src/model/*.cc src/event/*.cc commands/*.cc)
SERVER_SRC := $(wildcard persistence/*.cc) $(filter-out src/server/main.cc,$(wildcard src/server/*.cc))
UNIT_SRC   := $(wildcard tests/unit/*.cc tests/oracle/*.cc tests/crash/*.cc tests/bench/*.cc)
WIRE_SRC   := $(wildcard tests/server/*.cc)
BENCH_OBJ  := $(patsubst %.cc,$B/obj/%.o,$(wildcard tools/bench/*.cc))
# What of the benchmark has unit tests: no sockets, no clock.
BENCH_PURE := $B/obj/tools/bench/iproto.o $B/obj/tools/bench/svg.o

CORE_OBJ   := $(CORE_SRC:%.cc=$B/obj/%.o)
SERVER_OBJ := $(SERVER_SRC:%.cc=$B/obj/%.o)
MAIN_OBJ   := $B/obj/src/server/main.o
UNIT_OBJ   := $(UNIT_SRC:%.cc=$B/obj/%.o)
WIRE_OBJ   := $(WIRE_SRC:%.cc=$B/obj/%.o)

.PHONY: help
help:
	@echo 'make run      install what is needed, build, start on 127.0.0.1:6379 with conf/ampt.conf'
	@echo 'make build    build the optimised server: build/ampt-server'
	@echo 'make test     all tests; ends with "N passed, N failed"'
	@echo 'make test-clients  libraries of other languages, and on top of clients, against the server'
	@echo 'make asan     the same tests under AddressSanitizer and UndefinedBehaviorSanitizer'
	@echo 'make fuzz     the libFuzzer targets, a bounded run each (SECONDS_EACH=20)'
	@echo 'make bench    ampt-server beside redis-server and others: tables and plots in build/bench'
	@echo 'make tidy     layer rules, clang-format and clang-tidy'
	@echo 'make install  build and install below PREFIX (default /usr/local)'
	@echo 'make deb      a Debian package: build/ampt-server_*.deb'
	@echo 'make clean    remove the build folder'

# --- packages -----------------------------------------------------------------------------------
.PHONY: deps test-deps
deps:
	@tools/install-packages build
test-deps:
	@tools/install-packages build test

# --- programs -----------------------------------------------------------------------------------
.PHONY: build
build: deps
	@$(MAKE) --no-print-directory -j$$(nproc) $B/ampt-server $B/ampt-check

$B/obj/%.o: %.cc
	@mkdir -p $(@D)
	$(CXX) $(CPPFLAGS) $(CXXFLAGS) -c $< -o $@

$B/libcore.a: $(CORE_OBJ)
	@rm -f $@
	@ar rcs $@ $^

$B/libserver.a: $(SERVER_OBJ)
	@rm -f $@
	@ar rcs $@ $^

$B/ampt-server: $(MAIN_OBJ) $B/libserver.a $B/libcore.a
	g++ $(LDFLAGS) -o $@ $^ $(LDLIBS)

$B/ampt-check: $B/obj/tools/check/main.o $B/libserver.a $B/libcore.a
	g++ $(LDFLAGS) -o $@ $^ $(LDLIBS)

$B/unit-tests: $(UNIT_OBJ) $(BENCH_PURE) $B/libserver.a $B/libcore.a
	g++ $(LDFLAGS) -o $@ $^ $(LDLIBS) -lgtest -lgtest_main

$B/wire-tests: $(WIRE_OBJ) $B/libserver.a $B/libcore.a
	g++ $(LDFLAGS) -o $@ $^ $(LDLIBS) -lhiredis -lgtest -lgtest_main

$B/ampt-bench: $(BENCH_OBJ)
	g++ $(LDFLAGS) -o $@ $^ -lfmt

# libFuzzer targets: one program each, over a core that clang has instrumented.
FUZZ_FLAGS := -std=c++20 -g -O1 -I. -Isrc -MMD -MP -fno-sanitize-recover=undefined \
              -DAMPT_WITHOUT_JEMALLOC -Wno-c99-designator
FUZZ_CORE  := $(patsubst %.cc,$B/fuzz/obj/%.o,$(wildcard src/base/*.cc src/model/*.cc src/event/*.cc \
              persistence/*.cc) src/server/resp_parser.cc)
$B/fuzz/obj/%.o: %.cc
	@mkdir -p $(@D)
	$(CLANGXX) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link,address,undefined -c $< -o $@

$B/fuzz/%: $B/fuzz/obj/tests/fuzz/%.o $(FUZZ_CORE)
	$(CLANGXX) -fsanitize=fuzzer,address,undefined -o $@ $^ -lfmt -lxxhash -llz4

# --- running, testing, measuring ------------------------------------------------------------------
.PHONY: run test test-clients asan fuzz bench readme tidy
run: build
	@tools/run $B/ampt-server conf/ampt.conf $(ARGS)

test: test-deps
	@$(MAKE) --no-print-directory -j$$(nproc) $B/ampt-server $B/unit-tests $B/wire-tests
	@B=$B tests/run

# Not part of the tests: it installs a good deal. AMPT_SERVER=redis-server tries them on Redis.
test-clients: test-deps
	@tools/install-packages clients
	@$(MAKE) --no-print-directory -j$$(nproc) $B/ampt-server
	@B=$B tests/clients/run libraries

asan:
	@$(MAKE) --no-print-directory MODE=asan test

SECONDS_EACH ?= 20
fuzz: deps
	@tools/install-packages fuzz
	@$(MAKE) --no-print-directory -j$$(nproc) $(patsubst tests/fuzz/%.cc,$B/fuzz/%,$(wildcard tests/fuzz/*_fuzz.cc))
	@for target in $B/fuzz/*_fuzz; do echo "== $$target"; \
	  mkdir -p $$target.corpus; \
	  $$target -max_total_time=$(SECONDS_EACH) -verbosity=0 -print_final_stats=1 $$target.corpus || exit 1; done

bench: deps
	@tools/install-packages bench
	@tools/install-packages rivals || echo 'make bench: going on without those'
	@$(MAKE) --no-print-directory -j$$(nproc) $B/ampt-server $B/ampt-bench
	$B/ampt-bench $(BENCHFLAGS)

# The README's table of commands, as the server prints it; a test compares the two.
readme: build
	@tools/readme-table $B/ampt-server

tidy: test-deps
	@tools/tidy/layers $B
	@tools/tidy/format
	@tools/tidy/clang-tidy $B

# --- installing ----------------------------------------------------------------------------------
SYSCONFDIR ?= /etc
UNITDIR    ?= $(PREFIX)/lib/systemd/system
DOC         = $(DESTDIR)$(PREFIX)/share/doc/ampt-server

.PHONY: install install-only deb
install: build
	@$(MAKE) --no-print-directory $B/ampt-check
	@$(MAKE) --no-print-directory install-only

# Settings that are there already are left alone.
install-only:
	install -d $(DESTDIR)$(PREFIX)/bin $(DOC) $(DESTDIR)$(SYSCONFDIR)/ampt $(DESTDIR)$(UNITDIR) \
	  $(DESTDIR)$(PREFIX)/lib/sysusers.d $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 755 $B/ampt-server $B/ampt-check $(DESTDIR)$(PREFIX)/bin/
	install -m 644 README.md LICENSE $(DOC)/
	install -m 644 conf/man/*.1 $(DESTDIR)$(PREFIX)/share/man/man1/
	test -e $(DESTDIR)$(SYSCONFDIR)/ampt/ampt.conf || \
	  install -m 640 conf/ampt.conf $(DESTDIR)$(SYSCONFDIR)/ampt/ampt.conf
	sed -e 's,/usr/bin/,$(PREFIX)/bin/,; s,/usr/share/,$(PREFIX)/share/,; s,/etc/,$(SYSCONFDIR)/,' \
	  conf/ampt-server.service >$(DESTDIR)$(UNITDIR)/ampt-server.service
	chmod 644 $(DESTDIR)$(UNITDIR)/ampt-server.service
	install -m 644 conf/ampt-server.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/ampt-server.conf

deb: deps
	@tools/install-packages deb
	@$(MAKE) --no-print-directory -j$$(nproc) $B/ampt-server $B/ampt-check
	@tools/deb $B

-include $(shell find $B/obj $B/fuzz/obj -name '*.d' 2>/dev/null)

.PHONY: clean
clean:
	rm -rf build
