/*
** bind_optim.c - optimizers, vectors and initial values as Lua sees them.
** core.optim.<kind>(params, options, class, member, groups) makes an optimizer,
** with parameter i in group member[i]. The userdata keeps as user values the
** table of parameters, whose field 'names' is for messages and state, the name
** of its class, and 'groups', which Lua fills: what opt.groups gives.
*/
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "bind/bind.h"

static const char *const OPTIM = "rnn.Optim";

enum { PARAMS = 1, CLASS, GROUPS };   /* user values */

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
  lua_settop(L, 1);
  lua_getiuservalue(L, 1, PARAMS);
  if (lua_getfield(L, -1, "names") == LUA_TTABLE &&
      lua_geti(L, -1, i + 1) == LUA_TSTRING) {
    lua_replace(L, 2);
    lua_settop(L, 2);
    return;
  }
  lua_settop(L, 1);
  lua_pushfstring(L, "%d", i + 1);
}

/* {== Making ============================================================= */

/* The value of option 'name' at 'at'. */
static double to_value (lua_State *L, const rnl_Optim *opt, const char *name,
                        int at) {
  if (lua_isboolean(L, at)) return lua_toboolean(L, at);
  if (lua_type(L, at) != LUA_TNUMBER)
    luaL_error(L, "%s: '%s' must be a number, got %s",
               rnl_optim_at(rnl_optim_kind(opt))->name, name,
               luaL_typename(L, at));
  return lua_tonumber(L, at);
}


static void set_option (lua_State *L, rnl_Optim *opt, const char *name,
                        int at) {
  rnnlua_check(L, rnl_optim_set(opt, name, to_value(L, opt, name, at)));
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


/* Sorts parameters into the groups that the list at 'at' says. */
static void divide (lua_State *L, const Optim *h, int at) {
  int *member = lua_newuserdatauv(L, (size_t)h->n * sizeof *member + 1, 0);
  int groups = 1;
  for (int i = 0; i < h->n; i++) {
    lua_geti(L, at, i + 1);
    member[i] = (int)luaL_checkinteger(L, -1) - 1;
    if (member[i] >= groups) groups = member[i] + 1;
    lua_pop(L, 1);
  }
  rnnlua_check(L, rnl_optim_divide(h->opt, member, groups));
  lua_pop(L, 1);
}


/* Upvalue: row. Arguments: see the head of this file. */
static int l_new (lua_State *L) {
  int row = (int)lua_tointeger(L, lua_upvalueindex(1));
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 5);
  if (!lua_isnil(L, 2)) luaL_checktype(L, 2, LUA_TTABLE);
  luaL_optstring(L, 3, NULL);
  if (!lua_isnil(L, 4)) luaL_checktype(L, 4, LUA_TTABLE);
  lua_Integer n = luaL_len(L, 1);
  if (n > INT_MAX / 64) luaL_error(L, "too many parameters");
  rnl_Tensor **param =
      lua_newuserdatauv(L, (size_t)n * sizeof *param + 1, 0);
  for (int i = 0; i < n; i++) {
    lua_geti(L, 1, i + 1);
    param[i] = rnnlua_checktensor(L, -1);
    lua_pop(L, 1);
  }
  Optim *h = lua_newuserdatauv(L, sizeof *h, 3);
  *h = (Optim){NULL, (int)n};
  luaL_setmetatable(L, OPTIM);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, PARAMS);
  lua_pushvalue(L, 3);
  lua_setiuservalue(L, -2, CLASS);
  lua_pushvalue(L, 5);
  lua_setiuservalue(L, -2, GROUPS);
  rnnlua_check(L, rnl_optim_new(rnnlua_context(L), row, param, (int)n,
                                &h->opt));
  charge_slots(L, h);
  if (!lua_isnil(L, 4)) divide(L, h, 4);
  if (!lua_isnil(L, 2)) set_options(L, h->opt, 2);
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
  for (int i = 0; rnl_optim_clip(i); i++) {
    rnnlua_check(L, rnl_optim_get(h->opt, rnl_optim_clip(i), &x));
    lua_pushnumber(L, x);
    lua_setfield(L, -2, rnl_optim_clip(i));
  }
  return 1;
}


/* {{name =, steps =, slots = {m = tensor, ...}}, ...}; live tensors. */
static int l_state (lua_State *L) {
  Optim *h = check_optim(L);
  lua_settop(L, 1);
  lua_getiuservalue(L, 1, PARAMS);
  lua_getfield(L, -1, "names");
  int names = lua_gettop(L);
  lua_createtable(L, h->n, 0);
  for (int i = 0; i < h->n; i++) {
    lua_createtable(L, 0, 3);
    if (lua_istable(L, names)) lua_geti(L, names, i + 1);
    else lua_pushinteger(L, i + 1);
    lua_setfield(L, -2, "name");
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
  if (strcmp(name, "kind") == 0)
    return lua_pushstring(L, kind_of(h)->name), 1;
  if (strcmp(name, "params") == 0)
    return lua_getiuservalue(L, 1, PARAMS), 1;
  if (strcmp(name, "groups") == 0)
    return lua_getiuservalue(L, 1, GROUPS), 1;
  rnnlua_check(L, rnl_optim_get(h->opt, name, &x));
  lua_pushnumber(L, x);
  return 1;
}


static int l_newindex (lua_State *L) {
  Optim *h = check_optim(L);
  set_option(L, h->opt, luaL_checkstring(L, 2), 3);
  return 0;
}


/* The number of a group at 'arg', from 0. */
static int check_group (lua_State *L, const Optim *h, int arg) {
  return rnnlua_checkint(L, arg, 1, rnl_optim_groups(h->opt)) - 1;
}


/* optim_group_get(opt, group, name) */
static int l_group_get (lua_State *L) {
  Optim *h = check_optim(L);
  double x;
  rnnlua_check(L, rnl_optim_group_get(h->opt, check_group(L, h, 2),
                                      luaL_checkstring(L, 3), &x));
  lua_pushnumber(L, x);
  return 1;
}


/* optim_group_set(opt, group, name, value) */
static int l_group_set (lua_State *L) {
  Optim *h = check_optim(L);
  int g = check_group(L, h, 2);
  const char *name = luaL_checkstring(L, 3);
  rnnlua_check(L, rnl_optim_group_set(h->opt, g, name,
                                      to_value(L, h->opt, name, 4)));
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
  if (lua_getiuservalue(L, 1, CLASS) != LUA_TSTRING)
    lua_pushstring(L, kind_of(h)->name);
  const char *name = lua_tostring(L, -1);   /* lives below the buffer */
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  luaL_addstring(&b, name);
  luaL_addstring(&b, text);
  for (const rnl_Hyper *p = kind_of(h)->hyper; p->name; p++)
    if (strcmp(p->name, "lr") != 0) add_option(&b, h, p->name, p->value);
  for (int i = 0; rnl_optim_clip(i); i++)
    add_option(&b, h, rnl_optim_clip(i), 0);
  luaL_addchar(&b, ')');
  luaL_pushresult(&b);
  return 1;
}

/* }====================================================================== */

/* {== Vectors ============================================================ */

static rnl_Tensor *check_real (lua_State *L, int arg) {
  rnl_Tensor *t = rnnlua_checktensor(L, arg);
  if (rnl_dtype(t) == RNL_I32)
    luaL_argerror(L, arg, "must be float32 or float64, got int32");
  return t;
}


/* The tensor at 'arg', with as many elements as 'like'. */
static rnl_Tensor *check_like (lua_State *L, int arg, const rnl_Tensor *like) {
  rnl_Tensor *t = check_real(L, arg);
  if (rnl_count(t) != rnl_count(like))
    luaL_argerror(L, arg, "of another size than the first");
  return t;
}


static int l_dot (lua_State *L) {
  rnl_Tensor *x = check_real(L, 1);
  lua_pushnumber(L, rnl_vec_dot(x, check_like(L, 2, x)));
  return 1;
}


static int l_norm1 (lua_State *L) {
  lua_pushnumber(L, rnl_vec_norm1(check_real(L, 1)));
  return 1;
}


static int l_most (lua_State *L) {
  lua_pushnumber(L, rnl_vec_most(check_real(L, 1)));
  return 1;
}


/* sum(z, a, x, b, y): z = a*x + b*y */
static int l_sum (lua_State *L) {
  rnl_Tensor *z = check_real(L, 1);
  double a = luaL_checknumber(L, 2), b = luaL_checknumber(L, 4);
  const rnl_Tensor *x = check_like(L, 3, z), *y = check_like(L, 5, z);
  rnl_vec_sum(z, a, x, b, y);
  return 0;
}


/* Tensors i of the tables at 1 and 2, which Lua has checked to be alike. */
static rnl_Tensor *pair_at (lua_State *L, lua_Integer i, rnl_Tensor **y) {
  lua_settop(L, 3);
  lua_geti(L, 1, i);
  lua_geti(L, 2, i);
  rnl_Tensor *x = check_real(L, 4);
  *y = check_like(L, 5, x);
  return x;
}


/* lerp(xs, ys, w): x += (y - x) * w, tensor by tensor of two tables */
static int l_lerp (lua_State *L) {
  double w = luaL_checknumber(L, 3);
  lua_Integer n = luaL_len(L, 1);
  for (lua_Integer i = 1; i <= n; i++) {
    rnl_Tensor *y, *x = pair_at(L, i, &y);
    rnl_vec_lerp(x, y, w);
  }
  return 0;
}


/* swap(xs, ys): exchanges numbers, tensor by tensor of two tables */
static int l_swap (lua_State *L) {
  lua_Integer n = luaL_len(L, 1);
  for (lua_Integer i = 1; i <= n; i++) {
    rnl_Tensor *y, *x = pair_at(L, i, &y);
    rnl_vec_swap(x, y);
  }
  return 0;
}


/* The tensor on top, whose elements lie in 'flat' from 'at' on. */
static rnl_Tensor *check_part (lua_State *L, const rnl_Tensor *flat,
                               size_t at) {
  rnl_Tensor *x = check_real(L, lua_gettop(L));
  if (rnl_count(x) > rnl_count(flat) - at)
    luaL_error(L, "the vector has not as many elements as its parts");
  return x;
}


/* gather(flat, params): the parameters, one after the other */
static int l_gather (lua_State *L) {
  rnl_Tensor *flat = check_real(L, 1);
  size_t at = 0;
  lua_Integer n = luaL_len(L, 2);
  for (lua_Integer i = 1; i <= n; i++) {
    lua_geti(L, 2, i);
    rnl_Tensor *x = check_part(L, flat, at);
    rnl_vec_put(flat, at, x);
    at += rnl_count(x);
    lua_pop(L, 1);
  }
  return 0;
}


/* gather_grad(flat, params): their gradients, 0 where there is none */
static int l_gather_grad (lua_State *L) {
  rnl_Tensor *flat = check_real(L, 1);
  size_t at = 0;
  lua_Integer n = luaL_len(L, 2);
  rnl_fill(flat, 0);
  for (lua_Integer i = 1; i <= n; i++) {
    lua_geti(L, 2, i);
    rnl_Tensor *x = check_part(L, flat, at);
    if (rnl_grad(x)) rnl_vec_put(flat, at, rnl_grad(x));
    at += rnl_count(x);
    lua_pop(L, 1);
  }
  return 0;
}


/* clear_grad(params) */
static int l_clear_grad (lua_State *L) {
  lua_Integer n = luaL_len(L, 1);
  for (lua_Integer i = 1; i <= n; i++) {
    lua_geti(L, 1, i);
    rnl_clear_grad(check_real(L, lua_gettop(L)));
    lua_pop(L, 1);
  }
  return 0;
}


/* scatter(params, flat): what gather took, back */
static int l_scatter (lua_State *L) {
  rnl_Tensor *flat = check_real(L, 2);
  size_t at = 0;
  lua_Integer n = luaL_len(L, 1);
  for (lua_Integer i = 1; i <= n; i++) {
    lua_geti(L, 1, i);
    rnl_Tensor *x = check_part(L, flat, at);
    rnl_vec_take(x, flat, at);
    at += rnl_count(x);
    lua_pop(L, 1);
  }
  return 0;
}

/* }====================================================================== */

/* {== Initial values ===================================================== */

static int l_fill_uniform (lua_State *L) {
  rnl_Tensor *t = check_real(L, 1);
  rnl_fill_uniform(t, luaL_checknumber(L, 2), luaL_checknumber(L, 3));
  lua_settop(L, 1);
  return 1;
}


static int l_fill_normal (lua_State *L) {
  rnl_Tensor *t = check_real(L, 1);
  rnl_fill_normal(t, luaL_checknumber(L, 2), luaL_checknumber(L, 3));
  lua_settop(L, 1);
  return 1;
}


static int l_fill_orthogonal (lua_State *L) {
  rnnlua_check(L, rnl_fill_orthogonal(check_real(L, 1),
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
  {"optim_group_get", l_group_get},
  {"optim_group_set", l_group_set},
  {NULL, NULL}
};

static const luaL_Reg vector[] = {
  {"dot", l_dot}, {"norm1", l_norm1}, {"most", l_most}, {"sum", l_sum},
  {"lerp", l_lerp}, {"swap", l_swap}, {"gather", l_gather},
  {"gather_grad", l_gather_grad}, {"clear_grad", l_clear_grad},
  {"scatter", l_scatter}, {NULL, NULL}
};


void rnnlua_open_optim (lua_State *L) {
  luaL_setfuncs(L, functions, 0);
  luaL_newlib(L, vector);
  lua_setfield(L, -2, "vector");
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
