# rnnlua - user knobs, then: nothing below needs changing
CC        = cc
LUA       = lua5.4
PREFIX    = /usr/local
LIBDIR    = $(PREFIX)/lib
LUA_CMOD  = $(LUA_LOOKS)
VARIANT   = release
DATA      =
OPT       = -O3
BENCH     =
RESULTS   =
FUZZ      = 1000000 1
CORPORA   =
SOAK      =
NATIVE    =

PKGS      = openblas libutf8proc
LUA_PKG   = lua5.4
EDIT_PKG  = libedit
# ---------------------------------------------------------------------------

B := build/$(VARIANT)

# the header that has it is the only place where it is written
VERSION := $(shell sed -n 's/^.define RNL_VERSION "\(.*\)".*/\1/p' \
             src/rnl.h $(wildcard src/rnnlua_infer.h))
ABI     := $(firstword $(subst ., ,$(VERSION)))

WARN = -Wall -Wextra -Wshadow -Wdouble-promotion -Wmissing-prototypes \
       -Wstrict-prototypes -Wpointer-arith -Wconversion -Wvla
CFLAGS_release = $(OPT)
CFLAGS_asan    = -O1 -g -fsanitize=address,undefined \
                 -fno-sanitize-recover=undefined -fno-omit-frame-pointer \
                 -DRNLI_SANITIZE -DRNLI_POISON -DLUA_USE_APICHECK
CFLAGS_tsan    = -O1 -g -fsanitize=thread -DRNLI_SANITIZE
CFLAGS_debug   = -O0 -g -DRNLI_POISON -DLUA_USE_APICHECK

PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) $(LUA_PKG) $(EDIT_PKG) \
                2>/dev/null)
LIBS       := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lm -pthread
LUA_LIBS   := $(shell pkg-config --libs $(LUA_PKG) $(EDIT_PKG) 2>/dev/null)

BASE_CFLAGS = -std=c11 -D_DEFAULT_SOURCE -Isrc -I$(B)/obj -MMD -MP \
              -fPIC -fvisibility=hidden -ffp-contract=off -fno-math-errno \
              $(WARN) \
              $(CFLAGS_$(VARIANT)) $(if $(NATIVE),-march=native) \
              $(CPPFLAGS) $(CFLAGS)
ALL_CFLAGS  = $(PKG_CFLAGS) -pthread $(BASE_CFLAGS)

# what librnnlua_infer has in the place of other files of the engine
ALONE  := src/infer/alone.c src/infer/unicode.c
TYPED  := $(wildcard src/ops/*.c src/optim/*.c) src/kernels/kernels.c
ENGINE := $(wildcard src/core/*.c src/io/*.c src/text/*.c) \
          $(filter-out $(ALONE),$(wildcard src/infer/*.c)) \
          src/kernels/level.c src/kernels/unit.c
PROGRAM := src/bind/main.c src/bind/prompt.c
BIND   := $(filter-out $(PROGRAM),$(wildcard src/bind/*.c))
LUASRC := $(shell find lua/rnn -name '*.lua' | LC_ALL=C sort)

obj = $(patsubst src/%.c,$(B)/obj/%$(2).o,$(1))
ENGINE_OBJ = $(call obj,$(ENGINE)) $(call obj,$(TYPED),.f32) \
             $(call obj,$(TYPED),.f64)
BIND_OBJ   = $(call obj,$(BIND)) $(B)/obj/embedded.o

# librnnlua_infer: these files of the engine once more, without Lua, BLAS,
# utf8proc and threads (RNLI_INFER)
INFER_TEXT    = apart bpe class cut dates decode dict normal spell tokenizer \
                units utf8 vocab words
INFER_SRC     = $(addprefix src/kernels/,kernels.c level.c unit.c) \
                src/core/context.c src/core/rng.c src/core/tensor.c \
                $(addprefix src/io/,header.c source.c json.c decimal.c \
                  message.c) \
                $(filter-out src/infer/tensors.c,$(wildcard src/infer/*.c)) \
                $(INFER_TEXT:%=src/text/%.c)
INFER_CFLAGS  = $(BASE_CFLAGS) -DRNLI_INFER -ffunction-sections \
                -fdata-sections -fno-asynchronous-unwind-tables
INFER_OBJ     = $(INFER_SRC:src/%.c=$(B)/infer/obj/%.o)
AMALGAM       = $(B)/rnnlua_infer.c

# what makes the library smaller still, as far as compiler and linker know it
known   = $(if $(shell $(CC) -Werror $(1) -x c -shared -fPIC -o /dev/null \
            /dev/null 2>&1),,$(1))
once    = $(eval $(1) := $(foreach f,$(2),$(call known,$f)))$($(1))
SMALLER = $(call once,SMALLER,-fno-tree-ch -fno-move-loop-invariants \
            -fno-expensive-optimizations -fno-optimize-sibling-calls \
            -fno-thread-jumps -fno-tree-dominator-opts -fno-caller-saves \
            -fno-tree-loop-im)
LD_WORD = -Wl,-z,$(1)
PACKED  = $(call once,PACKED,$(call LD_WORD,noseparate-code) \
            $(call LD_WORD,pack-relative-relocs))

LIBRARIES   := librnnlua librnnlua_infer
SCRIPTS     := $(wildcard scripts/*.lua)
MAN         := $(B)/share/man/rnnlua.1
COMPLETIONS := $(B)/share/bash/rnnlua $(B)/share/zsh/_rnnlua \
               $(B)/share/fish/rnnlua.fish

.PHONY: all
all: module $(B)/rnnlua $(LIBRARIES:%=$(B)/%.so) $(LIBRARIES:%=$(B)/%.a) \
     $(AMALGAM) $(MAN) $(COMPLETIONS)

.PHONY: module
module: $(B)/rnn.so

# without the packages, say which are missing instead of failing to compile
ifneq ($(filter-out setup demo test clean help lint uninstall deb,\
       $(or $(MAKECMDGOALS),all)),)
  ifeq ($(shell scripts/setup.sh --check build >/dev/null 2>&1 && echo ok),)
    $(error $(shell scripts/setup.sh --check build 2>&1))
  endif
endif

# a shared library shows what src/exports.txt says, and calls its own
SHARED = $(CC) -shared $(CFLAGS_$(VARIANT)) $(LDFLAGS) \
         -Wl,-z,relro,-z,now,-Bsymbolic-functions \
         -Wl,--version-script=$(filter %.map,$^) -o $@ $(filter %.o,$^)
SONAME = -Wl,-soname,$(@F:.$(VERSION)=.$(ABI))

$(B)/rnn.so: $(ENGINE_OBJ) $(BIND_OBJ) $(B)/rnn.map
	$(SHARED) $(LIBS)

$(B)/rnnlua: $(ENGINE_OBJ) $(BIND_OBJ) $(call obj,$(PROGRAM))
	$(CC) $(CFLAGS_$(VARIANT)) -Wl,-E $(LDFLAGS) -o $@ $^ $(LUA_LIBS) $(LIBS)

# Lua's symbols are the host's
$(B)/librnnlua.so.$(VERSION): $(ENGINE_OBJ) $(BIND_OBJ) $(B)/librnnlua.map
	$(SHARED) $(SONAME) $(LIBS)

$(B)/librnnlua_infer.so.$(VERSION): $(INFER_OBJ) $(B)/librnnlua_infer.map
	$(SHARED) $(SONAME) -Wl,-z,defs,--gc-sections $(PACKED) -lm

$(LIBRARIES:%=$(B)/%.so.$(ABI)): %.so.$(ABI): %.so.$(VERSION)
	ln -sf $(<F) $@

$(LIBRARIES:%=$(B)/%.so): %.so: %.so.$(ABI)
	ln -sf $(<F) $@

$(B)/librnnlua.a: $(ENGINE_OBJ) $(BIND_OBJ)
	rm -f $@
	ar rcs $@ $^

$(B)/librnnlua_infer.a: $(INFER_OBJ)
	rm -f $@
	ar rcs $@ $^

$(B)/%.map: src/exports.lua src/exports.txt Makefile
	@mkdir -p $(@D)
	$(LUA) src/exports.lua src/exports.txt $* $(ABI) > $@.tmp
	@mv $@.tmp $@

$(B)/infer/obj/infer/unicode.o: $(B)/obj/infer/unicode_tables.h

# the same sources as one file, to be compiled by whoever wants it
$(AMALGAM): scripts/packaging/amalgamate.lua $(INFER_SRC) \
            $(B)/obj/infer/unicode_tables.h
	$(LUA) $< src:$(B)/obj $(INFER_SRC:src/%=%) > $@.tmp
	@mv $@.tmp $@

$(B)/infer/obj/kernels/%.o: private OPT = -Os
$(B)/infer/obj/infer/draw.o: private OPT = -O2
$(B)/infer/obj/%.o: private OPT = -Os $(SMALLER)
$(B)/infer/obj/%.o: src/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(INFER_CFLAGS) -c -o $@ $<

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

$(B)/unicode_tables: src/infer/tables/unicode.c \
                     $(B)/obj/text/unicode.o $(B)/obj/text/decode.o
	$(CC) $(ALL_CFLAGS) -o $@ $^ $(LIBS)

# the Lua half, inside the module
$(B)/obj/embedded.o: $(B)/obj/embedded.c
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(B)/obj/embedded.c: src/bind/embed.lua $(LUASRC) Makefile
	@mkdir -p $(@D)
	$(LUA) src/bind/embed.lua $(LUASRC) > $@.tmp
	@mv $@.tmp $@

# what the program and its scripts say of themselves
$(MAN): $(B)/rnnlua scripts/packaging/rnnlua.1.in scripts/packaging/man.lua \
        $(SCRIPTS)
	@mkdir -p $(@D)
	$(B)/rnnlua --help | \
	  $(B)/rnnlua scripts/packaging/man.lua $(filter %.in,$^) > $@.tmp
	@mv $@.tmp $@

$(COMPLETIONS): $(B)/rnnlua $(SCRIPTS)
	@mkdir -p $(@D)
	$(B)/rnnlua scripts/completion.lua $(notdir $(@D)) > $@.tmp
	@mv $@.tmp $@

-include $(shell find $(B) -name '*.d' 2>/dev/null)

# --- tests ------------------------------------------------------------------

CTEST := $(patsubst tests/c/test_%.c,$(B)/test_%,$(wildcard tests/c/test_*.c))

$(B)/test_unicode: $(B)/obj/infer/unicode_tables.h

$(B)/test_%: tests/c/test_%.c tests/c/harness.h $(B)/librnnlua.a
	$(CC) $(ALL_CFLAGS) -Itests/c -o $@ $< $(filter %.o,$^) \
	  $(B)/librnnlua.a \
	  $(shell pkg-config --libs $(LUA_PKG)) $(LIBS)

$(B)/test_hosts: tests/c/models.h

# as a host links it: without the engine
$(B)/test_infer: tests/c/test_infer.c tests/c/models.h tests/c/harness.h \
                 $(B)/librnnlua_infer.a
	$(CC) $(BASE_CFLAGS) -pthread -Itests/c -o $@ $< \
	  $(B)/librnnlua_infer.a -lm

# programs that run models, for the specs
INFER_TESTS := $(patsubst tests/c/%.c,$(B)/%,$(wildcard tests/c/infer_*.c))

$(B)/infer_%: tests/c/infer_%.c $(B)/librnnlua_infer.a
	$(CC) -std=c99 -pedantic -Isrc $(filter-out -Wvla,$(WARN)) \
	  $(CFLAGS_$(VARIANT)) -o $@ $< $(B)/librnnlua_infer.a -lm

# what specs compare the Lua half with, the second one without utf8proc
TEXT_TOOLS = $(B)/text_tool $(B)/text_tool_alone

$(B)/text_tool_alone: $(B)/obj/infer/unicode.o
$(TEXT_TOOLS): tests/c/text_tool.c $(B)/librnnlua.a
	$(CC) $(ALL_CFLAGS) -o $@ $(filter-out %.a,$^) $(B)/librnnlua.a $(LIBS)

# the kernels as a host may compile them, to compare bits
$(B)/test_kernels: $(B)/obj/plain_kernels.o
$(B)/obj/plain_kernels.o: src/kernels/kernels.c Makefile
	$(CC) -O2 -Isrc -MMD -MP -DRNLI_INFER -Drnli_kernels_f32=plain_kernels \
	  -Drnli_exps_f32=plain_exps -c -o $@ $<

$(B)/infer_fuzz: tests/fuzz/infer_fuzz.c tests/c/hostile.h tests/c/models.h \
                 $(B)/librnnlua_infer.a
	$(CC) $(BASE_CFLAGS) -Itests/c -o $@ $< $(B)/librnnlua_infer.a -lm

.PHONY: check
check: all $(CTEST) $(INFER_TESTS) $(TEXT_TOOLS) $(B)/infer_fuzz
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

# what hosts do with the libraries, under sanitizers too; how long steps take
.PHONY: hosts
hosts:
	@scripts/setup.sh test
	@$(MAKE) --no-print-directory -s -j2 all
	@$(B)/rnnlua tests/hosts/run.lua $(MAKE)

# model files that somebody has changed (FUZZ="times seed")
.PHONY: fuzz
fuzz:
	@$(MAKE) --no-print-directory -s -j2 all
	@$(MAKE) --no-print-directory -s VARIANT=asan build/asan/infer_fuzz
	@rm -rf $(B)/models && mkdir $(B)/models
	@$(B)/rnnlua tests/fuzz/models.lua $(B)/models
	@build/asan/infer_fuzz $(FUZZ) $(B)/models/*

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

# --- installing -------------------------------------------------------------

# where the Lua of a prefix looks for modules in C
lua_var   = $(shell pkg-config --variable=$(1) $(LUA_PKG) 2>/dev/null)
LUA_LOOKS = $(or $(if $(filter $(PREFIX),$(call lua_var,prefix)),$(call \
              lua_var,INSTALL_CMOD)),$(PREFIX)/lib/lua/5.4)

# name: the folder AT_name gets the files PUT_name
PLACES      = bin cmod lib archive include share scripts types doc man bash \
              zsh fish
SHARE       = $(PREFIX)/share
AT_bin      = $(PREFIX)/bin
PUT_bin     = $(B)/rnnlua
AT_cmod     = $(LUA_CMOD)
PUT_cmod    = $(B)/rnn.so
AT_lib      = $(LIBDIR)
PUT_lib     = $(LIBRARIES:%=$(B)/%.so.$(VERSION))
AT_archive  = $(LIBDIR)
PUT_archive = $(LIBRARIES:%=$(B)/%.a)
AT_include  = $(PREFIX)/include
PUT_include = src/rnl.h src/rnnlua.h $(wildcard src/rnnlua_infer.h)
AT_share    = $(SHARE)/rnnlua
PUT_share   = $(AMALGAM)
AT_scripts  = $(SHARE)/rnnlua/scripts
PUT_scripts = $(SCRIPTS)
AT_types    = $(SHARE)/rnnlua/types
PUT_types   = $(wildcard lua/types/*.lua)
AT_doc      = $(SHARE)/doc/rnnlua
PUT_doc     = README.md LICENSE
AT_man      = $(SHARE)/man/man1
PUT_man     = $(MAN)
AT_bash     = $(SHARE)/bash-completion/completions
PUT_bash    = $(filter %/rnnlua,$(COMPLETIONS))
AT_zsh      = $(SHARE)/zsh/site-functions
PUT_zsh     = $(filter %/_rnnlua,$(COMPLETIONS))
AT_fish     = $(SHARE)/fish/vendor_completions.d
PUT_fish    = $(filter %.fish,$(COMPLETIONS))
# folders of our own: gone when nothing is left in them
OURS        = scripts types share doc

# name.so -> name.so.ABI -> name.so.VERSION
LINKS  = $(LIBRARIES:%=$(B)/%.so.$(ABI)) $(LIBRARIES:%=$(B)/%.so)
# rnnlua_infer is called rnnlua-infer there
PC     = $(subst _,-,$(LIBRARIES:lib%=%.pc))
PC_DIR = $(LIBDIR)/pkgconfig
PC_SED = sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' \
             -e 's|@LIBDIR@|$(patsubst $(PREFIX)/%,$${prefix}/%,$(LIBDIR))|' \
             -e 's|@PKGS@|$(PKGS)|'

define put
$(if $(PUT_$(1)),install -d '$(DESTDIR)$(AT_$(1))')
$(if $(PUT_$(1)),install -m $(if $(filter bin cmod lib,$(1)),755,644) \
  $(PUT_$(1)) '$(DESTDIR)$(AT_$(1))')

endef

define put_pc
$(PC_SED) scripts/packaging/$(1).in | \
  install -m 644 /dev/stdin '$(DESTDIR)$(PC_DIR)/$(1)'

endef

# the files $(2) of the folder $(1)
define take
rm -f $(patsubst %,'$(DESTDIR)$(1)/%',$(2))

endef

.PHONY: install
install: all
	$(foreach p,$(PLACES),$(call put,$p))
	cp -P $(LINKS) '$(DESTDIR)$(LIBDIR)'
	install -d '$(DESTDIR)$(PC_DIR)'
	$(foreach p,$(PC),$(call put_pc,$p))

.PHONY: install-module
install-module: module
	$(call put,cmod)

.PHONY: uninstall
uninstall:
	$(foreach p,$(PLACES),$(call take,$(AT_$p),$(notdir $(PUT_$p))))
	$(call take,$(LIBDIR),$(notdir $(LINKS)))
	$(call take,$(PC_DIR),$(PC))
	rmdir $(foreach p,$(OURS),'$(DESTDIR)$(AT_$p)') 2>/dev/null || :

# Debian's packages, in build/deb; the tests are those of the tree they are of
DEB := build/deb/rnnlua-$(VERSION)

.PHONY: deb
deb:
	@scripts/setup.sh deb
	rm -rf build/deb
	mkdir -p $(DEB)
	cp -R src lua scripts tests corpora Makefile README.md LICENSE $(DEB)
	cp -R scripts/packaging/debian $(DEB)
	cd $(DEB) && DEB_BUILD_OPTIONS=nocheck \
	  dpkg-buildpackage -us -uc -b -Pnocheck -jauto
	lintian build/deb/*.changes

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
	@echo 'make hosts      programs with the libraries inside, and their speed'
	@echo 'make fuzz       a million model files that somebody has changed'
	@echo 'make lint       style and layering'
	@echo 'make install    into PREFIX ($(PREFIX)); uninstall removes it'
	@echo 'make deb        packages for Debian, in build/deb'
	@echo 'make setup      install missing packages   make clean'
	@echo 'knobs: CC CFLAGS LUA VARIANT=release|asan|debug NATIVE=1'
	@echo '       PREFIX DESTDIR LIBDIR LUA_CMOD (where Lua looks for rnn.so)'
