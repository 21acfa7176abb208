/*
** bind_stats.c - core.stats: what people want to know of a tensor's numbers.
*/
#include <math.h>

#include "bind/bind.h"

typedef struct Stats {
  double min, max, sum, squares;   /* of the finite numbers */
  size_t finite;
} Stats;


static Stats measure (const rnl_Tensor *t) {
  Stats s = {INFINITY, -INFINITY, 0, 0, 0};
  size_t n = rnl_count(t);
  double shift = rnl_dtype(t) == RNL_I32;   /* ids, as Lua sees them */
  for (size_t i = 0; i < n; i++) {
    double x = rnl_get(t, i) + shift;
    if (!isfinite(x)) continue;
    s.finite++;
    s.sum += x;
    s.squares += x * x;
    s.min = fmin(s.min, x);
    s.max = fmax(s.max, x);
  }
  return s;
}


static void set_number (lua_State *L, const char *name, double x) {
  lua_pushnumber(L, x);
  lua_setfield(L, -2, name);
}


/*
** stats(t) -> {count=, finite=, min=, max=, mean=, norm=}: all but the counts
** are of the finite numbers and absent where there are none.
*/
static int l_stats (lua_State *L) {
  const rnl_Tensor *t = rnnlua_checktensor(L, 1);
  Stats s = measure(t);
  lua_createtable(L, 0, 6);
  lua_pushinteger(L, (lua_Integer)rnl_count(t));
  lua_setfield(L, -2, "count");
  lua_pushinteger(L, (lua_Integer)s.finite);
  lua_setfield(L, -2, "finite");
  if (s.finite == 0) return 1;
  set_number(L, "min", s.min);
  set_number(L, "max", s.max);
  set_number(L, "mean", s.sum / (double)s.finite);
  set_number(L, "norm", sqrt(s.squares));
  return 1;
}


/* Adds stats to the table on top of the stack. */
void rnnlua_open_stats (lua_State *L) {
  lua_pushcfunction(L, l_stats);
  lua_setfield(L, -2, "stats");
}
