/*
** bind.h - what the files of the Lua binding share. They see the public
** headers only: rnl.h, rnnlua.h and Lua's.
**
** Order of work in every function: check all arguments; push what will own
** the result, closed; call the engine; rnnlua_check; fill. Nothing raises
** while C owns memory.
*/
#ifndef RNNLUA_BIND_H
#define RNNLUA_BIND_H

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "rnl.h"
#include "rnnlua.h"

/*
** What a Lua tensor holds. An output of a tape is not 'owned': (t, serial) is
** a weak reference, void once the tape closed. Every handle holds one
** reference of the context, so the header it points at stays mapped.
*/
typedef struct rnnlua_Handle {
  rnl_Context *ctx;      /* NULL: closed */
  rnl_Tensor *t;
  uint64_t serial;
  int owned;
} rnnlua_Handle;

/* Pushes a closed tensor handle. */
rnnlua_Handle *rnnlua_newhandle (lua_State *L);

/* Fills a closed handle with an engine result: takes over the reference. */
void rnnlua_fill (rnnlua_Handle *h, rnl_Tensor *t);

/* Tells Lua's collector of tensor memory it holds; may run a collection. */
void rnnlua_charge (lua_State *L, const rnl_Tensor *t);

/* Raises the engine's text unless 'status' is RNL_OK. */
void rnnlua_check (lua_State *L, int status);

/*
** For failures of the world: pushes nil, text, code ("EIO" or "EFORMAT") and
** returns 3 for those two; raises for any other status.
*/
int rnnlua_fail (lua_State *L, int status);

/* A positive C int from argument 'arg', within [lo, hi]. */
int rnnlua_checkint (lua_State *L, int arg, lua_Integer lo, lua_Integer hi);

/* "float32", "float64" or "int32" at 'arg'; the default when absent. */
rnl_Dtype rnnlua_checkdtype (lua_State *L, int arg, int def);

/* The state of a generator, a string of 64 hex digits; read from 'index', which
** is argument 'arg' or an element of it. */
void rnnlua_pushrng (lua_State *L, const rnl_Rng *rng);
void rnnlua_checkrng (lua_State *L, int index, int arg, rnl_Rng *rng);

/* The int32 tensor at 'arg', borrowed; raises for anything else. */
rnl_Tensor *rnnlua_checkids (lua_State *L, int arg);

/* Makes an int32 tensor in a closed handle; returns its ids. */
int32_t *rnnlua_fillids (lua_State *L, rnnlua_Handle *h, int ndim,
                         const int *dim);

/* Pushes a closed vocabulary; returns the place to fill. */
rnl_Vocab **rnnlua_newvocab (lua_State *L);

/* The vocabulary at 'arg', borrowed; raises for anything else. */
rnl_Vocab *rnnlua_checkvocab (lua_State *L, int arg);

/*
** What a file has, from three tables at 'names' and behind: names and tensors
** in the same order, and metadata. Pushes the memory of the lists.
*/
typedef struct rnnlua_Contents {
  const rnl_Named *tensor;
  const rnl_Meta *meta;
  int ntensor, nmeta;
} rnnlua_Contents;

rnnlua_Contents rnnlua_checkcontents (lua_State *L, int names);

/* Makes the metatable of a class: what is in 'meta', and methods in __index. */
void rnnlua_newclass (lua_State *L, const char *name, const luaL_Reg *meta,
                      const luaL_Reg *methods);

/* Each adds its functions to the table on top of the stack. */
void rnnlua_open_tensor (lua_State *L);
void rnnlua_open_bytes (lua_State *L);
void rnnlua_open_op (lua_State *L);
void rnnlua_open_tape (lua_State *L);
void rnnlua_open_optim (lua_State *L);
void rnnlua_open_file (lua_State *L);
void rnnlua_open_text (lua_State *L);
void rnnlua_open_dict (lua_State *L);
void rnnlua_open_tokens (lua_State *L);
void rnnlua_open_sys (lua_State *L);
void rnnlua_open_model (lua_State *L);
void rnnlua_open_stepper (lua_State *L);
void rnnlua_open_stats (lua_State *L);
void rnnlua_open_vectors (lua_State *L);
void rnnlua_open_csv (lua_State *L);

#endif
