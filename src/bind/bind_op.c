/*
** bind_op.c - every row of the op table as a Lua function: one C closure whose
** upvalue is the row. Tensors come first, in the order of the row; then its
** options, by position or by name in a last table, which may also name the
** tensors that are optional.
*/
#include <limits.h>
#include <string.h>

#include "bind/bind.h"

enum { ON_STACK = 16 };   /* tensors that need no extra memory */

/* The arguments of one call, as the engine wants them. */
typedef struct Args {
  const rnl_Op *op;
  rnl_Tensor **in;
  int nin;
  int next;                      /* first stack index that is no tensor */
  rnl_Arg arg[RNL_MAX_ATTR];
  int narg;
  rnl_Tensor *few[ON_STACK];
} Args;

/* {== Tensors ============================================================ */

static int is_tensor (lua_State *L, int at) {
  return luaL_testudata(L, at, "rnn.Tensor") != NULL;
}


static int count_inputs (const rnl_Op *op) {
  int n = 0;
  while (op->in[n].kind != RNL_IN_END) n++;
  return n;
}


/* Ops of two real tensors take a number for either. */
static int takes_numbers (const rnl_Op *op) {
  return op->in[0].kind == RNL_IN_REAL && op->in[1].kind == RNL_IN_REAL &&
         op->in[2].kind == RNL_IN_END;
}


/* The dtype a number takes: that of the first real tensor beside it. */
static rnl_Dtype number_dtype (lua_State *L, int n) {
  for (int i = 1; i <= n; i++)
    if (is_tensor(L, i)) {
      rnl_Dtype dtype = rnl_dtype(rnnlua_checktensor(L, i));
      if (dtype != RNL_I32) return dtype;
    }
  lua_getfield(L, LUA_REGISTRYINDEX, "rnn.dtype");
  int f64 = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return f64 ? RNL_F64 : RNL_F32;
}


/* The number at 'at' as a tensor without axes, which takes its place. */
static rnl_Tensor *number_tensor (lua_State *L, int at, int n) {
  rnl_Tensor *t;
  rnl_Dtype dtype = number_dtype(L, n);
  double x = lua_tonumber(L, at);
  rnnlua_Handle *h = rnnlua_newhandle(L);
  rnnlua_check(L, rnl_tensor_new(rnnlua_context(L), dtype, 0, NULL, &t));
  rnnlua_fill(h, t);
  rnl_set(t, 0, x);
  lua_replace(L, at);
  return t;
}


/* The tensor for declared input 'want' at stack index 'at'. */
static rnl_Tensor *take_input (lua_State *L, const rnl_Op *op,
                               const rnl_Input *want, int at, int n) {
  if (is_tensor(L, at)) return rnnlua_checktensor(L, at);
  int number = takes_numbers(op);
  if (number && lua_type(L, at) == LUA_TNUMBER)
    return number_tensor(L, at, n);
  if (want->kind == RNL_IN_OPT && lua_isnoneornil(L, at)) return NULL;
  luaL_error(L, "%s: '%s' must be a tensor%s, got %s", op->name, want->name,
             number ? " or a number" : "", luaL_typename(L, at));
  return NULL;
}


/* Room for n tensors: the few of the Args, or a userdata left on the stack. */
static void make_room (lua_State *L, Args *a, int n) {
  a->in = n <= ON_STACK
              ? a->few
              : lua_newuserdatauv(L, (size_t)n * sizeof *a->in, 0);
}


/* cat({a, b, c}, ...): the tensors of the table at index 1, left pushed. */
static void take_table (lua_State *L, Args *a) {
  lua_Integer n = luaL_len(L, 1);
  if (n > INT_MAX / 2) luaL_error(L, "%s: too many tensors", a->op->name);
  make_room(L, a, (int)n);
  luaL_checkstack(L, 8, NULL);
  for (int i = 0; i < n; i++) {
    lua_geti(L, 1, i + 1);
    if (!is_tensor(L, -1))
      luaL_error(L, "%s: element %d of the list must be a tensor, got %s",
                 a->op->name, i + 1, luaL_typename(L, -1));
    a->in[i] = rnnlua_checktensor(L, -1);   /* the table holds it */
    lua_pop(L, 1);
  }
  a->nin = (int)n;
  a->next = 2;
}


/* cat(a, b, c, ...): tensors as far as they go. */
static void take_list (lua_State *L, Args *a) {
  int n = 0;
  while (is_tensor(L, n + 1)) n++;
  if (n == 0)
    luaL_error(L, "%s: takes tensors or a table of them, got %s",
               a->op->name, luaL_typename(L, 1));
  make_room(L, a, n);
  for (int i = 0; i < n; i++) a->in[i] = rnnlua_checktensor(L, i + 1);
  a->nin = n;
  a->next = n + 1;
}


/* A table where an optional tensor could stand begins the options. */
static void take_inputs (lua_State *L, Args *a) {
  int most = count_inputs(a->op);
  int top = lua_gettop(L);
  if (a->op->in[most - 1].kind == RNL_IN_LIST) {
    if (lua_istable(L, 1)) take_table(L, a);
    else take_list(L, a);
    return;
  }
  a->in = a->few;
  int i = 0;
  for (; i < most; i++) {
    const rnl_Input *want = &a->op->in[i];
    if (want->kind == RNL_IN_OPT && (i >= top || lua_istable(L, i + 1))) break;
    a->in[i] = take_input(L, a->op, want, i + 1, top);
  }
  a->nin = i;
  a->next = i + 1;
}

/* }====================================================================== */

/* {== Options ============================================================ */

static lua_Integer check_whole (lua_State *L, const rnl_Op *op,
                                const char *name, int at) {
  int ok;
  lua_Integer n = lua_tointegerx(L, at, &ok);
  if (!ok || lua_type(L, at) != LUA_TNUMBER || n <= INT_MIN || n > INT_MAX)
    luaL_error(L, "%s: '%s' must be an integer, got %s", op->name, name,
               luaL_tolstring(L, at, NULL));
  return n;
}


/* The list at 'at' as ints in a userdata, which is left on the stack. */
static void take_ints (lua_State *L, const rnl_Op *op, rnl_Arg *arg, int at) {
  if (!lua_istable(L, at))
    luaL_error(L, "%s: '%s' must be a table of integers, got %s", op->name,
               arg->name, luaL_typename(L, at));
  lua_Integer n = luaL_len(L, at);
  if (n > INT_MAX / 8) luaL_error(L, "%s: '%s' is too long", op->name,
                                  arg->name);
  int *list = lua_newuserdatauv(L, (size_t)n * sizeof *list + 1, 0);
  for (int i = 0; i < n; i++) {
    lua_geti(L, at, i + 1);
    list[i] = (int)check_whole(L, op, arg->name, -1);
    lua_pop(L, 1);
  }
  arg->list = list;
  arg->nlist = (int)n;
}


/* The value at absolute index 'at' for option 'want'. */
static void take_option (lua_State *L, Args *a, const rnl_Attr *want, int at) {
  if (a->narg == RNL_MAX_ATTR)
    luaL_error(L, "%s: an option is given twice", a->op->name);
  rnl_Arg *arg = &a->arg[a->narg++];
  *arg = (rnl_Arg){want->name, 0, NULL, 0, NULL};
  lua_Integer n;
  switch (want->kind) {
    case RNL_AT_BOOL:
      arg->value = lua_toboolean(L, at);
      break;
    case RNL_AT_REAL:
      if (lua_type(L, at) != LUA_TNUMBER)
        luaL_error(L, "%s: '%s' must be a number, got %s", a->op->name,
                   want->name, luaL_typename(L, at));
      arg->value = lua_tonumber(L, at);
      break;
    case RNL_AT_WORD:
      if (lua_type(L, at) != LUA_TSTRING)
        luaL_error(L, "%s: '%s' must be one of %s, got %s", a->op->name,
                   want->name, want->words, luaL_typename(L, at));
      arg->word = lua_tostring(L, at);
      break;
    case RNL_AT_INTS:
      take_ints(L, a->op, arg, at);
      break;
    case RNL_AT_INDEX:
      n = check_whole(L, a->op, want->name, at);
      arg->value = n > 0 ? (double)(n - 1) : n < 0 ? (double)n : RNL_BEFORE;
      break;
    case RNL_AT_AXIS:
      n = check_whole(L, a->op, want->name, at);
      if (n == 0)
        luaL_error(L, "%s: '%s' counts from 1 (or from the end by -1), got 0",
                   a->op->name, want->name);
      arg->value = (double)(n > 0 ? n - 1 : n);
      break;
    case RNL_AT_ID:
      arg->value = (double)(check_whole(L, a->op, want->name, at) - 1);
      break;
    default:
      arg->value = (double)check_whole(L, a->op, want->name, at);
  }
}


static const rnl_Attr *find_option (const rnl_Op *op, const char *name) {
  for (const rnl_Attr *a = op->attr; a->kind != RNL_AT_END; a++)
    if (strcmp(a->name, name) == 0) return a;
  return NULL;
}


/* Takes the value at 'at' if 'name' is that of an optional tensor. */
static int take_tensor (lua_State *L, Args *a, const char *name, int at) {
  for (int i = 0; i < count_inputs(a->op); i++) {
    const rnl_Input *want = &a->op->in[i];
    if (want->kind != RNL_IN_OPT || strcmp(want->name, name) != 0) continue;
    if (i < a->nin && a->in[i])
      luaL_error(L, "%s: '%s' is given twice", a->op->name, name);
    for (; a->nin <= i; a->nin++) a->in[a->nin] = NULL;
    a->in[i] = take_input(L, a->op, want, at, at);   /* the table holds it */
    return 1;
  }
  return 0;
}


/* {name = value, ...}; a name the op does not have is left to the engine. */
static void take_named (lua_State *L, Args *a, int at) {
  lua_pushnil(L);
  while (lua_next(L, at)) {
    if (lua_type(L, -2) != LUA_TSTRING)
      luaL_error(L, "%s: options are a table {name = value}, got key %s",
                 a->op->name, luaL_tolstring(L, -2, NULL));
    const char *name = lua_tostring(L, -2);
    const rnl_Attr *want = find_option(a->op, name);
    if (want) {
      int before = lua_gettop(L);
      take_option(L, a, want, before);
      if (lua_gettop(L) > before) {   /* keep the list, below the key */
        lua_insert(L, before - 1);
      }
      lua_pop(L, 1);
    } else if (take_tensor(L, a, name, lua_gettop(L))) {
      lua_pop(L, 1);
    } else {
      a->arg[0] = (rnl_Arg){name, 0, NULL, 0, NULL};
      a->narg = 1;
      lua_pop(L, 2);
      return;
    }
  }
}


/*
** Is the table at 'at' a list for option 'want', not a table of options? An
** empty one is a list where the op has no other option.
*/
static int is_list (lua_State *L, const rnl_Op *op, const rnl_Attr *want,
                    int at) {
  if (want->kind != RNL_AT_INTS) return 0;
  if (lua_rawlen(L, at) > 0) return 1;
  lua_pushnil(L);
  if (!lua_next(L, at)) return op->attr[1].kind == RNL_AT_END;
  lua_pop(L, 2);
  return 0;
}


static void take_options (lua_State *L, Args *a, int top) {
  const rnl_Attr *want = a->op->attr;
  for (int at = a->next; at <= top; at++) {
    if (lua_istable(L, at) && !is_list(L, a->op, want, at)) {
      if (at != top)
        luaL_error(L, "%s: the table of options comes last", a->op->name);
      take_named(L, a, at);
      return;
    }
    if (want->kind == RNL_AT_END)
      luaL_error(L, "%s: too many arguments", a->op->name);
    if (!lua_isnil(L, at)) take_option(L, a, want, at);
    want++;
  }
}

/* }====================================================================== */

static int l_op (lua_State *L) {
  int row = (int)lua_tointeger(L, lua_upvalueindex(1));
  int top = lua_gettop(L);
  rnnlua_Handle *handle[RNL_MAX_OUT];
  rnl_Tensor *out[RNL_MAX_OUT];
  int nout = 0;
  Args a;
  a.op = rnl_op_at(row);
  a.narg = 0;
  take_inputs(L, &a);
  take_options(L, &a, top);
  luaL_checkstack(L, RNL_MAX_OUT + 2, NULL);
  for (; a.op->out[nout]; nout++) handle[nout] = rnnlua_newhandle(L);
  rnnlua_check(L, rnl_apply(rnnlua_context(L), row, a.in, a.nin, a.arg,
                            a.narg, out));
  for (int i = 0; i < nout; i++) rnnlua_fill(handle[i], out[i]);
  if (handle[0]->owned) rnnlua_charge(L, out[0]);
  return nout;
}


/* Unary minus hands its operand over twice. */
static int l_unm (lua_State *L) {
  lua_settop(L, 1);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, 1, 1);
  return 1;
}


static void push_op (lua_State *L, int row) {
  lua_pushinteger(L, row);
  lua_pushcclosure(L, l_op, 1);
}


/* Adds core.op and gives tensors the ops as methods and metamethods. */
void rnnlua_open_op (lua_State *L) {
  static const struct { const char *event, *op; } algebra[] = {
    {"__add", "add"}, {"__sub", "sub"}, {"__mul", "mul"}, {"__div", "div"},
    {"__pow", "pow"}, {NULL, NULL}};
  lua_getfield(L, -1, "methods");
  lua_createtable(L, 0, rnl_op_count());
  for (int row = 0; row < rnl_op_count(); row++) {
    push_op(L, row);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, rnl_op_at(row)->name);
    lua_setfield(L, -3, rnl_op_at(row)->name);
  }
  lua_setfield(L, -3, "op");
  lua_pop(L, 1);
  luaL_getmetatable(L, "rnn.Tensor");
  for (int i = 0; algebra[i].event; i++) {
    push_op(L, rnl_op_find(algebra[i].op));
    lua_setfield(L, -2, algebra[i].event);
  }
  push_op(L, rnl_op_find("neg"));
  lua_pushcclosure(L, l_unm, 1);
  lua_setfield(L, -2, "__unm");
  lua_pop(L, 1);
}
