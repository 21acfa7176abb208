/*
** real.h - what ops and optimizers are written with: the float type a source
** is compiled for (see type.h), the names of its rows, vectorised loops.
*/
#ifndef RNLI_REAL_H
#define RNLI_REAL_H

#include "core/core.h"
#include "kernels/type.h"

#ifdef RNLI_F64
#define RNLI_DTYPE RNL_F64
#else
#define RNLI_DTYPE RNL_F32
#endif

#define RNLI_OP(name) const rnl_Op RNLI_T(rnli_op_##name)
#define RNLI_OPTIM(name) const rnl_OptimKind RNLI_T(rnli_optim_##name)
#define rnli_gemm RNLI_T(rnli_gemm)

#endif
