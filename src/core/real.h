/*
** real.h - the float type an op source is compiled for. Files in ops and
** optim are compiled twice, once with RNLI_F64: 'real' is the type, and
** RNLI_T(name) the name that tells the two apart.
*/
#ifndef RNLI_REAL_H
#define RNLI_REAL_H

#include <math.h>
#include <string.h>

#include "core/core.h"

#ifdef RNLI_F64
typedef double real;
#define RNLI_T(name) name##_f64
#define RNLI_M(name) name        /* the libm function of this type */
#define RNLI_DTYPE RNL_F64
#else
typedef float real;
#define RNLI_T(name) name##_f32
#define RNLI_M(name) name##f
#define RNLI_DTYPE RNL_F32
#endif

#define RNLI_OP(name) const rnl_Op RNLI_T(rnli_op_##name)
#define RNLI_OPTIM(name) const rnl_OptimKind RNLI_T(rnli_optim_##name)
#define rnli_gemm RNLI_T(rnli_gemm)

/*
** Loops marked so are compiled for several vector widths and chosen when the
** program starts. Products and sums are never contracted, so all widths give
** the same bits.
*/
#if defined(__GNUC__) && defined(__x86_64__) && !defined(RNLI_SANITIZE)
#define RNLI_WIDE __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define RNLI_WIDE
#endif

#if defined(__GNUC__)
#define RNLI_INLINE static inline __attribute__((always_inline))
#else
#define RNLI_INLINE static inline
#endif

#endif
