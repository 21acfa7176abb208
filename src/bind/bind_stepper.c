/*
** bind_stepper.c - steppers as Lua sees them: core.stepper(spec).
*/
#include <limits.h>
#include <string.h>

#include "bind/bind.h"

static const char *const STEPPER = "rnn.Stepper";

enum { MAX_LAYERS = 1000, MAX_STREAMS = 1 << 20 };

typedef struct Stepper {
  rnl_Stepper *s;   /* NULL: closed */
  rnl_StepperSizes size;
} Stepper;


static Stepper *check_stepper (lua_State *L) {
  Stepper *h = luaL_checkudata(L, 1, STEPPER);
  if (!h->s) luaL_argerror(L, 1, "attempt to use a closed stepper");
  return h;
}

/* {== Making ============================================================= */

/* Field 'name' of the table at 'at' as a tensor; NULL when it is absent. */
static rnl_Tensor *tensor_field (lua_State *L, int at, const char *name) {
  rnl_Tensor *t = NULL;
  if (lua_getfield(L, at, name) != LUA_TNIL)
    t = rnnlua_checktensor(L, lua_gettop(L));
  lua_pop(L, 1);   /* the table still holds it */
  return t;
}


/* A string that the table at 'at' holds, or NULL. */
static const char *string_field (lua_State *L, int at, const char *name) {
  const char *s = NULL;
  if (lua_getfield(L, at, name) != LUA_TNIL) s = luaL_checkstring(L, -1);
  lua_pop(L, 1);
  return s;
}


static void layer_weights (lua_State *L, int l, rnl_Tensor **weight) {
  static const char *const name[] = {"w_ih", "w_hh", "b_ih", "b_hh"};
  lua_geti(L, -1, l + 1);
  luaL_checktype(L, -1, LUA_TTABLE);
  int at = lua_gettop(L);
  for (int i = 0; i < 4; i++) weight[i] = tensor_field(L, at, name[i]);
  lua_pop(L, 1);
}


/* core.stepper {cell, relu, precision, streams, embed, layers, out_w, out_b} */
static int l_new (lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  rnl_StepperSpec spec = {.cell = string_field(L, 1, "cell"),
                          .precision = string_field(L, 1, "precision"),
                          .embed = tensor_field(L, 1, "embed"),
                          .out_w = tensor_field(L, 1, "out_w"),
                          .out_b = tensor_field(L, 1, "out_b")};
  luaL_argcheck(L, spec.cell, 1, "'cell' is missing");
  lua_getfield(L, 1, "relu");
  spec.relu = lua_toboolean(L, -1);
  lua_getfield(L, 1, "streams");
  spec.streams = rnnlua_checkint(L, lua_gettop(L), 1, MAX_STREAMS);
  lua_getfield(L, 1, "layers");
  luaL_checktype(L, -1, LUA_TTABLE);
  lua_Integer layers = luaL_len(L, -1);
  luaL_argcheck(L, layers >= 1 && layers <= MAX_LAYERS, 1,
                "'layers' must have 1 to 1000 tables");
  rnl_Tensor **weight =
      lua_newuserdatauv(L, (size_t)layers * 4 * sizeof *weight, 0);
  lua_insert(L, -2);
  for (int l = 0; l < layers; l++) layer_weights(L, l, weight + 4 * l);
  spec.layers = (int)layers;
  spec.weight = weight;
  Stepper *h = lua_newuserdatauv(L, sizeof *h, 0);
  memset(h, 0, sizeof *h);
  luaL_setmetatable(L, STEPPER);
  rnnlua_check(L, rnl_stepper_new(rnnlua_context(L), &spec, &h->s));
  rnl_stepper_sizes(h->s, &h->size);
  return 1;
}


static int l_close (lua_State *L) {
  Stepper *h = luaL_checkudata(L, 1, STEPPER);
  rnl_stepper_free(h->s);
  h->s = NULL;
  return 0;
}

/* }====================================================================== */

/* {== Stepping =========================================================== */

static rnl_Tensor *new_tensor (lua_State *L, rnl_Dtype dtype, int ndim,
                               const int *dim) {
  rnnlua_Handle *h = rnnlua_newhandle(L);
  rnl_Tensor *t;
  rnnlua_check(L, rnl_tensor_new(rnnlua_context(L), dtype, ndim, dim, &t));
  rnnlua_fill(h, t);
  return t;
}


/* step(ids (N)) -> logits (N,U) */
static int l_step (lua_State *L) {
  Stepper *h = check_stepper(L);
  rnl_Tensor *ids = rnnlua_checktensor(L, 2);
  int dim[2] = {h->size.streams, h->size.U};
  if (rnl_dtype(ids) != RNL_I32 || rnl_count(ids) != (size_t)dim[0])
    return luaL_error(L, "stepper: 'ids' must be %d ids, one for each stream",
                      dim[0]);
  float *logits = rnl_data(new_tensor(L, RNL_F32, 2, dim));
  rnnlua_check(L, rnl_stepper_step(h->s, rnl_data(ids)));
  for (int n = 0; n < dim[0]; n++)
    memcpy(logits + (size_t)n * (size_t)dim[1],
           rnl_stepper_logits(h->s, n), (size_t)dim[1] * sizeof *logits);
  return 1;
}


/* sample(steps[, temperature]) -> ids (steps,N) */
static int l_sample (lua_State *L) {
  Stepper *h = check_stepper(L);
  int dim[2] = {rnnlua_checkint(L, 2, 0, 1 << 28), h->size.streams};
  double temperature = luaL_optnumber(L, 3, 1);
  rnl_Tensor *ids = new_tensor(L, RNL_I32, 2, dim);
  rnnlua_check(L, rnl_stepper_sample(h->s, rnl_rng(rnnlua_context(L)),
                                     temperature, dim[0], rnl_data(ids)));
  return 1;
}


static int l_reset (lua_State *L) {
  rnl_stepper_reset(check_stepper(L)->s);
  return 0;
}


/* Copies between a tensor (L,N,H) and the states of all layers. */
static void copy_state (Stepper *h, int cell, float *data, int write) {
  size_t n = (size_t)h->size.streams * (size_t)h->size.H;
  for (int l = 0; l < h->size.layers; l++, data += n) {
    float *state = rnl_stepper_state(h->s, l, cell);
    if (write) memcpy(state, data, n * sizeof *data);
    else memcpy(data, state, n * sizeof *data);
  }
}


static void get_state (lua_State *L, Stepper *h, int cell,
                       const char *name) {
  int dim[3] = {h->size.layers, h->size.streams, h->size.H};
  copy_state(h, cell, rnl_data(new_tensor(L, RNL_F32, 3, dim)), 0);
  lua_setfield(L, -2, name);
}


static void set_state (lua_State *L, Stepper *h, int cell,
                       const char *name) {
  lua_getfield(L, 2, name);
  rnl_Tensor *t = rnnlua_checktensor(L, lua_gettop(L));
  const int *dim = rnl_shape(t);
  if (rnl_dtype(t) != RNL_F32 || rnl_ndim(t) != 3 ||
      dim[0] != h->size.layers || dim[1] != h->size.streams ||
      dim[2] != h->size.H)
    luaL_error(L, "stepper: state.%s must be float32 (%d, %d, %d)", name,
               h->size.layers, h->size.streams, h->size.H);
  copy_state(h, cell, rnl_data(t), 1);
  lua_pop(L, 1);
}


/* state() -> {h, c}; state {h, c} sets it. Both (L,N,H). */
static int l_state (lua_State *L) {
  Stepper *h = check_stepper(L);
  if (!lua_isnoneornil(L, 2)) {
    luaL_checktype(L, 2, LUA_TTABLE);
    set_state(L, h, 0, "h");
    if (h->size.cells) set_state(L, h, 1, "c");
    return 0;
  }
  lua_newtable(L);
  get_state(L, h, 0, "h");
  if (h->size.cells) get_state(L, h, 1, "c");
  return 1;
}


/* draw(logits (U)[, temperature]) -> id; softmax(logits / temperature) */
static int l_draw (lua_State *L) {
  rnl_Tensor *t = rnnlua_checktensor(L, 1);
  double temperature = luaL_optnumber(L, 2, 1);
  luaL_argcheck(L, rnl_dtype(t) == RNL_F32 && rnl_count(t) > 0 &&
                rnl_count(t) <= INT_MAX, 1, "must be float32 scores");
  luaL_argcheck(L, temperature >= 0, 2, "must be 0 or more");
  float *work = lua_newuserdatauv(L, rnl_count(t) * sizeof *work, 0);
  lua_pushinteger(L, 1 + (lua_Integer)rnl_draw(
      rnl_data(t), (int)rnl_count(t), temperature,
      rnl_rng(rnnlua_context(L)), work));
  return 1;
}


/* Bytes of weights that each step reads. */
static int l_bytes (lua_State *L) {
  lua_pushinteger(L, (lua_Integer)check_stepper(L)->size.weight_bytes);
  return 1;
}

/* }====================================================================== */


void rnnlua_open_stepper (lua_State *L) {
  static const luaL_Reg methods[] = {
    {"step", l_step}, {"sample", l_sample}, {"state", l_state},
    {"reset", l_reset}, {"bytes", l_bytes}, {"close", l_close},
    {NULL, NULL}};
  luaL_newmetatable(L, STEPPER);
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, l_close);
  lua_setfield(L, -2, "__gc");
  lua_pushcfunction(L, l_close);
  lua_setfield(L, -2, "__close");
  lua_pop(L, 1);
  lua_pushcfunction(L, l_new);
  lua_setfield(L, -2, "stepper");
  lua_pushcfunction(L, l_draw);
  lua_setfield(L, -2, "draw");
}
