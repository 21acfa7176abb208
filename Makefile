# rnnlua - user knobs, then: nothing below needs changing
CC        = cc
LUA       = lua5.4
PREFIX    = /usr/local
VARIANT   = release
DATA      =
OPT       = -O3
BENCH     =
RESULTS   =
CORPORA   =
SOAK      =
NATIVE    =

PKGS      = openblas libutf8proc
LUA_PKG   = lua5.4
EDIT_PKG  = libedit
# ---------------------------------------------------------------------------

B := build/$(VARIANT)

WARN = -Wall -Wextra -Wshadow -Wdouble-promotion -Wmissing-prototypes \
       -Wstrict-prototypes -Wpointer-arith -Wconversion -Wvla
CFLAGS_release = $(OPT)
CFLAGS_asan    = -O1 -g -fsanitize=address,undefined \
                 -fno-sanitize-recover=undefined -fno-omit-frame-pointer \
                 -DRNLI_SANITIZE -DRNLI_POISON -DLUA_USE_APICHECK
CFLAGS_debug   = -O0 -g -DRNLI_POISON -DLUA_USE_APICHECK

PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) $(LUA_PKG) $(EDIT_PKG) \
                2>/dev/null)
LIBS       := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lm -pthread
LUA_LIBS   := $(shell pkg-config --libs $(LUA_PKG) $(EDIT_PKG) 2>/dev/null)

ALL_CFLAGS = -std=c11 -D_DEFAULT_SOURCE -Isrc -I$(B)/obj $(PKG_CFLAGS) \
             -MMD -MP -fPIC -fvisibility=hidden -ffp-contract=off \
             -fno-math-errno -pthread $(WARN) $(CFLAGS_$(VARIANT)) \
             $(if $(NATIVE),-march=native) $(if $(X86),-DRNLI_X86) $(CFLAGS)

TYPED  := $(wildcard src/ops/*.c src/optim/*.c) src/kernels/select.c
ALONE  := src/infer/unicode.c
ENGINE := $(filter-out $(ALONE),$(wildcard src/core/*.c src/io/*.c \
          src/text/*.c src/infer/*.c)) src/kernels/level.c src/kernels/unit.c
PROGRAM := src/bind/main.c src/bind/prompt.c
BIND   := $(filter-out $(PROGRAM),$(wildcard src/bind/*.c))
LUASRC := $(shell find lua/rnn -name '*.lua' | LC_ALL=C sort)

obj = $(patsubst src/%.c,$(B)/obj/%$(2).o,$(1))
# kernels, for each instruction set: what the compiler needs to know of it
X86 := $(filter x86_64%,$(shell $(CC) -dumpmachine))
KERNEL_CFLAGS      = -ffp-contract=fast -fno-trapping-math
LEVEL_portable     =
LEVEL_avx2         = -mavx2 -mfma
LEVEL_avx512       = $(LEVEL_avx2) -mavx512f -mavx512bw -mavx512dq \
                     -mavx512vl -mprefer-vector-width=512
LEVEL_avx512bf16   = $(LEVEL_avx512) -mavx512bf16 -mavx512vnni
LEVELS  := portable $(if $(X86),avx2 avx512)
KERNELS := $(foreach l,$(LEVELS),$(foreach t,f32 f64,\
             product.$l.$t cells.$l.$t) product.$l.bf16 int8.$l.i8) \
           $(if $(X86),product.avx512bf16.bf16 int8.avx512bf16.i8)

ENGINE_OBJ = $(call obj,$(ENGINE)) $(call obj,$(TYPED),.f32) \
             $(call obj,$(TYPED),.f64) \
             $(KERNELS:%=$(B)/obj/kernels/%.o)
BIND_OBJ   = $(call obj,$(BIND)) $(B)/obj/embedded.o

.PHONY: all
all: $(B)/rnn.so $(B)/rnnlua $(B)/librnnlua.a

# without the packages, say which are missing instead of failing to compile
ifneq ($(filter-out setup demo test clean help lint uninstall,\
       $(or $(MAKECMDGOALS),all)),)
  ifeq ($(shell scripts/setup.sh --check build >/dev/null 2>&1 && echo ok),)
    $(error $(shell scripts/setup.sh --check build 2>&1))
  endif
endif

$(B)/rnn.so: $(ENGINE_OBJ) $(BIND_OBJ)
	$(CC) -shared $(CFLAGS_$(VARIANT)) $(LDFLAGS) -o $@ $^ $(LIBS)

$(B)/rnnlua: $(ENGINE_OBJ) $(BIND_OBJ) $(call obj,$(PROGRAM))
	$(CC) $(CFLAGS_$(VARIANT)) -Wl,-E $(LDFLAGS) -o $@ $^ $(LUA_LIBS) $(LIBS)

$(B)/librnnlua.a: $(ENGINE_OBJ) $(BIND_OBJ)
	rm -f $@
	ar rcs $@ $^

# source.level.factor.o
define kernel
$(B)/obj/kernels/$(1).o: src/kernels/$(word 1,$(subst ., ,$(1))).c Makefile
	@mkdir -p $$(@D)
	$$(CC) $$(ALL_CFLAGS) $$(KERNEL_CFLAGS) \
	  $$(LEVEL_$(word 2,$(subst ., ,$(1)))) \
	  -DRNLI_LEVEL=$(word 2,$(subst ., ,$(1))) \
	  -DRNLI_CELLS=$(patsubst avx512bf16,avx512,$(word 2,$(subst ., ,$(1)))) \
	  -DRNLI_FACTOR=$(word 3,$(subst ., ,$(1))) \
	  $(if $(filter %.f64,$(1)),-DRNLI_F64) \
	  $(if $(filter %.bf16,$(1)),-DRNLI_BF16) -c -o $$@ $$<
endef
$(foreach k,$(KERNELS),$(eval $(call kernel,$k)))

$(B)/obj/%.f32.o: src/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(B)/obj/%.f64.o: src/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -DRNLI_F64 -c -o $@ $<

$(B)/obj/%.o: src/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

# what utf8proc knows as tables, for what goes without it
$(B)/obj/infer/unicode.o: $(B)/obj/infer/unicode_tables.h

$(B)/obj/infer/unicode_tables.h: $(B)/unicode_tables
	@mkdir -p $(@D)
	$< > $@.tmp
	@mv $@.tmp $@

$(B)/unicode_tables: src/infer/tables/unicode.c $(B)/obj/text/unicode.o
	$(CC) $(ALL_CFLAGS) -o $@ $^ $(LIBS)

# the Lua half, inside the module
$(B)/obj/embedded.o: $(B)/obj/embedded.c
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(B)/obj/embedded.c: src/bind/embed.lua $(LUASRC) Makefile
	@mkdir -p $(@D)
	$(LUA) src/bind/embed.lua $(LUASRC) > $@.tmp
	@mv $@.tmp $@

-include $(shell find $(B) -name '*.d' 2>/dev/null)

# --- tests ------------------------------------------------------------------

CTEST := $(patsubst tests/c/test_%.c,$(B)/test_%,$(wildcard tests/c/test_*.c))

$(B)/test_unicode: $(B)/obj/infer/unicode_tables.h

$(B)/test_%: tests/c/test_%.c tests/c/harness.h $(B)/librnnlua.a
	$(CC) $(ALL_CFLAGS) -Itests/c -o $@ $< $(B)/librnnlua.a \
	  $(shell pkg-config --libs $(LUA_PKG)) $(LIBS)

.PHONY: check
check: all $(CTEST)
	@VARIANT=$(VARIANT) $(B)/rnnlua tests/run.lua $(TESTS)

.PHONY: test
test:
	@scripts/setup.sh test
	@$(MAKE) --no-print-directory -s -j2 all
	@$(MAKE) --no-print-directory -s check

.PHONY: asan
asan:
	@scripts/setup.sh test
	@$(MAKE) --no-print-directory -s -j2 VARIANT=asan all
	@ASAN_OPTIONS=detect_leaks=1 \
	  $(MAKE) --no-print-directory -s VARIANT=asan check

# many random stops and kills of training runs (SOAK="50 200")
.PHONY: soak
soak:
	@$(MAKE) --no-print-directory -s -j2 all
	@$(B)/rnnlua tests/soak.lua $(SOAK)

.PHONY: lint
lint:
	@scripts/setup.sh lint
	@$(LUA) tests/lint.lua

# --- for people -------------------------------------------------------------

.PHONY: setup
setup:
	@scripts/setup.sh build test demo

.PHONY: demo
demo:
	@DATA='$(DATA)' scripts/setup.sh demo
	@$(MAKE) --no-print-directory -s -j2 all
	@B=$(B) DATA='$(DATA)' scripts/demo.sh

$(B)/stream: scripts/bench/stream.c Makefile
	@mkdir -p $(@D)
	$(CC) -std=c11 $(WARN) -O3 -march=native -o $@ $< -pthread

.PHONY: bench
bench:
	@$(MAKE) --no-print-directory -s -j2 all $(B)/stream
	@$(B)/rnnlua scripts/bench/bench.lua $(BENCH)

# what the programs reach on real data (RESULTS="ewt atis", CORPORA=folder)
.PHONY: results
results:
	@$(MAKE) --no-print-directory -s -j2 all
	@$(B)/rnnlua scripts/bench/results.lua $(RESULTS) \
	  $(if $(CORPORA),--corpora '$(CORPORA)')

LUA_CDIR  = $(DESTDIR)$(PREFIX)/lib/lua/5.4
SHARE     = $(DESTDIR)$(PREFIX)/share/rnnlua
INSTALLED = $(DESTDIR)$(PREFIX)/bin/rnnlua $(LUA_CDIR)/rnn.so \
            $(DESTDIR)$(PREFIX)/lib/librnnlua.a \
            $(DESTDIR)$(PREFIX)/include/rnl.h \
            $(DESTDIR)$(PREFIX)/include/rnnlua.h

.PHONY: install
install: all
	install -d $(dir $(INSTALLED)) $(SHARE)/scripts $(SHARE)/types
	install -m 755 $(B)/rnnlua $(DESTDIR)$(PREFIX)/bin/rnnlua
	install -m 755 $(B)/rnn.so $(LUA_CDIR)/rnn.so
	install -m 644 $(B)/librnnlua.a $(DESTDIR)$(PREFIX)/lib/librnnlua.a
	install -m 644 src/rnl.h src/rnnlua.h $(DESTDIR)$(PREFIX)/include
	install -m 644 scripts/*.lua $(SHARE)/scripts
	install -m 644 lua/types/*.lua $(SHARE)/types

.PHONY: uninstall
uninstall:
	rm -f $(INSTALLED)
	rm -rf $(SHARE)

.PHONY: clean
clean:
	rm -rf build

.PHONY: help
help:
	@echo 'make            build the module, the program and the C library'
	@echo 'make demo       train a character model for a minute (DATA=file)'
	@echo 'make test       the whole test suite'
	@echo 'make bench      speed next to the limits of this machine'
	@echo '                BENCH=--peer next to PyTorch, BENCH=--help'
	@echo 'make results    what the programs reach on real data (CORPORA=folder)'
	@echo 'make asan       the suite under ASan and UBSan'
	@echo 'make soak       many random stops of training runs'
	@echo 'make lint       style and layering'
	@echo 'make install    into PREFIX ($(PREFIX)); uninstall removes it'
	@echo 'make setup      install missing packages   make clean'
	@echo 'knobs: CC CFLAGS LUA PREFIX DESTDIR VARIANT=release|asan|debug NATIVE=1'
