/*
** bind_bytes.c - the numbers of tensors as bytes, for files of other programs:
** t:bytes(), t:setbytes(s, kind). Little-endian, as the machines we run on.
*/
#include <limits.h>
#include <math.h>
#include <string.h>

#include "bind/bind.h"

/* How numbers may be stored, and the dtype of tensors that take them. */
typedef struct Kind {
  const char *name;
  size_t size;
  rnl_Dtype dtype;
} Kind;

enum { F32, F64, I32, F16, I64, U8 };

static const Kind kinds[] = {
  {"float32", 4, RNL_F32}, {"float64", 8, RNL_F64}, {"int32", 4, RNL_I32},
  {"float16", 2, RNL_F32}, {"int64", 8, RNL_I32}, {"uint8", 1, RNL_I32}
};


/* t:bytes() -> string; int32 tensors count from 0 there */
static int l_bytes (lua_State *L) {
  rnl_Tensor *t = rnnlua_checktensor(L, 1);
  size_t n = rnl_count(t) * rnl_dtype_size(rnl_dtype(t));
  luaL_Buffer b;
  char *to = luaL_buffinitsize(L, &b, n);
  t = rnnlua_checktensor(L, 1);   /* a finalizer may have closed it */
  if (n) memcpy(to, rnl_data(t), n);
  luaL_pushresultsize(&b, n);
  return 1;
}


static double from_half (const char *raw) {
  uint16_t h;
  memcpy(&h, raw, sizeof h);
  int e = h >> 10 & 31, m = h & 1023;
  double x = ldexp(e ? 1024 + m : m, (e ? e : 1) - 25);
  if (e == 31) x = m ? (double)NAN : (double)INFINITY;
  return h & 0x8000 ? -x : x;
}


/* The number at 'raw', of a kind that is no dtype of ours. */
static double widened (int kind, const char *raw) {
  int64_t n;
  if (kind == F16) return from_half(raw);
  if (kind == U8) return (unsigned char)*raw;
  memcpy(&n, raw, sizeof n);
  return n < INT_MIN || n > INT_MAX ? (double)NAN : (double)n;
}


static int check_kind (lua_State *L, int arg, rnl_Dtype dtype) {
  static const char *const names[] = {"float32", "float64", "int32", "float16",
                                      "int64", "uint8", NULL};
  int kind = luaL_checkoption(L, arg, rnl_dtype_name(dtype), names);
  if (kinds[kind].dtype != dtype)
    luaL_argerror(L, arg, lua_pushfstring(L, "%s is for a tensor of %s, this "
                  "one is %s", names[kind],
                  rnl_dtype_name(kinds[kind].dtype), rnl_dtype_name(dtype)));
  return kind;
}


/* t:setbytes(s, kind) -> t; or nil, the element that is no int32 */
static int l_setbytes (lua_State *L) {
  size_t length;
  rnl_Tensor *t = rnnlua_checktensor(L, 1);
  const char *s = luaL_checklstring(L, 2, &length);
  int kind = check_kind(L, 3, rnl_dtype(t));
  size_t n = rnl_count(t), size = kinds[kind].size;
  if (length != n * size)
    luaL_argerror(L, 2, lua_pushfstring(L, "%I elements of %s are %I bytes, "
                  "got %I", (LUAI_UACINT)n, kinds[kind].name,
                  (LUAI_UACINT)(n * size), (LUAI_UACINT)length));
  for (size_t i = 0; kind == I64 && i < n; i++) {
    if (!isnan(widened(kind, s + i * size))) continue;
    lua_pushnil(L);
    lua_pushinteger(L, (lua_Integer)i + 1);
    return 2;
  }
  if (kind <= I32) {
    if (n) memcpy(rnl_data(t), s, length);
  } else {
    for (size_t i = 0; i < n; i++) rnl_set(t, i, widened(kind, s + i * size));
  }
  rnl_touch(t);
  lua_settop(L, 1);
  return 1;
}


/* Joins the methods of tensors. */
void rnnlua_open_bytes (lua_State *L) {
  lua_getfield(L, -1, "methods");
  lua_pushcfunction(L, l_bytes);
  lua_setfield(L, -2, "bytes");
  lua_pushcfunction(L, l_setbytes);
  lua_setfield(L, -2, "setbytes");
  lua_pop(L, 1);
}
