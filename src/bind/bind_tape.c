/*
** bind_tape.c - the tape as a Lua value: `local tape <close> = rnn.tape()`.
*/
#include "bind/bind.h"

static const char *const TAPE = "rnn.Tape";

typedef struct Tape {
  rnl_Tape *tape;   /* NULL: closed */
} Tape;


/*
** A tape whose handle was dropped without closing stays open until Lua
** collects it; so collect before giving up.
*/
static int l_tape (lua_State *L) {
  rnl_Context *ctx = rnnlua_context(L);
  if (rnl_tape(ctx)) lua_gc(L, LUA_GCCOLLECT);
  Tape *h = lua_newuserdatauv(L, sizeof *h, 0);
  h->tape = NULL;
  luaL_setmetatable(L, TAPE);
  rnnlua_check(L, rnl_tape_open(ctx, &h->tape));
  return 1;
}


/* Is a tape open? What only training does asks. */
static int l_taped (lua_State *L) {
  lua_pushboolean(L, rnl_tape(rnnlua_context(L)) != NULL);
  return 1;
}


static Tape *check_tape (lua_State *L) {
  Tape *h = luaL_checkudata(L, 1, TAPE);
  if (!h->tape) luaL_argerror(L, 1, "attempt to use a closed tape");
  return h;
}


static int l_backward (lua_State *L) {
  Tape *h = check_tape(L);
  rnnlua_check(L, rnl_backward(h->tape, rnnlua_checktensor(L, 2)));
  return 0;
}


static int l_close (lua_State *L) {
  Tape *h = luaL_checkudata(L, 1, TAPE);
  rnl_tape_close(h->tape);
  h->tape = NULL;
  return 0;
}


static int l_len (lua_State *L) {
  lua_pushinteger(L, (lua_Integer)rnl_tape_length(check_tape(L)->tape));
  return 1;
}


static int l_tostring (lua_State *L) {
  Tape *h = luaL_checkudata(L, 1, TAPE);
  if (h->tape)
    lua_pushfstring(L, "tape (%I ops)",
                    (LUAI_UACINT)rnl_tape_length(h->tape));
  else
    lua_pushliteral(L, "tape (closed)");
  return 1;
}


void rnnlua_open_tape (lua_State *L) {
  static const luaL_Reg methods[] = {
    {"backward", l_backward}, {"close", l_close}, {NULL, NULL}};
  static const luaL_Reg meta[] = {
    {"__gc", l_close}, {"__close", l_close}, {"__len", l_len},
    {"__tostring", l_tostring}, {NULL, NULL}};
  luaL_newmetatable(L, TAPE);
  luaL_setfuncs(L, meta, 0);
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  lua_pushcfunction(L, l_tape);
  lua_setfield(L, -2, "tape");
  lua_pushcfunction(L, l_taped);
  lua_setfield(L, -2, "taped");
}
