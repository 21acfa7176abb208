/*
** rnnlua.h - the Lua bridge for hosts that own a lua_State. Needs lua.h of
** Lua 5.4. A host calls
**
**     luaL_requiref(L, "rnn", luaopen_rnn, 0);  lua_pop(L, 1);
**
** and scripts then find everything by require "rnn".
*/
#ifndef RNNLUA_H
#define RNNLUA_H

#include "rnl.h"

#ifdef __cplusplus
extern "C" {
#endif

#include <lua.h>   /* here, as in lua.hpp: it has no extern "C" of its own */

/* Pushes the module table of require "rnn"; the Lua half is inside. */
RNL_API int luaopen_rnn (lua_State *L);

/*
** Makes the context of a state with an allocator of the host's, from which
** comes what tensors, tapes, optimizers and models take; Lua has one of its
** own. To be called before luaopen_rnn: RNL_ESTATE when there is a context
** already. Without it, malloc and free. Raises Lua's "not enough memory".
*/
RNL_API int rnnlua_setalloc (lua_State *L, rnl_Alloc alloc, void *ud);

/* The context of this state, made on first use. Borrowed. */
RNL_API rnl_Context *rnnlua_context (lua_State *L);

/*
** Pushes a tensor of that context and retains it; the handle lets go when Lua
** collects it. An output of a tape is pushed as a weak handle.
*/
RNL_API void rnnlua_pushtensor (lua_State *L, rnl_Tensor *t);

/*
** Pushes a tensor over an array of the host, which rnl_tensor_wrap describes:
** no number is copied. 'done' is called when Lua collects it, at the latest by
** lua_close. Ids are one less in the array than Lua sees them. Raises what is
** wrong; 'done' is not called then.
*/
RNL_API void rnnlua_pusharray (lua_State *L, rnl_Dtype dtype, int ndim,
                               const int *dim, void *data, rnl_Done done,
                               void *ud);

/* The tensor at 'arg', borrowed; raises for anything else or a closed one. */
RNL_API rnl_Tensor *rnnlua_checktensor (lua_State *L, int arg);

/*
** Pushes a model (rnnlua_infer.h) and retains it: one that several states, in
** several threads, may have at once, for it never changes. In Lua it is what
** rnn.pack gives: rnn.stepper and rnn.generate take it.
*/
RNL_API void rnnlua_pushmodel (lua_State *L, rnl_Model *model);

/* The model at 'arg', borrowed; raises for anything else. */
RNL_API rnl_Model *rnnlua_checkmodel (lua_State *L, int arg);

#ifdef __cplusplus
}
#endif

#endif
