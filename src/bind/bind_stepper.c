/*
** bind_stepper.c - states of models as Lua sees them, core.stepper(model), and
** drawing from scores without one: core.draw, core.rank.
*/
#include <limits.h>
#include <string.h>

#include "bind/bind.h"

static const char *const STEPPER = "rnn.Stepper";

enum { MAX_STREAMS = 1 << 20, MAX_HISTORY = 1 << 20 };

typedef struct Stepper {
  rnl_State *s;     /* NULL: closed */
  rnl_Parts part;
  rnl_Rng *rng;     /* (streams), in the user value */
  int seeded;
} Stepper;


static Stepper *check_stepper (lua_State *L) {
  Stepper *h = luaL_checkudata(L, 1, STEPPER);
  if (!h->s) luaL_argerror(L, 1, "attempt to use a closed stepper");
  return h;
}

/* Raises what was wrong with a stepper. */
static void check_status (lua_State *L, int status) {
  if (status != RNL_OK)
    luaL_error(L, "stepper: %s", rnl_errmsg(rnnlua_context(L)));
}

/* {== Making ============================================================= */

/* core.stepper(packed model, streams, history) */
static int l_new (lua_State *L) {
  rnl_Model *model = rnnlua_checkmodel(L, 1);
  rnl_Streams o = RNL_STREAMS;
  o.streams = rnnlua_checkint(L, 2, 1, MAX_STREAMS);
  o.history = rnnlua_checkint(L, 3, 0, MAX_HISTORY);
  Stepper *h = lua_newuserdatauv(L, sizeof *h, 1);
  memset(h, 0, sizeof *h);
  luaL_setmetatable(L, STEPPER);
  h->rng = lua_newuserdatauv(L, (size_t)o.streams * sizeof *h->rng, 0);
  lua_setiuservalue(L, -2, 1);
  check_status(L, rnl_state_of(rnnlua_context(L), model, &o, &h->s));
  check_status(L, rnl_state_parts(h->s, &h->part));
  return 1;
}


static int l_close (lua_State *L) {
  Stepper *h = luaL_checkudata(L, 1, STEPPER);
  rnl_state_free(h->s);
  h->s = NULL;
  return 0;
}

/* }====================================================================== */

/* {== Drawing ============================================================ */

static double number_field (lua_State *L, int at, const char *name,
                            double def) {
  double x = def;
  if (lua_getfield(L, at, name) != LUA_TNIL) {
    int is;
    x = lua_tonumberx(L, -1, &is);
    if (!is)
      luaL_error(L, "draw: '%s' must be a number, got %s", name,
                 luaL_typename(L, -1));
  }
  lua_pop(L, 1);
  return x;
}


static int int_field (lua_State *L, int at, const char *name, int def) {
  double x = number_field(L, at, name, def);
  if (!(x >= 0 && x <= INT_MAX && x == (double)(int)x))
    luaL_error(L, "draw: '%s' must be an integer from 0 to %d, got %f", name,
               INT_MAX, x);
  return (int)x;
}


/* Raises for a key of the table that no option has. */
static void check_names (lua_State *L, int at) {
  static const char *const name[] = {"temperature", "top_k", "top_p", "min_p",
                                     "penalty", "window", NULL};
  for (lua_pushnil(L); lua_next(L, at); lua_pop(L, 1)) {
    lua_pushvalue(L, -2);
    const char *key = lua_tostring(L, -1);
    int i = 0;
    while (name[i] && !(key && strcmp(name[i], key) == 0)) i++;
    if (!name[i])
      luaL_error(L, "draw: unknown option '%s' (it has: min_p, penalty, "
                 "temperature, top_k, top_p, window)",
                 luaL_tolstring(L, -1, NULL));
    lua_pop(L, 1);
  }
}


/* nil, a temperature, or a table of options at 'arg'. */
static rnl_Draw check_draw (lua_State *L, int arg) {
  rnl_Draw d = RNL_DRAW;
  if (lua_istable(L, arg)) {
    check_names(L, arg);
    d.temperature = number_field(L, arg, "temperature", d.temperature);
    d.top_k = int_field(L, arg, "top_k", d.top_k);
    d.top_p = number_field(L, arg, "top_p", d.top_p);
    d.min_p = number_field(L, arg, "min_p", d.min_p);
    d.penalty = number_field(L, arg, "penalty", d.penalty);
    d.window = int_field(L, arg, "window", d.window);
  } else {
    d.temperature = luaL_optnumber(L, arg, d.temperature);
  }
  rnnlua_check(L, rnl_draw_check(rnnlua_context(L), &d));
  return d;
}


static rnl_Tensor *check_scores (lua_State *L, int arg) {
  rnl_Tensor *t = rnnlua_checktensor(L, arg);
  luaL_argcheck(L, rnl_dtype(t) == RNL_F32 && rnl_count(t) > 0 &&
                rnl_count(t) <= INT_MAX, arg, "must be float32 scores");
  return t;
}


/* Ids at 'arg', or none. */
static const int32_t *check_recent (lua_State *L, int arg, int *n) {
  *n = 0;
  if (lua_isnoneornil(L, arg)) return NULL;
  rnl_Tensor *t = rnnlua_checktensor(L, arg);
  luaL_argcheck(L, rnl_dtype(t) == RNL_I32 && rnl_count(t) <= INT_MAX, arg,
                "must be int32 ids");
  *n = (int)rnl_count(t);
  return rnl_data(t);
}


static int not_finite (lua_State *L) {
  return luaL_error(L, "draw: the logits are not finite: the model has "
                    "diverged or is damaged");
}


/*
** draw(logits (U)[, options[, recent ids[, generator]]]) -> id, generator
** The generator is a string as of random_state; without one, the context's.
*/
static int l_draw (lua_State *L) {
  rnl_Tensor *t = check_scores(L, 1);
  rnl_Draw d = check_draw(L, 2);
  int nrecent, n = (int)rnl_count(t);
  const int32_t *recent = check_recent(L, 3, &nrecent);
  rnl_Rng own, *rng = rnl_rng(rnnlua_context(L));
  if (!lua_isnoneornil(L, 4)) rnnlua_checkrng(L, 4, 4, rng = &own);
  void *work = lua_newuserdatauv(L, RNL_DRAW_WORK(n), 0);
  int32_t id = rnl_draw(rnl_data(t), n, &d, recent, nrecent, rng, work);
  if (id < 0) return not_finite(L);
  lua_pushinteger(L, 1 + (lua_Integer)id);
  rnnlua_pushrng(L, rng);
  return 2;
}


static rnl_Tensor *new_tensor (lua_State *L, rnl_Dtype dtype, int ndim,
                               const int *dim) {
  rnnlua_Handle *h = rnnlua_newhandle(L);
  rnl_Tensor *t;
  rnnlua_check(L, rnl_tensor_new(rnnlua_context(L), dtype, ndim, dim, &t));
  rnnlua_fill(h, t);
  return t;
}


/* rank(logits (U), most[, options[, recent ids]]) -> ids (K), logp (K) */
static int l_rank (lua_State *L) {
  rnl_Tensor *t = check_scores(L, 1);
  int n = (int)rnl_count(t), nrecent, most = rnnlua_checkint(L, 2, 1, INT_MAX);
  rnl_Draw d = check_draw(L, 3);
  const int32_t *recent = check_recent(L, 4, &nrecent);
  if (most > n) most = n;
  int32_t *ids = lua_newuserdatauv(L, (size_t)most * sizeof *ids, 0);
  float *logp = lua_newuserdatauv(L, (size_t)most * sizeof *logp, 0);
  void *work = lua_newuserdatauv(L, RNL_DRAW_WORK(n), 0);
  int kept = rnl_rank(rnl_data(t), n, &d, recent, nrecent, most, ids, logp,
                      work);
  if (kept < 0) return not_finite(L);
  memcpy(rnl_data(new_tensor(L, RNL_I32, 1, &kept)), ids,
         (size_t)kept * sizeof *ids);
  memcpy(rnl_data(new_tensor(L, RNL_F32, 1, &kept)), logp,
         (size_t)kept * sizeof *logp);
  return 2;
}


/* draw_check(options): raises what a draw would */
static int l_draw_check (lua_State *L) {
  check_draw(L, 1);
  return 0;
}


/* seeded(n) -> state of a generator with that seed */
static int l_seeded (lua_State *L) {
  rnl_Rng rng;
  rnl_rng_seed(&rng, (uint64_t)luaL_checkinteger(L, 1));
  rnnlua_pushrng(L, &rng);
  return 1;
}

/* }====================================================================== */

/* {== Stepping =========================================================== */

/* Pushes the scores of all streams, (N,U). */
static void push_logits (lua_State *L, Stepper *h) {
  int dim[2] = {h->part.streams, h->part.outputs};
  float *logits = rnl_data(new_tensor(L, RNL_F32, 2, dim));
  for (int n = 0; n < dim[0]; n++, logits += dim[1])
    memcpy(logits, rnl_state_outputs(h->s, n),
           (size_t)dim[1] * sizeof *logits);
}


/* One number for each stream at 'arg': 'what' they are. */
static const int32_t *check_streams (lua_State *L, Stepper *h, int arg,
                                     const char *what) {
  rnl_Tensor *t = rnnlua_checktensor(L, arg);
  if (rnl_dtype(t) != RNL_I32 || rnl_count(t) != (size_t)h->part.streams)
    luaL_error(L, "stepper: 'ids' must be %d %s, one for each stream",
               h->part.streams, what);
  return rnl_data(t);
}


/* step(ids (N)) -> logits (N,U) */
static int l_step (lua_State *L) {
  Stepper *h = check_stepper(L);
  check_status(L, rnl_state_step(h->s, check_streams(L, h, 2, "ids")));
  push_logits(L, h);
  return 1;
}


/* feed(ids (T)): every stream reads them all */
static int l_feed (lua_State *L) {
  Stepper *h = check_stepper(L);
  rnl_Tensor *t = rnnlua_checktensor(L, 2);
  luaL_argcheck(L, rnl_dtype(t) == RNL_I32, 2, "must be int32 ids");
  check_status(L, rnl_state_score(h->s, rnl_data(t), rnl_count(t), NULL));
  return 0;
}


static int l_logits (lua_State *L) {
  push_logits(L, check_stepper(L));
  return 1;
}


/* seed([n]) -> n; stream i of N gets a generator seeded with n+i-1 */
static int l_seed (lua_State *L) {
  Stepper *h = check_stepper(L);
  lua_Integer n;
  if (lua_isnoneornil(L, 2))   /* 53 bits, which JSON holds */
    n = (lua_Integer)(rnl_rng_next(rnl_rng(rnnlua_context(L))) >> 11);
  else
    n = luaL_checkinteger(L, 2);
  for (int i = 0; i < h->part.streams; i++)
    rnl_rng_seed(&h->rng[i], (uint64_t)n + (uint64_t)i);
  h->seeded = 1;
  lua_pushinteger(L, n);
  return 1;
}


/* The generators, which get seeds when they are first asked for. */
static rnl_Rng *generators (lua_State *L, Stepper *h) {
  if (!h->seeded) {
    lua_pushcfunction(L, l_seed);
    lua_pushvalue(L, 1);
    lua_call(L, 1, 0);
  }
  return h->rng;
}


/* rng() -> {state of each stream}; rng(states) puts them back */
static int l_rng (lua_State *L) {
  Stepper *h = check_stepper(L);
  rnl_Rng *rng = generators(L, h);
  int n = h->part.streams;
  if (lua_isnoneornil(L, 2)) {
    lua_createtable(L, n, 0);
    for (int i = 0; i < n; i++) {
      rnnlua_pushrng(L, &rng[i]);
      lua_rawseti(L, -2, i + 1);
    }
    return 1;
  }
  luaL_checktype(L, 2, LUA_TTABLE);
  luaL_argcheck(L, luaL_len(L, 2) == n, 2, "must have a state for each stream");
  rnl_Rng *all = lua_newuserdatauv(L, (size_t)n * sizeof *all, 0);
  for (int i = 0; i < n; i++) {
    lua_geti(L, 2, i + 1);
    rnnlua_checkrng(L, -1, 2, &all[i]);
    lua_pop(L, 1);
  }
  memcpy(rng, all, (size_t)n * sizeof *all);
  return 0;
}


/* sample(steps[, temperature or options]) -> ids (steps,N) */
static int l_sample (lua_State *L) {
  Stepper *h = check_stepper(L);
  int dim[2] = {rnnlua_checkint(L, 2, 0, 1 << 28), h->part.streams};
  rnl_Draw d = check_draw(L, 3);
  rnl_Rng *rng = generators(L, h);
  rnl_Tensor *ids = new_tensor(L, RNL_I32, 2, dim);
  check_status(L, rnl_state_sample(h->s, &d, rng, dim[0], rnl_data(ids)));
  return 1;
}


/* select(ids (N)): stream i becomes what stream ids[i] was */
static int l_select (lua_State *L) {
  Stepper *h = check_stepper(L);
  check_status(L, rnl_state_select(h->s, check_streams(L, h, 2, "streams")));
  return 0;
}


static int l_reset (lua_State *L) {
  rnl_state_reset(check_stepper(L)->s);
  return 0;
}


/* Pushes h or c of all layers, (L,N,units). */
static void push_part (lua_State *L, const rnl_Parts *p, int units,
                       const float *data) {
  int dim[3] = {p->layers, p->streams, units};
  rnl_Tensor *t = new_tensor(L, RNL_F32, 3, dim);
  memcpy(rnl_data(t), data, rnl_count(t) * sizeof *data);
}


/* Pushes what the streams read last, (N,M). */
static void push_recent (lua_State *L, Stepper *h) {
  int dim[2] = {h->part.streams, 0};
  rnl_state_recent(h->s, 0, &dim[1]);
  int32_t *to = rnl_data(new_tensor(L, RNL_I32, 2, dim));
  for (int n = 0; n < dim[0]; n++, to += dim[1]) {
    int count;
    const int32_t *from = rnl_state_recent(h->s, n, &count);
    memcpy(to, from, (size_t)count * sizeof *to);
  }
}


static int l_recent (lua_State *L) {
  push_recent(L, check_stepper(L));
  return 1;
}


/* Field 'name' of the table at 'at' as a tensor; NULL when it is absent. */
static rnl_Tensor *tensor_field (lua_State *L, int at, const char *name) {
  rnl_Tensor *t = NULL;
  if (lua_getfield(L, at, name) != LUA_TNIL)
    t = rnnlua_checktensor(L, lua_gettop(L));
  lua_pop(L, 1);   /* the table still holds it */
  return t;
}


/* Field 'name' of the state at 2: a tensor, which the table holds, or NULL. */
static rnl_Tensor *state_field (lua_State *L, const char *name,
                                rnl_Dtype dtype, int ndim, const int *dim) {
  rnl_Tensor *t = tensor_field(L, 2, name);
  if (!t) return NULL;
  int same = rnl_dtype(t) == dtype && rnl_ndim(t) == ndim;
  for (int i = 0; same && i < ndim; i++)   /* -1: any extent */
    same = dim[i] < 0 || rnl_shape(t)[i] == dim[i];
  if (!same)
    luaL_error(L, "stepper: state.%s must be %s (%d, %s%s)", name,
               rnl_dtype_name(dtype), dim[0],
               dim[1] < 0 ? "M" : lua_pushfstring(L, "%d", dim[1]),
               ndim > 2 ? lua_pushfstring(L, ", %d", dim[2]) : "");
  return t;
}


/* Puts h or c back. */
static void take_part (float *data, rnl_Tensor *t) {
  if (t) memcpy(data, rnl_data(t), rnl_count(t) * sizeof *data);
}


/* A number of steps, which may come from anywhere. */
static int64_t steps_done (double x) {
  return x >= 0 && x < 0x1p53 ? (int64_t)x : 0;
}


/* All is checked before anything is set. */
static void set_state (lua_State *L, Stepper *h) {
  const rnl_Parts *p = &h->part;
  int dim_h[3] = {p->layers, p->streams, p->units};
  int dim_c[3] = {p->layers, p->streams, p->cells}, one[1] = {1};
  int scores[2] = {p->streams, p->outputs}, ids[2] = {p->streams, -1};
  rnl_Tensor *th = state_field(L, "h", RNL_F32, 3, dim_h), *tc = NULL;
  if (!th) luaL_error(L, "stepper: state.h is missing");
  if (p->c) {
    tc = state_field(L, "c", RNL_F32, 3, dim_c);
    if (!tc) luaL_error(L, "stepper: state.c is missing");
  }
  rnl_Tensor *clock = p->t ? state_field(L, "t", RNL_F64, 1, one) : NULL;
  rnl_Tensor *logits = state_field(L, "logits", RNL_F32, 2, scores);
  rnl_Tensor *recent = state_field(L, "recent", RNL_I32, 2, ids);
  int32_t none = 0;
  check_status(L, rnl_state_set_recent(h->s, recent ? rnl_data(recent) : &none,
                                       recent ? rnl_shape(recent)[1] : 0));
  take_part(p->h, th);
  take_part(p->c, tc);
  if (p->t) *p->t = clock ? steps_done(rnl_get(clock, 0)) : 0;
  for (int n = 0; n < p->streams; n++)
    rnl_state_set_outputs(h->s, n, logits ? (float *)rnl_data(logits) +
                          (size_t)n * (size_t)p->outputs : NULL);
}


static void push_clock (lua_State *L, const rnl_Parts *p) {
  int one[1] = {1};
  rnl_set(new_tensor(L, RNL_F64, 1, one), 0, (double)*p->t);
}


/*
** state() -> {h (L,N,S), c (L,N,H), logits (N,U), recent (N,M)}, of a
** ClockworkRNN also t, the steps done; state(t) sets it. Without logits they
** are 0, without recent ids there are none.
*/
static int l_state (lua_State *L) {
  Stepper *h = check_stepper(L);
  const rnl_Parts *p = &h->part;
  if (!lua_isnoneornil(L, 2)) {
    luaL_checktype(L, 2, LUA_TTABLE);
    set_state(L, h);
    return 0;
  }
  lua_newtable(L);
  push_part(L, p, p->units, p->h);
  lua_setfield(L, -2, "h");
  if (p->c) push_part(L, p, p->cells, p->c);
  if (p->c) lua_setfield(L, -2, "c");
  if (p->t) push_clock(L, p);
  if (p->t) lua_setfield(L, -2, "t");
  push_logits(L, h);
  lua_setfield(L, -2, "logits");
  push_recent(L, h);
  lua_setfield(L, -2, "recent");
  return 1;
}


/* Bytes of weights that each step reads. */
static int l_bytes (lua_State *L) {
  rnl_Sizes sizes;
  rnl_model_sizes(rnl_state_model(check_stepper(L)->s), &sizes);
  lua_pushinteger(L, (lua_Integer)sizes.step_bytes);
  return 1;
}

/* }====================================================================== */


void rnnlua_open_stepper (lua_State *L) {
  static const luaL_Reg meta[] = {
    {"__gc", l_close}, {"__close", l_close}, {NULL, NULL}};
  static const luaL_Reg methods[] = {
    {"step", l_step}, {"feed", l_feed}, {"sample", l_sample},
    {"select", l_select}, {"seed", l_seed}, {"rng", l_rng},
    {"logits", l_logits}, {"recent", l_recent}, {"state", l_state},
    {"reset", l_reset}, {"bytes", l_bytes}, {"close", l_close},
    {NULL, NULL}};
  static const luaL_Reg functions[] = {
    {"stepper", l_new}, {"draw", l_draw}, {"draw_check", l_draw_check},
    {"rank", l_rank}, {"seeded", l_seeded}, {NULL, NULL}};
  rnnlua_newclass(L, STEPPER, meta, methods);
  luaL_setfuncs(L, functions, 0);
}
