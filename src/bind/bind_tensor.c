/*
** bind_tensor.c - tensors as Lua values: making, reading, printing.
** int32 tensors hold ids: one less in C than what Lua sees.
*/
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "bind/bind.h"

static const char *const TENSOR = "rnn.Tensor";

/* {== Handles ============================================================ */

rnnlua_Handle *rnnlua_newhandle (lua_State *L) {
  rnnlua_Handle *h = lua_newuserdatauv(L, sizeof *h, 0);
  memset(h, 0, sizeof *h);
  luaL_setmetatable(L, TENSOR);
  return h;
}


void rnnlua_fill (rnnlua_Handle *h, rnl_Tensor *t) {
  h->ctx = rnl_context_of(t);
  h->t = t;
  h->serial = rnl_serial(t);
  h->owned = !rnl_on_tape(t);
  rnl_context_retain(h->ctx);
}


static void let_go (rnnlua_Handle *h) {
  if (!h->ctx) return;
  if (h->owned) rnl_release(h->t);
  rnl_context_release(h->ctx);
  h->ctx = NULL;
}


void rnnlua_pushtensor (lua_State *L, rnl_Tensor *t) {
  rnnlua_Handle *h = rnnlua_newhandle(L);
  if (!rnl_on_tape(t)) rnl_retain(t);
  rnnlua_fill(h, t);
}


void rnnlua_pusharray (lua_State *L, rnl_Dtype dtype, int ndim, const int *dim,
                       void *data, rnl_Done done, void *ud) {
  rnnlua_Handle *h = rnnlua_newhandle(L);
  rnl_Tensor *t;
  rnnlua_check(L, rnl_tensor_wrap(rnnlua_context(L), dtype, ndim, dim, data,
                                  done, ud, &t));
  rnnlua_fill(h, t);
}


rnl_Tensor *rnnlua_checktensor (lua_State *L, int arg) {
  rnnlua_Handle *h = luaL_checkudata(L, arg, TENSOR);
  if (!h->ctx) luaL_argerror(L, arg, "attempt to use a closed tensor");
  if (!h->owned && rnl_serial(h->t) != h->serial)
    luaL_argerror(L, arg, "attempt to use a tensor of a closed tape (keep a "
                  "value with detach or item before the tape closes)");
  return h->t;
}


static int l_close (lua_State *L) {
  let_go(luaL_checkudata(L, 1, TENSOR));
  return 0;
}

/* }====================================================================== */

/* {== Shapes and numbers ================================================= */

/* The extents in the table at 'arg'; returns how many. */
static int check_shape (lua_State *L, int arg, int dim[RNL_MAX_DIMS]) {
  luaL_checktype(L, arg, LUA_TTABLE);
  lua_Integer n = luaL_len(L, arg);
  if (n > RNL_MAX_DIMS)
    luaL_argerror(L, arg, lua_pushfstring(L, "a tensor has at most %d axes, "
                  "got %I", RNL_MAX_DIMS, (LUAI_UACINT)n));
  for (int i = 0; i < n; i++) {
    int whole;
    lua_geti(L, arg, i + 1);
    lua_Integer d = lua_tointegerx(L, -1, &whole);
    if (!whole || d < 0 || d > INT_MAX)
      luaL_argerror(L, arg, lua_pushfstring(L, "extent %d must be an integer "
                    ">= 0, got %s", i + 1, luaL_tolstring(L, -1, NULL)));
    dim[i] = (int)d;
    lua_pop(L, 1);
  }
  return (int)n;
}


static void push_element (lua_State *L, const rnl_Tensor *t, size_t i) {
  double x = rnl_get(t, i);
  if (rnl_dtype(t) == RNL_I32) lua_pushinteger(L, (lua_Integer)x + 1);
  else lua_pushnumber(L, x);
}


/* Value at stack index 'at' as element i. Raises with 'what' on others. */
static void set_element (lua_State *L, rnl_Tensor *t, size_t i, int at,
                         const char *what) {
  int ok;
  if (rnl_dtype(t) != RNL_I32) {
    lua_Number x = lua_tonumberx(L, at, &ok);
    if (ok && lua_type(L, at) == LUA_TNUMBER) {
      rnl_set(t, i, x);
      return;
    }
    luaL_error(L, "%s: element %I must be a number, got %s", what,
               (LUAI_UACINT)i + 1, luaL_typename(L, at));
  }
  lua_Integer id = lua_tointegerx(L, at, &ok);
  if (!ok || lua_type(L, at) != LUA_TNUMBER || id <= INT_MIN || id > INT_MAX)
    luaL_error(L, "%s: element %I must be an id (an integer), got %s", what,
               (LUAI_UACINT)i + 1, luaL_tolstring(L, at, NULL));
  rnl_set(t, i, (double)(id - 1));
}

/* }====================================================================== */

/* {== Making ============================================================= */

static rnl_Dtype default_dtype (lua_State *L) {
  lua_getfield(L, LUA_REGISTRYINDEX, "rnn.dtype");
  rnl_Dtype dtype = lua_toboolean(L, -1) ? RNL_F64 : RNL_F32;
  lua_pop(L, 1);
  return dtype;
}


static int l_default_dtype (lua_State *L) {
  static const char *const name[] = {"float32", "float64", NULL};
  if (!lua_isnoneornil(L, 1)) {
    lua_pushboolean(L, luaL_checkoption(L, 1, NULL, name) == RNL_F64);
    lua_setfield(L, LUA_REGISTRYINDEX, "rnn.dtype");
  }
  lua_pushstring(L, rnl_dtype_name(default_dtype(L)));
  return 1;
}


/* Pushes a zero tensor; the shape is at 'arg', the dtype at 'darg'. */
static rnl_Tensor *push_new (lua_State *L, int arg, int darg) {
  int dim[RNL_MAX_DIMS];
  rnl_Tensor *t;
  int ndim = check_shape(L, arg, dim);
  rnl_Dtype dtype = rnnlua_checkdtype(L, darg, (int)default_dtype(L));
  rnnlua_Handle *h = rnnlua_newhandle(L);
  rnnlua_check(L, rnl_tensor_new(rnnlua_context(L), dtype, ndim, dim, &t));
  rnnlua_fill(h, t);
  rnnlua_charge(L, t);
  return t;
}


static int fill_new (lua_State *L, int darg, double x) {
  rnl_Tensor *t = push_new(L, 1, darg);
  rnl_fill(t, rnl_dtype(t) == RNL_I32 ? x - 1 : x);
  return 1;
}


static int l_zeros (lua_State *L) {
  return fill_new(L, 2, 0);
}


static int l_ones (lua_State *L) {
  return fill_new(L, 2, 1);
}


static int l_full (lua_State *L) {
  return fill_new(L, 3, luaL_checknumber(L, 2));
}


static rnl_Tensor *push_new_real (lua_State *L, int darg) {
  rnl_Tensor *t = push_new(L, 1, darg);
  if (rnl_dtype(t) == RNL_I32)
    luaL_argerror(L, darg, "must be float32 or float64, got int32");
  return t;
}


static int l_randn (lua_State *L) {
  rnl_fill_normal(push_new_real(L, 2), 0, 1);
  return 1;
}


static int l_uniform (lua_State *L) {
  double lo = luaL_optnumber(L, 2, 0);
  double hi = luaL_optnumber(L, 3, 1);
  rnl_fill_uniform(push_new_real(L, 4), lo, hi);
  return 1;
}


static int l_arange (lua_State *L) {
  int n = rnnlua_checkint(L, 1, 0, INT_MAX);
  lua_settop(L, 2);
  lua_createtable(L, 1, 0);
  lua_pushinteger(L, n);
  lua_seti(L, -2, 1);
  lua_replace(L, 1);
  rnl_Tensor *t = push_new(L, 1, 2);
  for (int i = 0; i < n; i++) rnl_set(t, (size_t)i, i);
  return 1;
}


/* Shape of nested tables, along their first elements; leaves them pushed. */
static int nested_shape (lua_State *L, int arg, int dim[RNL_MAX_DIMS]) {
  int ndim = 0;
  luaL_checkstack(L, RNL_MAX_DIMS + 4, NULL);
  lua_pushvalue(L, arg);
  while (lua_istable(L, -1)) {
    if (ndim == RNL_MAX_DIMS)
      luaL_error(L, "tensor: tables nested deeper than %d axes", RNL_MAX_DIMS);
    lua_Integer n = luaL_len(L, -1);
    if (n > INT_MAX) luaL_error(L, "tensor: table too long");
    dim[ndim++] = (int)n;
    if (n == 0) break;
    lua_geti(L, -1, 1);
  }
  return ndim;
}


/* Copies nested tables on top of the stack into 't' from element 'i' on. */
static size_t nested_copy (lua_State *L, rnl_Tensor *t, int axis, size_t i,
                           const char *what) {
  if (axis == rnl_ndim(t)) {
    set_element(L, t, i, -1, what);
    return i + 1;
  }
  int want = rnl_shape(t)[axis];
  if (!lua_istable(L, -1))
    luaL_error(L, "%s: axis %d must be a table of %d elements, got %s", what,
               axis + 1, want, luaL_typename(L, -1));
  lua_Integer n = luaL_len(L, -1);
  if (n != want)
    luaL_error(L, "%s: a table on axis %d has %I elements, the first has %d",
               what, axis + 1, (LUAI_UACINT)n, want);
  for (int k = 1; k <= want; k++) {
    lua_geti(L, -1, k);
    i = nested_copy(L, t, axis + 1, i, what);
    lua_pop(L, 1);
  }
  return i;
}


static int from_tables (lua_State *L, rnl_Dtype dtype, const char *what) {
  int dim[RNL_MAX_DIMS];
  rnl_Tensor *t;
  if (!lua_istable(L, 1) && !lua_isnumber(L, 1))
    luaL_typeerror(L, 1, "number or table");
  lua_settop(L, 1);
  int ndim = nested_shape(L, 1, dim);
  lua_settop(L, 1);
  rnnlua_Handle *h = rnnlua_newhandle(L);
  rnnlua_check(L, rnl_tensor_new(rnnlua_context(L), dtype, ndim, dim, &t));
  rnnlua_fill(h, t);
  lua_pushvalue(L, 1);
  if (rnl_count(t)) nested_copy(L, t, 0, 0, what);
  lua_settop(L, 2);
  rnnlua_charge(L, t);
  return 1;
}


static int l_tensor (lua_State *L) {
  rnl_Dtype dtype = rnnlua_checkdtype(L, 2, (int)default_dtype(L));
  return from_tables(L, dtype, "tensor");
}


static int l_ids (lua_State *L) {
  return from_tables(L, RNL_I32, "ids");
}


static int copy_as (lua_State *L, rnl_Tensor *t, rnl_Dtype dtype) {
  rnl_Tensor *copy;
  rnnlua_Handle *h = rnnlua_newhandle(L);
  rnnlua_check(L, rnl_clone(t, dtype, &copy));
  rnnlua_fill(h, copy);
  rnnlua_charge(L, copy);
  return 1;
}


/* A copy outside any tape: what detach and clone give. */
static int l_clone (lua_State *L) {
  rnl_Tensor *t = rnnlua_checktensor(L, 1);
  return copy_as(L, t, rnl_dtype(t));
}


static int l_to (lua_State *L) {
  rnl_Tensor *t = rnnlua_checktensor(L, 1);
  luaL_checkany(L, 2);
  return copy_as(L, t, rnnlua_checkdtype(L, 2, 0));
}


static int l_param (lua_State *L) {
  rnnlua_check(L, rnl_set_param(rnnlua_checktensor(L, 1), 1));
  lua_settop(L, 1);
  return 1;
}


/* finite(t) -> whether no element is infinite or NaN */
static int l_finite (lua_State *L) {
  lua_pushboolean(L, rnl_all_finite(rnnlua_checktensor(L, 1)));
  return 1;
}


static int l_is_param (lua_State *L) {
  rnnlua_Handle *h = luaL_testudata(L, 1, TENSOR);
  lua_pushboolean(L, h && h->ctx && h->owned && rnl_is_param(h->t));
  return 1;
}


static int l_is_tensor (lua_State *L) {
  lua_pushboolean(L, luaL_testudata(L, 1, TENSOR) != NULL);
  return 1;
}


/* copy(to, from): overwrites the numbers of 'to'; same shape, any dtypes. */
static int l_copy (lua_State *L) {
  rnl_Tensor *to = rnnlua_checktensor(L, 1);
  rnl_Tensor *from = rnnlua_checktensor(L, 2);
  int same = rnl_ndim(to) == rnl_ndim(from);
  for (int i = 0; same && i < rnl_ndim(to); i++)
    same = rnl_shape(to)[i] == rnl_shape(from)[i];
  if (!same) luaL_argerror(L, 2, "shapes differ");
  if ((rnl_dtype(to) == RNL_I32) != (rnl_dtype(from) == RNL_I32))
    luaL_argerror(L, 2, "one is int32, the other is not");
  if (rnl_dtype(to) == rnl_dtype(from))
    memmove(rnl_data(to), rnl_data(from),
            rnl_count(to) * rnl_dtype_size(rnl_dtype(to)));
  else
    for (size_t i = 0; i < rnl_count(to); i++) rnl_set(to, i, rnl_get(from, i));
  rnl_touch(to);
  lua_settop(L, 1);
  return 1;
}

/* }====================================================================== */

/* {== Reading ============================================================ */

static int l_shape (lua_State *L) {
  rnl_Tensor *t = rnnlua_checktensor(L, 1);
  lua_createtable(L, rnl_ndim(t), 0);
  for (int i = 0; i < rnl_ndim(t); i++) {
    lua_pushinteger(L, rnl_shape(t)[i]);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}


static int l_item (lua_State *L) {
  rnl_Tensor *t = rnnlua_checktensor(L, 1);
  if (rnl_count(t) != 1)
    luaL_error(L, "item: the tensor has %I elements, not 1",
               (LUAI_UACINT)rnl_count(t));
  push_element(L, t, 0);
  return 1;
}


static size_t push_nested (lua_State *L, const rnl_Tensor *t, int axis,
                           size_t i) {
  if (axis == rnl_ndim(t)) {
    push_element(L, t, i);
    return i + 1;
  }
  int n = rnl_shape(t)[axis];
  lua_createtable(L, n, 0);
  for (int k = 1; k <= n; k++) {
    i = push_nested(L, t, axis + 1, i);
    lua_rawseti(L, -2, k);
  }
  return i;
}


static int l_totable (lua_State *L) {
  rnl_Tensor *t = rnnlua_checktensor(L, 1);
  luaL_checkstack(L, RNL_MAX_DIMS + 4, NULL);
  push_nested(L, t, 0, 0);
  return 1;
}


/* get(t, i), set(t, i, x): flat, from 1. */
static size_t check_flat (lua_State *L, const rnl_Tensor *t, int arg) {
  lua_Integer i = luaL_checkinteger(L, arg);
  if (i < 1 || (size_t)i > rnl_count(t))
    luaL_argerror(L, arg, lua_pushfstring(L, "must be 1 to %I, got %I",
                  (LUAI_UACINT)rnl_count(t), (LUAI_UACINT)i));
  return (size_t)i - 1;
}


static int l_get (lua_State *L) {
  rnl_Tensor *t = rnnlua_checktensor(L, 1);
  push_element(L, t, check_flat(L, t, 2));
  return 1;
}


static int l_set (lua_State *L) {
  rnl_Tensor *t = rnnlua_checktensor(L, 1);
  size_t i = check_flat(L, t, 2);
  luaL_checknumber(L, 3);
  set_element(L, t, i, 3, "set");
  return 0;
}


static int l_len (lua_State *L) {
  rnl_Tensor *t = rnnlua_checktensor(L, 1);
  if (rnl_ndim(t) == 0)
    luaL_error(L, "attempt to get the length of a tensor without axes");
  lua_pushinteger(L, rnl_shape(t)[0]);
  return 1;
}


static int l_eq (lua_State *L) {
  rnnlua_Handle *a = luaL_testudata(L, 1, TENSOR);
  rnnlua_Handle *b = luaL_testudata(L, 2, TENSOR);
  lua_pushboolean(L, a && b && a->ctx && b->ctx && a->t == b->t &&
                     a->serial == b->serial);
  return 1;
}

/* }====================================================================== */

/* {== Printing =========================================================== */

enum { SHOWN = 8 };   /* elements printed of each axis */

static void add_element (luaL_Buffer *b, const rnl_Tensor *t, size_t i) {
  char text[32];
  double x = rnl_get(t, i);
  if (rnl_dtype(t) == RNL_I32) x += 1;
  snprintf(text, sizeof text, rnl_dtype(t) == RNL_I32 ? "%.0f" : "%.4g", x);
  luaL_addstring(b, text);
}


static void add_nested (luaL_Buffer *b, const rnl_Tensor *t, int axis,
                        size_t i) {
  if (axis == rnl_ndim(t)) {
    add_element(b, t, i);
    return;
  }
  int n = rnl_shape(t)[axis];
  size_t step = 1;
  for (int k = axis + 1; k < rnl_ndim(t); k++) step *= (size_t)rnl_shape(t)[k];
  luaL_addchar(b, '{');
  for (int k = 0; k < n && k < SHOWN; k++) {
    if (k) luaL_addstring(b, ", ");
    add_nested(b, t, axis + 1, i + (size_t)k * step);
  }
  if (n > SHOWN) luaL_addstring(b, ", ...");
  luaL_addchar(b, '}');
}


/* float32 (2, 3) {{1, 2, 3}, {4, 5, 6}} */
static int l_tostring (lua_State *L) {
  rnnlua_Handle *h = luaL_checkudata(L, 1, TENSOR);
  if (!h->ctx || (!h->owned && rnl_serial(h->t) != h->serial)) {
    lua_pushliteral(L, "tensor (closed)");
    return 1;
  }
  const rnl_Tensor *t = h->t;
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  luaL_addstring(&b, rnl_dtype_name(rnl_dtype(t)));
  luaL_addstring(&b, " (");
  for (int i = 0; i < rnl_ndim(t); i++) {
    if (i) luaL_addstring(&b, ", ");
    char extent[16];
    snprintf(extent, sizeof extent, "%d", rnl_shape(t)[i]);
    luaL_addstring(&b, extent);
  }
  luaL_addstring(&b, ") ");
  add_nested(&b, t, 0, 0);
  luaL_pushresult(&b);
  return 1;
}

/* }====================================================================== */

/* {== Index and tables =================================================== */

/* t[i]: the i-th slice along the first axis, nil outside (for ipairs). */
static int index_slice (lua_State *L, rnl_Tensor *t) {
  lua_Integer i = luaL_checkinteger(L, 2);
  if (rnl_ndim(t) == 0) luaL_error(L, "attempt to index a tensor without axes");
  int n = rnl_shape(t)[0];
  if (i == 0 || i > n || i < -n) {
    lua_pushnil(L);
    return 1;
  }
  rnl_Arg arg[2] = {{"axis", 0, NULL, 0, NULL},
                    {"index", (double)(i > 0 ? i - 1 : i), NULL, 0, NULL}};
  rnl_Tensor *out;
  rnnlua_Handle *h = rnnlua_newhandle(L);
  rnnlua_check(L, rnl_apply(rnnlua_context(L), rnl_op_find("select"), &t, 1,
                            arg, 2, &out));
  rnnlua_fill(h, out);
  return 1;
}


static int push_grad (lua_State *L, rnl_Tensor *t) {
  rnl_Tensor *grad = rnl_grad(t);
  if (grad) rnnlua_pushtensor(L, grad);
  else lua_pushnil(L);
  return 1;
}


/* Upvalue 1: methods. */
static int l_index (lua_State *L) {
  if (lua_type(L, 2) == LUA_TSTRING) {
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) return 1;
    lua_pop(L, 1);
  }
  rnl_Tensor *t = rnnlua_checktensor(L, 1);
  if (lua_type(L, 2) == LUA_TNUMBER) return index_slice(L, t);
  const char *key = luaL_tolstring(L, 2, NULL);
  if (strcmp(key, "grad") == 0) return push_grad(L, t);
  if (strcmp(key, "dtype") == 0) {
    lua_pushstring(L, rnl_dtype_name(rnl_dtype(t)));
    return 1;
  }
  return luaL_error(L, "a tensor has no field or method '%s'", key);
}


static int l_newindex (lua_State *L) {
  return luaL_error(L, "a tensor has no field '%s' to set (its numbers are "
                    "changed with copy or fill)", luaL_tolstring(L, 2, NULL));
}


static int l_fill (lua_State *L) {
  rnl_Tensor *t = rnnlua_checktensor(L, 1);
  double x = luaL_checknumber(L, 2);
  rnl_fill(t, rnl_dtype(t) == RNL_I32 ? x - 1 : x);
  lua_settop(L, 1);
  return 1;
}


static const luaL_Reg methods[] = {
  {"shape", l_shape},
  {"item", l_item},
  {"totable", l_totable},
  {"clone", l_clone},
  {"detach", l_clone},
  {"to", l_to},
  {"copy", l_copy},
  {"fill", l_fill},
  {"close", l_close},
  {NULL, NULL}
};

static const luaL_Reg meta[] = {
  {"__gc", l_close},
  {"__close", l_close},
  {"__len", l_len},
  {"__eq", l_eq},
  {"__tostring", l_tostring},
  {"__newindex", l_newindex},
  {NULL, NULL}
};

static const luaL_Reg functions[] = {
  {"tensor", l_tensor},
  {"ids", l_ids},
  {"zeros", l_zeros},
  {"ones", l_ones},
  {"full", l_full},
  {"randn", l_randn},
  {"uniform", l_uniform},
  {"arange", l_arange},
  {"param", l_param},
  {"is_param", l_is_param},
  {"finite", l_finite},
  {"is_tensor", l_is_tensor},
  {"default_dtype", l_default_dtype},
  {"get", l_get},
  {"set", l_set},
  {NULL, NULL}
};


/* The table of methods becomes core.methods, so that ops can join it. */
void rnnlua_open_tensor (lua_State *L) {
  luaL_setfuncs(L, functions, 0);
  luaL_newmetatable(L, TENSOR);
  luaL_setfuncs(L, meta, 0);
  luaL_newlib(L, methods);
  lua_pushvalue(L, -1);
  lua_pushcclosure(L, l_index, 1);
  lua_setfield(L, -3, "__index");
  lua_setfield(L, -3, "methods");
  lua_pop(L, 1);
}

/* }====================================================================== */
