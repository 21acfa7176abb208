/*
** bind_csv.c - tables and dates as Lua sees them; lua/rnn/data/csv.lua and
** lua/rnn/data/dates.lua make rnn.data.csv and rnn.data.dates of it. Rows and
** columns count from 1 here.
*/
#include <limits.h>
#include <math.h>

#include "bind/bind.h"

/* {== Tables ============================================================= */

static const char *const READER = "rnn.CsvReader";

static const char *const KINDS[] = {
  [RNL_CSV_TEXT] = "text", [RNL_CSV_NUMBER] = "number",
  [RNL_CSV_DATE] = "date", [RNL_CSV_GUESS] = "guess", NULL};

typedef struct Reader {
  rnl_Csv *r;      /* NULL: closed */
  int columns;     /* 0 until they are known */
  int again;       /* the row that was cut last has not been dealt with */
} Reader;


static Reader *check_reader (lua_State *L) {
  Reader *h = luaL_checkudata(L, 1, READER);
  if (!h->r) luaL_argerror(L, 1, "attempt to use a closed reader");
  return h;
}


static int reader_gc (lua_State *L) {
  Reader *h = luaL_checkudata(L, 1, READER);
  rnl_csv_free(h->r);
  h->r = NULL;
  return 0;
}


/* csv_reader(separator) -> rnn.CsvReader */
static int l_reader (lua_State *L) {
  size_t n;
  const char *s = luaL_checklstring(L, 1, &n);
  luaL_argcheck(L, n == 1, 1, "must be one character");
  Reader *h = lua_newuserdatauv(L, sizeof *h, 0);
  *h = (Reader){NULL, 0, 0};
  luaL_setmetatable(L, READER);
  rnnlua_check(L, rnl_csv_new(rnnlua_context(L), s[0], &h->r));
  return 1;
}


/* r:missing(cell): it stands for no number */
static int l_missing (lua_State *L) {
  size_t n;
  const char *s = luaL_checklstring(L, 2, &n);
  rnnlua_check(L, rnl_csv_missing(check_reader(L)->r, s, n));
  return 0;
}


/* r:columns(kinds, keep, date_format) */
static int l_columns (lua_State *L) {
  Reader *h = check_reader(L);
  int keep = lua_toboolean(L, 3);
  const char *format = luaL_optstring(L, 4, NULL);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_Integer n = luaL_len(L, 2);
  luaL_argcheck(L, n >= 1 && n <= INT_MAX, 2, "must name each column's kind");
  rnl_CsvKind *kind = lua_newuserdatauv(L, (size_t)n * sizeof *kind, 0);
  for (lua_Integer i = 0; i < n; i++) {
    lua_geti(L, 2, i + 1);
    kind[i] = (rnl_CsvKind)luaL_checkoption(L, -1, NULL, KINDS);
    lua_pop(L, 1);
  }
  rnnlua_check(L, rnl_csv_dates(h->r, format));
  rnnlua_check(L, rnl_csv_columns(h->r, (int)n, kind, keep));
  h->columns = (int)n;
  return 0;
}


/* r:feed(piece); without one, there are no more */
static int l_feed (lua_State *L) {
  size_t n;
  const char *s = luaL_optlstring(L, 2, NULL, &n);
  rnl_Csv *r = check_reader(L)->r;
  if (s) rnnlua_check(L, rnl_csv_feed(r, s, n));
  else rnl_csv_end(r);
  return 0;
}


static void push_cell (lua_State *L, const rnl_Csv *r, int i) {
  size_t n;
  const char *s = rnl_csv_cell(r, i, &n);
  lua_pushlstring(L, s, n);
}


static void set_integer (lua_State *L, const char *name, uint64_t x) {
  lua_pushinteger(L, (lua_Integer)x);
  lua_setfield(L, -2, name);
}


/*
** What is wrong: nil, {what=, line=} and, where it is a cell, {column=, cell=,
** kind=, since=}, or {cells=} where it is their number; raises where it is not
** the table that is to blame.
*/
static int push_fault (lua_State *L, const Reader *h, int status, int cells) {
  if (status != RNL_EFORMAT) rnnlua_check(L, status);
  const rnl_CsvFault *fault = rnl_csv_fault(h->r);
  lua_pushnil(L);
  lua_createtable(L, 0, 6);
  lua_pushstring(L, fault->what);
  lua_setfield(L, -2, "what");
  set_integer(L, "line", fault->line);
  set_integer(L, "cells", (uint64_t)cells);
  if (fault->column < 0) return 2;
  set_integer(L, "column", (uint64_t)fault->column + 1);
  push_cell(L, h->r, fault->column);
  lua_setfield(L, -2, "cell");
  lua_pushstring(L, KINDS[rnl_csv_kind(h->r, fault->column)]);
  lua_setfield(L, -2, "kind");
  if (fault->since) set_integer(L, "since", fault->since);
  return 2;
}


/* Cuts the next row, unless there is one that was put back. */
static int next_row (Reader *h, int *cells) {
  int again = h->again;
  h->again = 0;
  if (!again) return rnl_csv_next(h->r, cells);
  *cells = again;
  return RNL_OK;
}


/*
** r:row(again) -> the next row as a list of strings, which comes again when
** told, its line; nil when that takes more bytes, or at the end; or nil, fault
*/
static int l_row (lua_State *L) {
  int n;
  Reader *h = check_reader(L);
  int status = next_row(h, &n);
  if (status != RNL_OK) return push_fault(L, h, status, 0);
  if (n == 0) return 0;
  lua_createtable(L, n, 0);
  for (int i = 0; i < n; i++) {
    push_cell(L, h->r, i);
    lua_rawseti(L, -2, i + 1);
  }
  h->again = lua_toboolean(L, 2) ? n : 0;
  lua_pushinteger(L, (lua_Integer)rnl_csv_line(h->r));
  return 2;
}


/*
** r:record(names) -> values of the next row by these names, its line; nil when
** that takes more bytes, or at the end; or nil, fault
*/
static int l_record (lua_State *L) {
  int n;
  Reader *h = check_reader(L);
  luaL_checktype(L, 2, LUA_TTABLE);
  int status = next_row(h, &n);
  if (status == RNL_OK && n == 0) return 0;
  if (status == RNL_OK) status = rnl_csv_take(h->r);
  if (status != RNL_OK) return push_fault(L, h, status, n);
  lua_createtable(L, 0, n);
  for (int i = 0; i < n; i++) {
    lua_rawgeti(L, 2, i + 1);
    if (rnl_csv_kind(h->r, i) == RNL_CSV_TEXT) push_cell(L, h->r, i);
    else lua_pushnumber(L, rnl_csv_value(h->r, i));
    lua_rawset(L, -3);
  }
  lua_pushinteger(L, (lua_Integer)rnl_csv_line(h->r));
  return 2;
}


/* Cells that are text, or may be, join the lists at index 2. */
static void keep_texts (lua_State *L, const Reader *h) {
  lua_Integer row = (lua_Integer)rnl_csv_rows(h->r);
  for (int i = 0; i < h->columns; i++) {
    rnl_CsvKind kind = rnl_csv_kind(h->r, i);
    if (kind != RNL_CSV_TEXT && kind != RNL_CSV_GUESS) continue;
    lua_rawgeti(L, 2, i + 1);
    push_cell(L, h->r, i);
    lua_rawseti(L, -2, row);
    lua_pop(L, 1);
  }
}


/*
** r:take(lists): takes all rows that the bytes hold; cells of text go to the
** list of their column. nil; or nil, fault
*/
static int l_take (lua_State *L) {
  Reader *h = check_reader(L);
  luaL_checktype(L, 2, LUA_TTABLE);
  luaL_argcheck(L, (lua_Integer)lua_rawlen(L, 2) == h->columns, 2,
                "must be a list for each column");
  for (int i = 1; i <= h->columns; i++) {
    if (lua_rawgeti(L, 2, i) != LUA_TTABLE)
      luaL_argerror(L, 2, "must be lists");
    lua_pop(L, 1);
  }
  for (;;) {
    int n;
    int status = next_row(h, &n);
    if (status == RNL_OK && n == 0) return 0;
    if (status == RNL_OK) status = rnl_csv_take(h->r);
    if (status != RNL_OK) return push_fault(L, h, status, n);
    keep_texts(L, h);
  }
}


/* r:kind(column) -> "text", "number", "date", or "guess": all are missing */
static int l_kind (lua_State *L) {
  Reader *h = check_reader(L);
  int i = rnnlua_checkint(L, 2, 1, h->columns) - 1;
  lua_pushstring(L, KINDS[rnl_csv_kind(h->r, i)]);
  return 1;
}


/* r:tensor(column) -> its numbers (n) float64, once */
static int l_tensor (lua_State *L) {
  rnl_Tensor *t;
  Reader *h = check_reader(L);
  int i = rnnlua_checkint(L, 2, 1, h->columns) - 1;
  rnnlua_Handle *to = rnnlua_newhandle(L);
  rnnlua_check(L, rnl_csv_tensor(h->r, i, &t));
  rnnlua_fill(to, t);
  rnl_trim(rnnlua_context(L));   /* the blocks it was gathered in */
  rnnlua_charge(L, t);
  return 1;
}


/* r:finish() -> rows that were taken; lets go of all but their lines */
static int l_finish (lua_State *L) {
  Reader *h = check_reader(L);
  h->columns = h->again = 0;
  rnl_csv_finish(h->r);
  rnl_trim(rnnlua_context(L));
  lua_pushinteger(L, (lua_Integer)rnl_csv_rows(h->r));
  return 1;
}


/* r:line(row) -> the line where it begins */
static int l_line (lua_State *L) {
  const rnl_Csv *r = check_reader(L)->r;
  lua_Integer i = luaL_checkinteger(L, 2), n = (lua_Integer)rnl_csv_rows(r);
  if (i < 1 || i > n)
    luaL_argerror(L, 2, lua_pushfstring(L, "must be 1 to %I, got %I",
                                        (LUAI_UACINT)n, (LUAI_UACINT)i));
  lua_pushinteger(L, (lua_Integer)rnl_csv_line_of(r, (uint64_t)i - 1));
  return 1;
}

/* }====================================================================== */

/* {== Dates ============================================================== */

static const char *const UNITS[] = {
  [RNL_SECONDS] = "second", [RNL_DAYS] = "day", [RNL_WEEKDAYS] = "weekday",
  [RNL_MONTHS] = "month", NULL};

static const char *const SPACINGS[] = {
  [RNL_REGULAR] = "regular", [RNL_FEW] = "few", [RNL_NO_TIME] = "none",
  [RNL_TWICE] = "twice", [RNL_BACK] = "back", [RNL_GAP] = "gap",
  [RNL_OFF] = "off", [RNL_IRREGULAR] = "irregular"};


/* date_read(s, format) -> seconds; or nil, "spelling", "order" or "range" */
static int l_date_read (lua_State *L) {
  size_t n;
  double seconds = 0;
  const char *s = luaL_checklstring(L, 1, &n);
  const char *wrong = rnl_date_read(s, n, luaL_optstring(L, 2, NULL), &seconds);
  if (!wrong) {
    lua_pushnumber(L, seconds);
    return 1;
  }
  lua_pushnil(L);
  lua_pushstring(L, wrong);
  return 2;
}


/* date_fields(seconds) -> {year=, ...}; nil when it lies in no such year */
static int l_date_fields (lua_State *L) {
  rnl_Date d;
  if (!rnl_date_of(luaL_checknumber(L, 1), &d)) return 0;
  lua_createtable(L, 0, 8);
  set_integer(L, "year", (uint64_t)d.year);
  set_integer(L, "month", (uint64_t)d.month);
  set_integer(L, "day", (uint64_t)d.day);
  set_integer(L, "hour", (uint64_t)d.hour);
  set_integer(L, "minute", (uint64_t)d.minute);
  set_integer(L, "weekday", (uint64_t)d.weekday);
  set_integer(L, "yearday", (uint64_t)d.yearday);
  if (d.second == floor(d.second)) {
    set_integer(L, "second", (uint64_t)d.second);
  } else {
    lua_pushnumber(L, d.second);
    lua_setfield(L, -2, "second");
  }
  return 1;
}


/* date_after(seconds, unit, count, day, n) -> seconds; nil beyond all years */
static int l_date_after (lua_State *L) {
  double out, seconds = luaL_checknumber(L, 1);
  rnl_Frequency f;
  f.unit = (rnl_DateUnit)luaL_checkoption(L, 2, NULL, UNITS);
  f.count = luaL_checknumber(L, 3);
  f.day = lua_isnil(L, 4) ? 0 : rnnlua_checkint(L, 4, 1, 31);
  if (!rnl_date_after(seconds, &f, (int64_t)luaL_checkinteger(L, 5), &out))
    return 0;
  lua_pushnumber(L, out);
  return 1;
}


/* date_frequency(times) -> spacing, unit, count, day, row, steps */
static int l_date_frequency (lua_State *L) {
  rnl_Frequency f;
  size_t row;
  int64_t steps;
  rnl_Tensor *t = rnnlua_checktensor(L, 1);
  luaL_argcheck(L, rnl_dtype(t) == RNL_F64 && rnl_ndim(t) == 1, 1,
                "must be float64 with one axis");
  rnl_Spacing spacing = rnl_date_frequency(rnl_data(t), rnl_count(t), &f, &row,
                                           &steps);
  lua_pushstring(L, SPACINGS[spacing]);
  lua_pushstring(L, UNITS[f.unit]);
  if (f.count == floor(f.count)) lua_pushinteger(L, (lua_Integer)f.count);
  else lua_pushnumber(L, f.count);
  lua_pushinteger(L, f.day);
  lua_pushinteger(L, (lua_Integer)row + 1);
  lua_pushinteger(L, (lua_Integer)steps);
  return 6;
}

/* }====================================================================== */

static const luaL_Reg functions[] = {
  {"csv_reader", l_reader},
  {"date_read", l_date_read},
  {"date_fields", l_date_fields},
  {"date_after", l_date_after},
  {"date_frequency", l_date_frequency},
  {NULL, NULL}
};

static const luaL_Reg meta[] = {
  {"__gc", reader_gc},
  {"__close", reader_gc},
  {NULL, NULL}
};

static const luaL_Reg methods[] = {
  {"missing", l_missing},
  {"columns", l_columns},
  {"feed", l_feed},
  {"row", l_row},
  {"record", l_record},
  {"take", l_take},
  {"kind", l_kind},
  {"tensor", l_tensor},
  {"finish", l_finish},
  {"line", l_line},
  {"close", reader_gc},
  {NULL, NULL}
};


void rnnlua_open_csv (lua_State *L) {
  rnnlua_newclass(L, READER, meta, methods);
  luaL_setfuncs(L, functions, 0);
}
