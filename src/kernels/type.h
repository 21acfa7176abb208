/*
** type.h - the float type a source is compiled for. Files in kernels, ops and
** optim are compiled once per type, with RNLI_F64 for double: 'real' is the
** type, and RNLI_T(name) the name that tells the two apart.
*/
#ifndef RNLI_TYPE_H
#define RNLI_TYPE_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef RNLI_F64
typedef double real;
typedef int64_t rnli_Bits;
typedef uint64_t rnli_UBits;
#define RNLI_T(name) name##_f64
#define RNLI_M(name) name        /* the libm function of this type */
#else
typedef float real;
typedef int32_t rnli_Bits;
typedef uint32_t rnli_UBits;
#define RNLI_T(name) name##_f32
#define RNLI_M(name) name##f
#endif

#if defined(__GNUC__)
#define RNLI_INLINE static inline __attribute__((always_inline))
#else
#define RNLI_INLINE static inline
#endif

#endif
