# rnnlua - user knobs, then: nothing below needs changing
CC        = cc
LUA       = lua5.4
PREFIX    = /usr/local
VARIANT   = release
DATA      =
OPT       = -O3
NATIVE    =

PKGS      = openblas libutf8proc jansson
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

ALL_CFLAGS = -std=c11 -D_DEFAULT_SOURCE -Isrc $(PKG_CFLAGS) -MMD -MP -fPIC \
             -fvisibility=hidden -ffp-contract=off -fno-math-errno -pthread \
             $(WARN) $(CFLAGS_$(VARIANT)) $(if $(NATIVE),-march=native) \
             $(CFLAGS)

TYPED  := $(wildcard src/ops/*.c src/optim/*.c)
ENGINE := $(wildcard src/core/*.c src/io/*.c src/text/*.c)
BIND   := $(filter-out src/bind/main.c,$(wildcard src/bind/*.c))
LUASRC := $(shell find lua -name '*.lua' | LC_ALL=C sort)

obj = $(patsubst src/%.c,$(B)/obj/%$(2).o,$(1))
ENGINE_OBJ = $(call obj,$(ENGINE)) $(call obj,$(TYPED),.f32) \
             $(call obj,$(TYPED),.f64)
BIND_OBJ   = $(call obj,$(BIND)) $(B)/obj/embedded.o

.PHONY: all
all: $(B)/rnn.so $(B)/rnnlua $(B)/librnnlua.a

$(B)/rnn.so: $(ENGINE_OBJ) $(BIND_OBJ)
	$(CC) -shared $(CFLAGS_$(VARIANT)) $(LDFLAGS) -o $@ $^ $(LIBS)

$(B)/rnnlua: $(ENGINE_OBJ) $(BIND_OBJ) $(B)/obj/bind/main.o
	$(CC) $(CFLAGS_$(VARIANT)) -Wl,-E $(LDFLAGS) -o $@ $^ $(LUA_LIBS) $(LIBS)

$(B)/librnnlua.a: $(ENGINE_OBJ) $(BIND_OBJ)
	rm -f $@
	ar rcs $@ $^

$(B)/obj/%.f32.o: src/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(B)/obj/%.f64.o: src/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -DRNLI_F64 -c -o $@ $<

$(B)/obj/%.o: src/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

# the Lua half, inside the module
$(B)/obj/embedded.o: $(B)/obj/embedded.c
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(B)/obj/embedded.c: src/bind/embed.lua $(LUASRC) Makefile
	@mkdir -p $(@D)
	$(LUA) src/bind/embed.lua $(LUASRC) > $@.tmp
	@mv $@.tmp $@

-include $(shell find $(B) -name '*.d' 2>/dev/null)

.PHONY: clean
clean:
	rm -rf build
