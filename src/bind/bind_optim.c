/*
** bind_optim.c - optimizers and initial values as Lua sees them.
** core.optim.<kind>(params, names, options) makes an optimizer; the userdata
** keeps as user values the table of names, for messages and state, and the
** name of its class.
*/
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "bind/bind.h"

static const char *const OPTIM = "rnn.Optim";

/* What every kind has beside the hyper-parameters of its row; 0 is off. */
static const char *const clip_name[] = {"clip_norm", "clip_value", NULL};

typedef struct Optim {
  rnl_Optim *opt;   /* NULL: closed */
  int n;
} Optim;


static Optim *check_optim (lua_State *L) {
  Optim *h = luaL_checkudata(L, 1, OPTIM);
  if (!h->opt) luaL_argerror(L, 1, "attempt to use a closed optimizer");
  return h;
}


static const rnl_OptimKind *kind_of (const Optim *h) {
  return rnl_optim_at(rnl_optim_kind(h->opt));
}


/* Pushes the name of parameter i (from 0): "lstm.weight_hh_l0" or "3". */
static void push_name (lua_State *L, int i) {
  if (lua_getiuservalue(L, 1, 1) == LUA_TTABLE &&
      lua_geti(L, -1, i + 1) == LUA_TSTRING) {
    lua_remove(L, -2);
    return;
  }
  lua_settop(L, 1);
  lua_pushfstring(L, "%d", i + 1);
}

/* {== Making ============================================================= */

static void set_option (lua_State *L, rnl_Optim *opt, const char *name,
                        int at) {
  double x = 0;
  if (lua_type(L, at) == LUA_TNUMBER) x = lua_tonumber(L, at);
  else if (lua_isboolean(L, at)) x = lua_toboolean(L, at);
  else luaL_error(L, "%s: '%s' must be a number, got %s",
                  rnl_optim_at(rnl_optim_kind(opt))->name, name,
                  luaL_typename(L, at));
  rnnlua_check(L, rnl_optim_set(opt, name, x));
}


static void set_options (lua_State *L, rnl_Optim *opt, int at) {
  lua_pushnil(L);
  while (lua_next(L, at)) {
    if (lua_type(L, -2) != LUA_TSTRING)
      luaL_error(L, "options are a table {name = value}");
    set_option(L, opt, lua_tostring(L, -2), lua_gettop(L));
    lua_pop(L, 1);
  }
}


/* Tells the collector of the memory of the slots. */
static void charge_slots (lua_State *L, const Optim *h) {
  for (int i = 0; i < h->n; i++)
    for (int s = 0; kind_of(h)->slot[s]; s++)
      rnnlua_charge(L, rnl_optim_slot(h->opt, i, s));
}


/* Upvalue: row. Arguments: parameters, their names, options, class name. */
static int l_new (lua_State *L) {
  int row = (int)lua_tointeger(L, lua_upvalueindex(1));
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 4);
  if (!lua_isnil(L, 2)) luaL_checktype(L, 2, LUA_TTABLE);
  if (!lua_isnil(L, 3)) luaL_checktype(L, 3, LUA_TTABLE);
  luaL_optstring(L, 4, NULL);
  lua_Integer n = luaL_len(L, 1);
  if (n > INT_MAX / 64) luaL_error(L, "too many parameters");
  rnl_Tensor **param =
      lua_newuserdatauv(L, (size_t)n * sizeof *param + 1, 0);
  for (int i = 0; i < n; i++) {
    lua_geti(L, 1, i + 1);
    param[i] = rnnlua_checktensor(L, -1);
    lua_pop(L, 1);
  }
  Optim *h = lua_newuserdatauv(L, sizeof *h, 2);
  *h = (Optim){NULL, (int)n};
  luaL_setmetatable(L, OPTIM);
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, -2, 1);
  lua_pushvalue(L, 4);
  lua_setiuservalue(L, -2, 2);
  rnnlua_check(L, rnl_optim_new(rnnlua_context(L), row, param, (int)n,
                                &h->opt));
  charge_slots(L, h);
  if (!lua_isnil(L, 3)) set_options(L, h->opt, 3);
  return 1;
}


static int l_close (lua_State *L) {
  Optim *h = luaL_checkudata(L, 1, OPTIM);
  rnl_optim_free(h->opt);
  h->opt = NULL;
  return 0;
}

/* }====================================================================== */

/* {== Stepping =========================================================== */

static int l_step (lua_State *L) {
  Optim *h = check_optim(L);
  double norm;
  int bad;
  lua_settop(L, 1);
  int status = rnl_optim_step(h->opt, &norm, &bad);
  if (status == RNL_EDIVERGED && bad >= 0) {
    push_name(L, bad);
    char number[32];
    snprintf(number, sizeof number, "%llu",
             (unsigned long long)rnl_optim_steps(h->opt, bad) + 1);
    return luaL_error(L, "%s: gradient of '%s' is not finite at step %s; the "
                      "step was not applied", kind_of(h)->name,
                      lua_tostring(L, -1), number);
  }
  rnnlua_check(L, status);
  lua_pushnumber(L, norm);
  return 1;
}


/* norm() -> norm of all gradients, name of the first that is not finite */
static int l_norm (lua_State *L) {
  Optim *h = check_optim(L);
  int bad;
  double norm = rnl_optim_norm(h->opt, &bad);
  lua_settop(L, 1);
  if (bad >= 0) push_name(L, bad);
  else lua_pushnil(L);
  lua_pushnumber(L, norm);
  lua_insert(L, -2);
  return 2;
}


/* Clears the gradients: what a step does, without the step. */
static int l_zero (lua_State *L) {
  Optim *h = check_optim(L);
  rnl_optim_clear(h->opt);
  return 0;
}

/* }====================================================================== */

/* {== Hyper-parameters and state ========================================= */

static int l_hyper (lua_State *L) {
  Optim *h = check_optim(L);
  double x;
  lua_newtable(L);
  for (const rnl_Hyper *p = kind_of(h)->hyper; p->name; p++) {
    rnnlua_check(L, rnl_optim_get(h->opt, p->name, &x));
    lua_pushnumber(L, x);
    lua_setfield(L, -2, p->name);
  }
  for (int i = 0; clip_name[i]; i++) {
    rnnlua_check(L, rnl_optim_get(h->opt, clip_name[i], &x));
    lua_pushnumber(L, x);
    lua_setfield(L, -2, clip_name[i]);
  }
  return 1;
}


/* {{name =, steps =, slots = {m = tensor, ...}}, ...}; live tensors. */
static int l_state (lua_State *L) {
  Optim *h = check_optim(L);
  lua_settop(L, 1);
  lua_createtable(L, h->n, 0);
  for (int i = 0; i < h->n; i++) {
    lua_createtable(L, 0, 3);
    lua_getiuservalue(L, 1, 1);
    if (lua_istable(L, -1)) lua_geti(L, -1, i + 1);
    else lua_pushinteger(L, i + 1);
    lua_setfield(L, -3, "name");
    lua_pop(L, 1);
    lua_pushinteger(L, (lua_Integer)rnl_optim_steps(h->opt, i));
    lua_setfield(L, -2, "steps");
    lua_newtable(L);
    for (int s = 0; kind_of(h)->slot[s]; s++) {
      rnnlua_pushtensor(L, rnl_optim_slot(h->opt, i, s));
      lua_setfield(L, -2, kind_of(h)->slot[s]);
    }
    lua_setfield(L, -2, "slots");
    lua_seti(L, -2, i + 1);
  }
  return 1;
}


/* set_steps(i, n): the count of updates of parameter i, from 1. */
static int l_set_steps (lua_State *L) {
  Optim *h = check_optim(L);
  int i = rnnlua_checkint(L, 2, 1, h->n);
  lua_Integer n = luaL_checkinteger(L, 3);
  luaL_argcheck(L, n >= 0, 3, "must not be negative");
  rnl_optim_set_steps(h->opt, i - 1, (uint64_t)n);
  return 0;
}


/* Methods are there after closing too, so that close may be called again. */
static int l_index (lua_State *L) {
  const char *name = luaL_checkstring(L, 2);
  double x;
  if (lua_getfield(L, lua_upvalueindex(1), name) != LUA_TNIL) return 1;
  Optim *h = check_optim(L);
  if (strcmp(name, "kind") == 0) {
    lua_pushstring(L, kind_of(h)->name);
    return 1;
  }
  rnnlua_check(L, rnl_optim_get(h->opt, name, &x));
  lua_pushnumber(L, x);
  return 1;
}


static int l_newindex (lua_State *L) {
  Optim *h = check_optim(L);
  set_option(L, h->opt, luaL_checkstring(L, 2), 3);
  return 0;
}


static void add_option (luaL_Buffer *b, const Optim *h, const char *name,
                        double usual) {
  char text[64];
  double x = usual;
  rnl_optim_get(h->opt, name, &x);
  if (x == usual) return;
  snprintf(text, sizeof text, ", %s=%g", name, x);
  luaL_addstring(b, text);
}


/* Adam(lr=0.002, clip_norm=5): lr, and what is not the default. */
static int l_tostring (lua_State *L) {
  Optim *h = luaL_checkudata(L, 1, OPTIM);
  if (!h->opt) {
    lua_pushliteral(L, "optimizer (closed)");
    return 1;
  }
  double lr = 0;
  rnl_optim_get(h->opt, "lr", &lr);
  char text[48];
  snprintf(text, sizeof text, "(lr=%g", lr);
  if (lua_getiuservalue(L, 1, 2) != LUA_TSTRING)
    lua_pushstring(L, kind_of(h)->name);
  const char *name = lua_tostring(L, -1);   /* lives below the buffer */
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  luaL_addstring(&b, name);
  luaL_addstring(&b, text);
  for (const rnl_Hyper *p = kind_of(h)->hyper; p->name; p++)
    if (strcmp(p->name, "lr") != 0) add_option(&b, h, p->name, p->value);
  for (int i = 0; clip_name[i]; i++) add_option(&b, h, clip_name[i], 0);
  luaL_addchar(&b, ')');
  luaL_pushresult(&b);
  return 1;
}

/* }====================================================================== */

/* {== Initial values ===================================================== */

static rnl_Tensor *check_real (lua_State *L) {
  rnl_Tensor *t = rnnlua_checktensor(L, 1);
  if (rnl_dtype(t) == RNL_I32)
    luaL_argerror(L, 1, "must be float32 or float64, got int32");
  return t;
}


static int l_fill_uniform (lua_State *L) {
  rnl_Tensor *t = check_real(L);
  rnl_fill_uniform(t, luaL_checknumber(L, 2), luaL_checknumber(L, 3));
  lua_settop(L, 1);
  return 1;
}


static int l_fill_normal (lua_State *L) {
  rnl_Tensor *t = check_real(L);
  rnl_fill_normal(t, luaL_checknumber(L, 2), luaL_checknumber(L, 3));
  lua_settop(L, 1);
  return 1;
}


static int l_fill_orthogonal (lua_State *L) {
  rnnlua_check(L, rnl_fill_orthogonal(check_real(L),
                                      luaL_optnumber(L, 2, 1)));
  lua_settop(L, 1);
  return 1;
}

/* }====================================================================== */

static const luaL_Reg methods[] = {
  {"step", l_step}, {"norm", l_norm}, {"zero", l_zero}, {"hyper", l_hyper},
  {"state", l_state}, {"set_steps", l_set_steps}, {"close", l_close},
  {NULL, NULL}
};

static const luaL_Reg meta[] = {
  {"__gc", l_close}, {"__close", l_close}, {"__tostring", l_tostring},
  {"__newindex", l_newindex}, {NULL, NULL}
};

static const luaL_Reg functions[] = {
  {"fill_uniform", l_fill_uniform},
  {"fill_normal", l_fill_normal},
  {"fill_orthogonal", l_fill_orthogonal},
  {NULL, NULL}
};


void rnnlua_open_optim (lua_State *L) {
  luaL_setfuncs(L, functions, 0);
  luaL_newmetatable(L, OPTIM);
  luaL_setfuncs(L, meta, 0);
  luaL_newlib(L, methods);
  lua_pushvalue(L, -1);
  lua_setfield(L, -4, "optim_methods");
  lua_pushcclosure(L, l_index, 1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  lua_createtable(L, 0, rnl_optim_count());
  for (int row = 0; row < rnl_optim_count(); row++) {
    lua_pushinteger(L, row);
    lua_pushcclosure(L, l_new, 1);
    lua_setfield(L, -2, rnl_optim_at(row)->name);
  }
  lua_setfield(L, -2, "optim");
}
